// A partial clone: blobs that are too large to be served may be missing from it. Its configuration says
// so, by a promisor remote from which nothing can be fetched: in any other clone `git gc` takes a missing
// object for a fault. The configuration also decides whether a transfer may leave anything out, so a
// clone that was made without it stays complete.
//
// A pack from which objects may be missing is marked by a `.promisor` file beside it, for people who run
// `git gc` in the clone. Git removes nothing from marked packs, and ends when it is asked for an object
// that is missing. So what we do reads, prunes and repacks the clone in other ways (`ensurePlain`).
import { lstat, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_BLOB_BYTES } from '../../../openpgp/signature-file.ts';
import { replaceBytes, syncPath } from '../../../system/durable.ts';

/** What a remote is asked to leave out, as git-rev-list(1) has it for `--filter`. */
export const FILTER = `blob:limit=${MAX_BLOB_BYTES + 1}`;

/** The configuration of a complete clone, as `git init` writes it. */
export const WHOLE_CONFIG =
  '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n';

/** The configuration of a partial clone. No version of git can fetch from the address of its remote. */
export const PARTIAL_CONFIG = `[core]
	repositoryformatversion = 1
	filemode = true
	bare = true
[extensions]
	partialClone = lookaside
[remote "lookaside"]
	url = lookaside::nowhere
	promisor = true
	partialclonefilter = ${FILTER}
`;

const NAMES_PROMISOR = /^\s*partialclone\s*=\s*lookaside\s*$/im;

/** Whether blobs may be missing from a clone. */
export async function isPartial(clone: string): Promise<boolean> {
  const config = await readFile(join(clone, 'config'), 'utf8').catch(() => '');
  return NAMES_PROMISOR.test(config);
}

/** Makes a partial clone of an empty one. */
export async function makePartial(clone: string): Promise<void> {
  await replaceBytes(join(clone, 'config'), PARTIAL_CONFIG);
}

/** Makes a complete clone of a partial one from which nothing is missing. */
export async function makeWhole(clone: string): Promise<void> {
  await replaceBytes(join(clone, 'config'), WHOLE_CONFIG);
  for (const name of await listPacks(clone)) {
    if (name.endsWith(MARK)) await rm(join(clone, PACKS, name), { force: true });
  }
}

const PACKS = 'objects/pack';
const MARK = '.promisor';

/** Whether a clone has marked packs, whatever its configuration says. */
export async function hasMarks(clone: string): Promise<boolean> {
  return (await listPacks(clone)).some((name) => name.endsWith(MARK));
}

/** Marks all packs as ones from which objects may be missing. */
export async function markPacks(clone: string): Promise<void> {
  const names = new Set(await listPacks(clone));
  for (const name of names) {
    const mark = name.replace(/\.pack$/, MARK);
    if (mark !== name && !names.has(mark)) await writeFile(join(clone, PACKS, mark), '');
  }
}

/**
 * Makes a second repository on the objects of a partial clone, if it is not there: one without refs and
 * without the promisor remote. With that remote, a git that is asked for a missing object ends ("could
 * not fetch"), and `git repack --geometric` fails ("cannot use internal rev list with --stdin-packs");
 * both seen with 2.39.5. Gives its directory.
 */
export async function ensurePlain(clone: string): Promise<string> {
  const plain = join(clone, 'plain');
  const last = join(plain, 'objects');
  if (await lstat(last).catch(() => undefined)) return plain;
  await mkdir(join(plain, 'refs'), { recursive: true });
  await writeFile(join(plain, 'HEAD'), 'ref: refs/heads/main\n');
  await writeFile(join(plain, 'config'), WHOLE_CONFIG);
  await symlink('../objects', last);
  return plain;
}

/**
 * Arguments for git to write a pack of all that the refs lead to, or with `--revs` of all that the commits
 * on its stdin lead to, as far as it is there. `path` is the beginning of the path of the pack.
 */
export const packArguments = (
  path: string,
  what: '--all' | '--revs',
): readonly [string, ...string[]] => [
  'pack-objects',
  what,
  '--missing=allow-any',
  '--delta-base-offset',
  '--quiet',
  path,
];

/** The path for `packArguments` that puts the pack into a clone. */
export const packPath = (clone: string): string => join(clone, PACKS, 'pack');

/** The names of all files in the directory of packs. */
export async function listPacks(clone: string): Promise<readonly string[]> {
  return readdir(join(clone, PACKS)).catch(() => []);
}

/** Removes the packs with these files, except the one with the hash `kept`. */
export async function removePacks(
  clone: string,
  files: readonly string[],
  kept: string,
): Promise<void> {
  await syncPath(join(clone, PACKS));
  // First the indexes: without its index git does not see a pack.
  const others = files.filter((name) => !name.startsWith(`pack-${kept}.`));
  const indexes = new Set(others.filter((name) => name.endsWith('.idx')));
  for (const name of new Set([...indexes, ...others])) {
    if (name.startsWith('pack-')) await rm(join(clone, PACKS, name), { force: true });
  }
}
