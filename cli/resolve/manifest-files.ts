// Files of Kubernetes manifests, read and written back: each is replaced as a whole or not at all, keeps its
// mode, and is what it was if something else has written it meanwhile.
import { randomBytes } from 'node:crypto';
import { readFile, readdir, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { renameDurably, writeNew } from '../../generator/system/durable.ts';
import { readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { formatBytes } from '../../generator/terms/text.ts';
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
  /** Whether it is a template of a Helm chart by its place, which need not be YAML. */
  readonly isTemplate: boolean;
  /** Whether it is a link in a directory that was named, and leads to a file outside of it. */
  readonly leadsOut: boolean;
  readonly text: string;
}

type ManifestPlace = Omit<ManifestText, 'text'>;

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
      const bytes = await readStandardInput(stdin);
      found.push({ ...toNamed(place), text: decode('standard input', bytes) });
      continue;
    }
    for await (const one of filesAt(place)) {
      if (found.length >= MOST_FILES) {
        throw new UsageError(`there are more than ${MOST_FILES} files`, 'name fewer directories');
      }
      found.push({ ...one, text: await readManifestText(one.path) });
    }
  }
  return found;
}

function toNamed(path: string): ManifestPlace {
  return { path, isNamed: true, isTemplate: false, leadsOut: false };
}

async function* filesAt(place: string): AsyncGenerator<ManifestPlace> {
  const stats = await stat(place).catch((cause: unknown) => {
    const hint = 'name a file, or a directory with manifests';
    throw new UsageError(`cannot read manifests: ${messageOf(cause)}`, hint, { cause });
  });
  if (stats.isDirectory()) yield* below(place, { root: await realpath(place), depth: 0 });
  else yield toNamed(place);
}

interface Below {
  /** The directory that was named, without links. */
  readonly root: string;
  readonly depth: number;
  /** Whether this is one of the templates of a chart. */
  readonly isTemplate?: boolean;
}

/**
 * In the order of their names; hidden directories, as that of git, are passed over, and links are followed to
 * files only, as kubectl does.
 */
async function* below(
  directory: string,
  { root, depth, isTemplate = false }: Below,
): AsyncGenerator<ManifestPlace> {
  if (depth > MOST_DEPTH) {
    throw new UsageError(`${directory} is nested too deeply`, 'name a directory further down');
  }
  const entries = await readdir(directory, { withFileTypes: true });
  const isChart = entries.some(({ name }) => name === 'Chart.yaml');
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    const isLink = entry.isSymbolicLink();
    if (MANIFEST.test(entry.name) && (entry.isFile() || (isLink && (await isFile(path))))) {
      const leadsOut = isLink && !(await realpath(path)).startsWith(root + sep);
      yield { path, isNamed: false, isTemplate, leadsOut };
    }
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    const isOfChart = isTemplate || (isChart && entry.name === 'templates');
    yield* below(path, { root, depth: depth + 1, isTemplate: isOfChart });
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

async function readManifestText(path: string): Promise<string> {
  const bytes = await readBounded(path, MAX_FILE_BYTES).catch((cause: unknown) => {
    throw new UsageError(`cannot read manifests: ${messageOf(cause)}`, 'name a file of them', {
      cause,
    });
  });
  return decode(path, bytes);
}

async function readStandardInput(stdin: NodeJS.ReadableStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stdin) {
    const bytes = Buffer.from(piece);
    size += bytes.length;
    if (size > MAX_FILE_BYTES) {
      const message = `expected at most ${formatBytes(MAX_FILE_BYTES)} of manifests, got more`;
      throw new UsageError(message, 'give them in parts');
    }
    pieces.push(bytes);
  }
  return Buffer.concat(pieces);
}

function decode(path: string, bytes: Uint8Array): string {
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
      if (file.leadsOut) {
        const message = `${file.path} leads out of the directory that was named`;
        throw new UsageError(message, 'name the file that it leads to');
      }
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
