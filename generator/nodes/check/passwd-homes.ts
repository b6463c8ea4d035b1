/** Above, a node has its users elsewhere, or the file was made to keep us busy. */
export const MAX_HOMES = 1000;

/** Homes that are there for nobody. */
const NO_HOMES: ReadonlySet<string> = new Set(['', 'nonexistent']);

/**
 * The homes of users by the text of a passwd(5), relative to the root, each once; those behind the
 * first {@link MAX_HOMES} are left out.
 */
export function parsePasswdHomes(untrustedText: string): readonly string[] {
  const homes = new Set<string>();
  for (const line of untrustedText.split('\n')) {
    const home = line.split(':')[5];
    if (home === undefined || !home.startsWith('/') || home.includes('\0')) continue;
    const names = home.split('/').filter((name) => name !== '' && name !== '.');
    if (names.includes('..') || NO_HOMES.has(names.join('/'))) continue;
    homes.add(names.join('/'));
    if (homes.size === MAX_HOMES) break;
  }
  return [...homes];
}
