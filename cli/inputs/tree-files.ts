// What the configuration of a signature repository is made of: whoever pushes to it may have put anything
// there.
import { dirname } from 'node:path/posix';
import { MOST_KEY_BYTES, MOST_TEXT_BYTES } from '../../generator/system/read-bounded.ts';
import { formatBytes } from '../../generator/terms/text.ts';
import { REPOSITORY_CONFIG } from '../../signing/target/repository-address.ts';
import type { TipEntry, TipTree } from '../../generator/sources/git/objects/tip-tree.ts';
import { UsageError } from '../base/usage-error.ts';

/** Files of keys, far above what anybody has. */
const MOST_KEY_FILES = 1000;

const KINDS: Readonly<Record<TipEntry['kind'], string>> = {
  file: 'a file',
  directory: 'a directory',
  symlink: 'a symbolic link',
  submodule: 'a submodule',
};

/**
 * The bytes of the configuration; undefined where there is none.
 * @throws UsageError for what is no file, or no configuration by its size
 */
export async function readConfigFile(tree: TipTree): Promise<Buffer | undefined> {
  const entry = (await tree.find([REPOSITORY_CONFIG])).get(REPOSITORY_CONFIG);
  if (entry === undefined) return undefined;
  if (entry.kind !== 'file') {
    const message = `${REPOSITORY_CONFIG}: expected a file, got ${KINDS[entry.kind]}`;
    throw new UsageError(message, 'commit the configuration itself under that name');
  }
  const size = (await tree.sizes([entry.id])).get(entry.id) ?? 0;
  if (size > MOST_TEXT_BYTES) {
    const message = `${REPOSITORY_CONFIG}: expected at most ${formatBytes(MOST_TEXT_BYTES)}, got ${formatBytes(size)}`;
    throw new UsageError(message, 'see what stands in its place');
  }
  return tree.readFile(REPOSITORY_CONFIG);
}

/**
 * Sees that the paths of keys lead to files and directories, as far as there is something.
 * @throws UsageError for one that leads elsewhere
 */
export async function assertKeyPaths(tree: TipTree, paths: readonly string[]): Promise<void> {
  const found = await tree.find(paths.flatMap(listWays));
  for (const path of paths) {
    for (const way of listWays(path)) {
      const kind = found.get(way)?.kind ?? 'directory';
      if (kind === 'directory' || (kind === 'file' && way === path)) continue;
      const at = way === path ? path : `${path}: ${way}`;
      const expected = way === path ? 'a file or a directory of keys' : 'a directory';
      const message = `${REPOSITORY_CONFIG}: ${at}: expected ${expected}, got ${KINDS[kind]}`;
      throw new UsageError(message, 'commit the public keys themselves, and name them there');
    }
  }
}

/** The path and those of the directories on the way to it. */
function listWays(path: string): readonly string[] {
  const around = dirname(path);
  return around === '.' ? [path] : [...listWays(around), path];
}

/**
 * Reads files of keys, given by path with their object names.
 * @throws UsageError for too many, or too large ones
 */
export async function readKeyTexts(
  tree: TipTree,
  files: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, Buffer>> {
  const hint = `name fewer keys in ${REPOSITORY_CONFIG}, each in a file of its own`;
  if (files.size > MOST_KEY_FILES) {
    const [path = ''] = files.keys();
    const message = `${dirname(path)}: expected at most ${MOST_KEY_FILES} files of keys, got ${files.size}`;
    throw new UsageError(message, hint);
  }
  const sizes = await tree.sizes(files.values());
  let bytes = 0;
  for (const [path, id] of files) {
    bytes += sizes.get(id) ?? 0;
    if (bytes <= MOST_KEY_BYTES) continue;
    const most = formatBytes(MOST_KEY_BYTES);
    const message = `${path}: expected keys of at most ${most} in all, got ${formatBytes(bytes)} up to this file`;
    throw new UsageError(message, hint);
  }
  return tree.read(files.values());
}
