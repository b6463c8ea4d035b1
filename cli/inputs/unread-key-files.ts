// Files beside keys that are not read for their names: most often keys that somebody misses.
import { readdir } from 'node:fs/promises';
import type { Settings } from '../base/options.ts';
import { toLine } from '../../generator/terms/text.ts';
import { KEY_FILE } from './read-keys.ts';

/** So many names are told of one directory. */
const SHOWN = 5;
/** What lies in a directory of keys, and nobody takes for one. */
const NO_KEY = /^(?:\.|README|LICENSE|CODEOWNERS$)/i;

/** A warning for each directory of keys that has files of other endings. */
export async function findUnreadKeyFiles({
  keys,
  scope,
  scopes = {},
  releases = [],
}: Pick<Settings, 'keys' | 'scope' | 'scopes' | 'releases'>): Promise<readonly string[]> {
  const named = [
    ...keys,
    ...scope.map(({ path }) => path),
    ...[...Object.values(scopes), ...releases].flatMap((one) => one.keys),
  ];
  const warnings = await Promise.all([...new Set(named)].map(async (path) => describeUnread(path)));
  return warnings.flatMap((warning) => warning ?? []);
}

async function describeUnread(path: string): Promise<string | undefined> {
  // A file, or nothing that can be read: whoever reads the keys tells it.
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const names = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .filter((name) => !KEY_FILE.test(name) && !NO_KEY.test(name))
    .toSorted();
  if (names.length === 0) return undefined;
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return toLine(
    `${path}: only .asc and .gpg files are read as keys, not ${names.slice(0, SHOWN).join(', ')}${more}: give keys one of these endings, and move the rest elsewhere`,
  );
}
