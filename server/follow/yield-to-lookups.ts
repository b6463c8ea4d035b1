/**
 * Calls back when what has come meanwhile was read. For work of several steps, so that a lookup
 * waits for one of them and not for all.
 */
export function afterLookups(callback: () => void): void {
  // What is read next comes between the two.
  setImmediate(() => setImmediate(callback));
}
