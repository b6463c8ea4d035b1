// A clone from which blobs may be missing that are too large to be served. Its configuration says so,
// by a promisor remote from which nothing can be fetched: `git gc` takes a hole for a fault in any other
// clone. The configuration is also what decides whether a transfer may leave anything out, so a clone
// that was made without stays whole.
//
// Git marks packs whose holes are excused by a file beside them. That is for people who run `git gc` in
// a clone. It removes nothing of marked packs, and whoever asks git for what is excused ends it: what we
// read, remove and put together is told to git in other words.
import { lstat, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_BLOB_BYTES } from '../../../openpgp/signature-file.ts';
import { replaceBytes, syncPath } from '../../../system/durable.ts';

/** What a remote is asked to leave out, as git-rev-list(1) has it for `--filter`. */
export const FILTER = `blob:limit=${MAX_BLOB_BYTES + 1}`;

/** What `git init` writes, and nothing of ours. */
export const WHOLE_CONFIG =
  '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n';

/** The remote has an address that no git can fetch from, whatever its version. */
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

/** Lets blobs be missing from a clone. */
export async function makePartial(clone: string): Promise<void> {
  await replaceBytes(join(clone, 'config'), PARTIAL_CONFIG);
}

/** For a clone from which nothing is missing: from now on nothing may be. */
export async function makeWhole(clone: string): Promise<void> {
  await replaceBytes(join(clone, 'config'), WHOLE_CONFIG);
  for (const name of await listPacks(clone)) {
    if (name.endsWith(MARK)) await rm(join(clone, PACKS, name), { force: true });
  }
}

const PACKS = 'objects/pack';
const MARK = '.promisor';

/** Whether a clone has packs with holes, whatever its configuration says. */
export async function hasMarks(clone: string): Promise<boolean> {
  return (await listPacks(clone)).some((name) => name.endsWith(MARK));
}

/** Excuses the holes of all packs. */
export async function markPacks(clone: string): Promise<void> {
  const names = new Set(await listPacks(clone));
  for (const name of names) {
    const mark = name.replace(/\.pack$/, MARK);
    if (mark !== name && !names.has(mark)) await writeFile(join(clone, PACKS, mark), '');
  }
}

/**
 * Makes a repository in which git takes the objects of a partial clone for those of any other, if it is
 * not there. Where a promisor remote is named, git cannot be asked what is missing: it ends ("could not
 * fetch"); and it does not put packs together by `--geometric` ("cannot use internal rev list with
 * --stdin-packs"); both seen with 2.39.5. Gives its directory, which has no refs.
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
 * Writes all that refs lead to, or with `--revs` the commits that are read, as far as it is there, to
 * a pack at this path with a name behind it.
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

/** Where packs of a clone are written to by `packArguments`. */
export const packPath = (clone: string): string => join(clone, PACKS, 'pack');

/** The names of all files of packs. */
export async function listPacks(clone: string): Promise<readonly string[]> {
  return readdir(join(clone, PACKS)).catch(() => []);
}

/** Removes the packs that these files are of, but for the one with this hash. */
export async function removePacks(
  clone: string,
  files: readonly string[],
  kept: string,
): Promise<void> {
  await syncPath(join(clone, PACKS));
  // Without its index a pack is not there for git.
  const others = files.filter((name) => !name.startsWith(`pack-${kept}.`));
  const indexes = new Set(others.filter((name) => name.endsWith('.idx')));
  for (const name of new Set([...indexes, ...others])) {
    if (name.startsWith('pack-')) await rm(join(clone, PACKS, name), { force: true });
  }
}
