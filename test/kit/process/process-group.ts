/** Process groups that the tests started: none of them outlives the tests. */
const running = new Set<number>();

process.on('exit', () => running.forEach((pid) => killGroup(pid)));
// Without a handler a signal ends the tests at once, and 'exit' never comes.
for (const [signal, code] of [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

/** Has the group led by `pid` killed when the tests end, unless `killGroup` came first. */
export function trackGroup(pid: number): void {
  running.add(pid);
}

/** Kills at once what is left of the group led by `pid`. */
export function killGroup(pid: number): void {
  running.delete(pid);
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The whole group is gone already.
  }
}
