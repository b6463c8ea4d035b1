// Git works for refreshes while nodes wait for lookups: where processors are scarce, git waits.
import { readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** As nice(1) counts. */
const NICENESS = 10;

/** Lets others go before a process, and before those that it starts from now on. */
export function giveWay(pid: number): void {
  attempt(() => setPriority(pid, NICENESS));
}

/** The same for a process with a session of its own, which Linux weighs as a whole (sched(7)). */
export function giveWayAsSession(pid: number): void {
  giveWay(pid);
  attempt(() => writeFileSync(`/proc/${pid}/autogroup`, String(NICENESS)));
}

/**
 * One of several processors that this process may use, numbered as taskset(1) has it, for work of
 * many processes that shall leave the others free. Undefined where there is no choice, or none is
 * known.
 */
export function chooseProcessor(): number | undefined {
  let [status, online] = ['', ''];
  attempt(() => {
    status = readFileSync('/proc/self/status', 'latin1');
    online = readFileSync('/sys/devices/system/cpu/online', 'latin1').trim();
  });
  const allowed = parseProcessors(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '');
  // Those that could be plugged in are allowed too.
  const present = new Set(parseProcessors(online));
  const usable = allowed.filter((processor) => present.has(processor));
  // Any of them: other servers on this machine choose too.
  return usable.length > 1 ? usable[Math.floor(Math.random() * usable.length)] : undefined;
}

/** The numbers of a list as `0-3,8` (cpuset(7), "List format"). */
export function parseProcessors(list: string): readonly number[] {
  const ranges = list.split(',').filter((range) => range !== '');
  return ranges.flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Where that cannot be done, all goes on as before. */
function attempt(change: () => void): void {
  try {
    change();
  } catch {
    // Nothing is lost.
  }
}
