// Git works for refreshes while nodes wait for lookups: where processors are scarce, git waits.
import { writeFileSync } from 'node:fs';
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

/** Where that cannot be done, all goes on as before. */
function attempt(change: () => void): void {
  try {
    change();
  } catch {
    // Nothing is lost.
  }
}
