// What differs between two trees, whatever their size, by `git diff-tree`.
import type { CatFile } from './cat-file.ts';
import { type Change, toEntries } from './change.ts';
import { type Environment, readGit } from './git-child.ts';
import { parseRecords } from './parse-records.ts';
import type { Entry } from './source.ts';

const NONE = /^0+$/;

/** What differs, as entries of the newer tree. Sizes are asked of `sizes`; `ending` stops git. Throws a SourceError. */
export async function* diffTrees(
  directory: string,
  environment: Environment,
  sizes: CatFile,
  from: string,
  to: string,
  ending?: AbortSignal,
): AsyncGenerator<Entry[]> {
  const output = readGit(
    directory,
    environment,
    ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', from, to],
    ending,
  );
  let heading: string | undefined;
  for await (const records of parseRecords(output)) {
    const changes: Change[] = [];
    for (const record of records) {
      if (heading === undefined) heading = record.toString('latin1');
      else {
        changes.push(toChange(heading, record));
        heading = undefined;
      }
    }
    yield await toEntries(changes, sizes);
  }
}

/** `:OLDMODE NEWMODE OLDID NEWID STATUS`, and the path. */
function toChange(heading: string, name: Uint8Array): Change {
  const [, mode = '', , id = ''] = heading.split(' ');
  return { name, now: NONE.test(mode) ? undefined : { mode, id } };
}
