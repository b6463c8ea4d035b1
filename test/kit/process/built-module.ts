/**
 * The address of a module of the built program (`generator/system/durable`), for tests that import
 * it in a process of their own: that starts in a third of the time that the source takes.
 */
export function builtModule(name: string): string {
  return new URL(`../../../dist/${name}.js`, import.meta.url).href;
}
