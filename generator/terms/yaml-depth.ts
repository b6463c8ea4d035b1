/** Neither a configuration nor an object of a cluster has so many levels. */
const MOST_LEVELS = 1000;

/** Whether a parser of YAML may run out of stack, which not even an error survives in all cases. */
export function isYamlTooDeep(text: string): boolean {
  let open = 0;
  for (const bracket of text.matchAll(/[[\]{}]/g)) {
    // Below none there is nothing to close: it may stand in a text.
    open = Math.max(0, open + (bracket[0] === '[' || bracket[0] === '{' ? 1 : -1));
    if (open > MOST_LEVELS) return true;
  }
  const lines = text.split('\n');
  return lines.some((line) => line.length - line.replace(/^[ \t?-]+/, '').length > MOST_LEVELS);
}
