/**
 * Milliseconds of processor time that something takes in this process, which may give a promise. Other
 * processes of a busy machine hardly count, as they do in the time on a clock.
 */
export async function measureProcessor(what: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await what();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
