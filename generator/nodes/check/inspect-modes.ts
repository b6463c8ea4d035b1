import { type NodeFinding, createFinding } from './finding.ts';
import type { ClosedEntry } from './node-state.ts';

const OCTAL = 8;
const MODE_DIGITS = 4;

/** What keeps the tools of users, who are not root, from what they read as root's do. */
export function inspectModes(closed: readonly ClosedEntry[]): readonly NodeFinding[] {
  return closed.map(({ path, isDirectory, mode }) => {
    const expected = isDirectory ? 'a directory that is open to all' : 'a file that all may read';
    const digits = mode.toString(OCTAL).padStart(MODE_DIGITS, '0');
    const message = `expected ${expected}, got one of mode ${digits}`;
    return createFinding('not-readable-by-users', path, message, { severity: 'warning' });
  });
}
