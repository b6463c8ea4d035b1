// Files of Kubernetes manifests, read and written back: each is replaced as a whole or not at all, keeps its
// mode, and is what it was if something else has written it meanwhile.
import { randomBytes } from 'node:crypto';
import { readFile, readdir, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { renameDurably, writeNew } from '../../generator/system/durable.ts';
import { readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { UsageError } from '../base/usage-error.ts';

/** Far more than any file of manifests, of which each is at most 1.5 MiB in a cluster. Bytes. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** More than the repository of any team has. */
const MOST_FILES = 10_000;
const MOST_DEPTH = 32;
const MANIFEST = /\.(?:ya?ml|json)$/i;
/** Standard input. */
export const STANDARD_INPUT = '-';

export interface ManifestText {
  /** As it was named, or found below a directory that was. */
  readonly path: string;
  /** Whether somebody named the file itself, and so means that it has manifests. */
  readonly isNamed: boolean;
  readonly text: string;
}

/**
 * Reads files, and those below directories whose names end as manifests do.
 * @throws UsageError
 */
export async function readManifestFiles(
  places: readonly string[],
  stdin: NodeJS.ReadableStream,
): Promise<readonly ManifestText[]> {
  const found: ManifestText[] = [];
  for (const place of new Set(places)) {
    if (place === STANDARD_INPUT) {
      found.push({ path: place, isNamed: true, text: await readText(stdin) });
      continue;
    }
    for await (const { path, isNamed } of filesAt(place)) {
      if (found.length >= MOST_FILES) {
        throw new UsageError(`there are more than ${MOST_FILES} files`, 'name fewer directories');
      }
      found.push({ path, isNamed, text: await readManifestText(path) });
    }
  }
  return found;
}

async function* filesAt(place: string): AsyncGenerator<{ path: string; isNamed: boolean }> {
  const stats = await stat(place).catch((cause: unknown) => {
    const hint = 'name a file, or a directory with manifests';
    throw new UsageError(`cannot read manifests: ${messageOf(cause)}`, hint, { cause });
  });
  if (stats.isDirectory()) for await (const path of below(place, 0)) yield { path, isNamed: false };
  else yield { path: place, isNamed: true };
}

/** In the order of their names; hidden directories, as that of git, are passed over, and links not followed. */
async function* below(directory: string, depth: number): AsyncGenerator<string> {
  const entries = await readdir(directory, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (entry.isFile() && MANIFEST.test(entry.name)) yield path;
    const isOpen = entry.isDirectory() && !entry.name.startsWith('.') && depth < MOST_DEPTH;
    if (isOpen) yield* below(path, depth + 1);
  }
}

async function readManifestText(path: string): Promise<string> {
  const bytes = await readBounded(path, MAX_FILE_BYTES).catch((cause: unknown) => {
    throw new UsageError(`cannot read manifests: ${messageOf(cause)}`, 'name a file of them', {
      cause,
    });
  });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError(`${path}: expected UTF-8`, 'save the file as UTF-8', { cause });
  }
}

/** A file and what is to be in it. */
export interface ManifestChange {
  readonly file: ManifestText;
  readonly text: string;
}

/**
 * Replaces files. All new ones are on the disk before the first takes the place of an old one.
 * @throws UsageError; a file that is not replaced by then is as it was
 */
export async function writeManifestFiles(changes: readonly ManifestChange[]): Promise<void> {
  const ready: { readonly temporary: string; readonly target: string; readonly before: string }[] =
    [];
  try {
    for (const { file, text } of changes) {
      // A link stays one, and what it leads to is replaced.
      const target = await realpath(file.path);
      const name = `.${basename(target)}.${randomBytes(6).toString('hex')}`;
      const temporary = join(dirname(target), name);
      const { mode } = await stat(target);
      await writeNew(temporary, mode & 0o7777, async (handle) => {
        await handle.writeFile(text);
        return true;
      });
      ready.push({ temporary, target, before: file.text });
    }
    for (const { target, before } of ready) await assertUnchanged(target, before);
    for (const { temporary, target } of ready) await renameDurably(temporary, target);
  } catch (cause) {
    for (const { temporary } of ready) await rm(temporary, { force: true }).catch(() => undefined);
    if (cause instanceof UsageError) throw cause;
    const hint = 'make the directory of the file writable';
    throw new UsageError(`cannot write manifests: ${messageOf(cause)}`, hint, { cause });
  }
}

async function assertUnchanged(path: string, before: string): Promise<void> {
  if ((await readFile(path)).equals(Buffer.from(before))) return;
  throw new UsageError(`${path} was changed while its images were resolved`, 'run this again');
}
