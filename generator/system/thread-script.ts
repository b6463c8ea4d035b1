/**
 * The script of a thread, by its path below `generator/` without the extension. It is always that
 * of the built program: from its sources Node cannot start a thread.
 */
export function threadScript(name: string): URL {
  const built = import.meta.url.endsWith('.ts') ? '../../dist/generator' : '..';
  return new URL(`${built}/${name}.js`, import.meta.url);
}
