/**
 * Repeats a measurement `times` times, but begins none after `seconds`; it is done once at least.
 */
export async function repeatWithin<T>(
  { times, seconds }: { readonly times: number; readonly seconds: number },
  measure: () => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  const started = performance.now();
  do results.push(await measure());
  while (results.length < times && performance.now() - started < seconds * 1000);
  return results;
}
