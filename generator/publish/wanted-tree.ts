// What a static tree has to hold, whether a directory holds it, and by which name it goes.
import { createHash } from 'node:crypto';
import { type Stats, lstatSync, readFileSync, readdirSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredSignature } from '../store/store.ts';
import { formatLocation } from '../terms/location.ts';
import type { TreeFacts } from './tree-facts.ts';

/** A signature with the place that it is served from. */
export interface ServedSignature {
  readonly directory: string;
  readonly number: number;
  readonly signature: StoredSignature;
}

/** What of a store goes into its tree: each place once, those of a directory one behind the other. */
export interface ServedStore {
  readonly published: () => Iterable<ServedSignature>;
}

/** What a static tree has to hold, and nothing else. Paths are relative, with `/`. */
export interface WantedTree {
  /** Each path once. */
  readonly files: readonly (readonly [path: string, file: StoredSignature])[];
  /** The names in every directory, sorted; the root is ''. Parents come before children. */
  readonly directories: ReadonlyMap<string, readonly string[]>;
}

/** The static tree of a store. */
export function toWantedTree(store: ServedStore): WantedTree {
  const files: (readonly [string, StoredSignature])[] = [];
  const directories = new Map<string, string[]>([['', []]]);
  const namesIn = (directory: string): string[] => {
    const known = directories.get(directory);
    if (known) return known;
    addTo(directory);
    const names: string[] = [];
    directories.set(directory, names);
    return names;
  };
  const addTo = (path: string): void => {
    const slash = path.lastIndexOf('/');
    namesIn(path.slice(0, Math.max(slash, 0))).push(path.slice(slash + 1));
  };
  let last = '';
  let names: string[] = [];
  for (const { directory, number, signature } of store.published()) {
    files.push([formatLocation(directory, number), signature]);
    // Those of a directory come one behind the other.
    if (directory !== last) names = namesIn(directory);
    last = directory;
    names.push(formatLocation('', number).slice(1));
  }
  for (const listed of directories.values()) if (listed.length > 1) listed.sort();
  return { files, directories };
}

/** Everybody may read a tree, whatever the umask is. */
export const DIRECTORY_MODE = 0o755;
export const FILE_MODE = 0o644;
const PERMISSIONS = 0o777;
/** Longer lists of names are kept as a hash. Characters. */
const MAX_NAMES_LENGTH = 64;

/** Whether a directory holds the wanted tree, byte for byte and mode for mode, and nothing else. */
export function holdsTree(root: string, wanted: WantedTree, facts: TreeFacts): boolean {
  // All of it is looked at even if something is wrong: the rest is to be noted as well.
  let holds = true;
  for (const [path, names] of wanted.directories) {
    if (!isIntactDirectory(`${root}/${path}`, names, facts)) holds = false;
  }
  for (const [path, file] of wanted.files) {
    if (!isIntactFile(`${root}/${path}`, file, facts)) holds = false;
  }
  return holds;
}

/** Whether there is a regular file with these bytes and the right mode. */
export function isIntactFile(path: string, file: StoredSignature, facts: TreeFacts): boolean {
  const stats = statsOf(path);
  if (!stats?.isFile()) return false;
  if (facts.has(stats, file.hash)) return true;
  if ((stats.mode & PERMISSIONS) !== FILE_MODE || stats.size !== file.bytes.length) return false;
  if (!tryTo(() => readFileSync(path))?.equals(file.bytes)) return false;
  facts.note(stats, file.hash);
  return true;
}

/** Whether there is a directory with these (sorted) names in it and the right mode. */
export function isIntactDirectory(
  path: string,
  names: readonly string[],
  facts: TreeFacts,
): boolean {
  const stats = statsOf(path);
  if (!stats?.isDirectory()) return false;
  const content = contentOf(names);
  if (facts.has(stats, content)) return true;
  if ((stats.mode & PERMISSIONS) !== DIRECTORY_MODE) return false;
  const found = tryTo(() => readdirSync(path).toSorted());
  if (!found || contentOf(found) !== content) return false;
  facts.note(stats, content);
  return true;
}

function contentOf(names: readonly string[]): string {
  // No name has a slash in it, and no hash starts with one.
  const list = `/${names.join('/')}`;
  if (list.length <= MAX_NAMES_LENGTH) return list;
  return `/${names.length}/${createHash('sha256').update(list).digest('base64url')}`;
}

function statsOf(path: string): Stats | undefined {
  return tryTo(() => lstatSync(path, { throwIfNoEntry: false }));
}

/** What cannot be read is not intact, for whatever reason. */
function tryTo<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const CONTENT_ID_LENGTH = 16;
/** A commit, or a name for the content; both where one does not do; and a number behind a damaged one. */
const GENERATION_ID = /^(?:[0-9a-f]{16}|[0-9a-f]{40}|[0-9a-f]{64})(?:-[0-9a-f]{16}(?:-[0-9]+)?)?$/;

/** Whether a name has the form that `generationId` gives. Others are not ours to remove. */
export function isGenerationId(name: string): boolean {
  return GENERATION_ID.test(name);
}

/**
 * A name below `generations` that is free, or that stands for the wanted tree already: the commit,
 * or without one a name for the content. The same commit gives another tree with other keys; then
 * the content tells them apart. What was damaged stays until it is pruned, as `current` may still
 * lead to it.
 */
export async function generationId(
  generations: string,
  commit: string | undefined,
  wanted: WantedTree,
  facts: TreeFacts,
): Promise<string> {
  const isFree = async (id: string): Promise<boolean> => {
    const generation = join(generations, id);
    const isThere = await lstat(generation).then(
      () => true,
      () => false,
    );
    return !isThere || holdsTree(generation, wanted, facts);
  };
  if (commit !== undefined && (await isFree(commit))) return commit;
  const content = contentId(wanted);
  if (commit === undefined && (await isFree(content))) return content;
  const id = `${commit ?? content}-${content}`;
  let free = id;
  for (let damaged = 1; !(await isFree(free)); damaged++) free = `${id}-${damaged}`;
  return free;
}

function contentId(wanted: WantedTree): string {
  const lines = wanted.files.map(([path, { hash }]) => `${path} ${hash}\n`);
  const hash = createHash('sha256').update(lines.toSorted().join(''));
  return hash.digest('hex').slice(0, CONTENT_ID_LENGTH);
}
