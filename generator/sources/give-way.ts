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
  let status = '';
  attempt(() => void (status = readFileSync('/proc/self/status', 'latin1')));
  const allowed = parseProcessors(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '');
  // Any of them: other servers on this machine choose too.
  return allowed.length > 1 ? allowed[Math.floor(Math.random() * allowed.length)] : undefined;
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
