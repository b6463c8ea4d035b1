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
  const list = /^Cpus_allowed_list:\s*([\d,-]+)$/m.exec(status)?.[1] ?? '';
  const allowed = list.split(',').flatMap((range) => {
    const [first = NaN, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 || 0 }, (_, index) => first + index);
  });
  // Any of them: other servers on this machine choose too.
  return allowed.length > 1 ? allowed[Math.floor(Math.random() * allowed.length)] : undefined;
}

/** Where that cannot be done, all goes on as before. */
function attempt(change: () => void): void {
  try {
    change();
  } catch {
    // Nothing is lost.
  }
}
