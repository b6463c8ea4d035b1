/**
 * Calls back when the lookups that have come meanwhile are answered. For work of several steps, so that
 * a lookup waits for one of them and not for all.
 */
export function yieldToLookups(callback: () => void): void {
  // Node reads what has come between the two.
  setImmediate(() => setImmediate(callback));
}
