// What skopeo and podman leave behind, in whatever layout:
//
//   STAGING/[PREFIX/]REPO@sha256=HEX/signature-N   a staging directory, `podman image sign --directory`
//   COPY/signature-N beside COPY/manifest.json      a `dir:` copy of an image
//   COPY/HEX.signature-N                            the same of a list, for one of its images
//   TREE/HOST:PORT/NAME:TAG/…                       copies made by `skopeo sync`
//
// What a signature is for, only the signature says: its path is never asked.
import { createReadStream } from 'node:fs';
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MAX_BLOB_BYTES } from '../../generator/openpgp/signature-file.ts';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import { parseDirectory, parseSignatureName } from '../../generator/terms/location.ts';
import { SigningError } from '../signing-error.ts';
import type { CandidateFile } from './candidate.ts';

/** The prefix by which clients name a directory that holds an image. */
const COPY = 'dir:';
/** `HEX.signature-N` of sha256, `ALGORITHM-HEX.signature-N` of others (containers/image directory). */
const OF_INSTANCE = /^(?:[a-z0-9]+-)?[0-9a-f]{64,128}\./;
const MANIFEST = 'manifest.json';
/** Files read at once. */
const AT_ONCE = 64;

/** A file that is named like a signature. */
interface FoundFile {
  readonly file: string;
  readonly staging: string | undefined;
}

/**
 * Reads the signatures that lie at the operands, in the order of their paths; none of an empty directory.
 * @throws SigningError for what is not there, cannot be read, or holds other things only
 */
export async function gatherFiles(operands: readonly string[]): Promise<readonly CandidateFile[]> {
  const found: FoundFile[] = [];
  for (const operand of operands) found.push(...(await findFiles(operand)));
  const once = new Map(found.map((one) => [one.file, one]));
  const files = [...once.values()];
  const read: CandidateFile[] = [];
  for (let at = 0; at < files.length; at += AT_ONCE) {
    read.push(...(await Promise.all(files.slice(at, at + AT_ONCE).map(readCandidate))));
  }
  return read;
}

async function findFiles(operand: string): Promise<readonly FoundFile[]> {
  const isCopy = operand.startsWith(COPY);
  const path = isCopy ? operand.slice(COPY.length) : operand;
  const stats = await explain(path, async () => stat(path));
  if (stats.isFile() && !isCopy) return [{ file: path, staging: dirname(path) }];
  if (!stats.isDirectory()) {
    throw new SigningError(`${operand}: expected a directory or a signature file`);
  }
  const found = isCopy ? await findInCopy(path) : await findBelow(path);
  // What is staged goes away once it is pushed.
  if (found.length > 0 || (!isCopy && (await hasNoFile(path)))) return found;
  throw new SigningError(`${operand}: expected signatures, found none`, {
    hint: 'name the directory of lookaside-staging, or that of `skopeo copy … dir:DIR`',
  });
}

/** Whether there is nothing below a directory but directories, and what keeps them, like `.gitkeep`. */
async function hasNoFile(directory: string): Promise<boolean> {
  for (const entry of await list(directory)) {
    if (entry.isFile() && entry.name.startsWith('.')) continue;
    if (!entry.isDirectory() || !(await hasNoFile(join(directory, entry.name)))) return false;
  }
  return true;
}

/** All signatures below a directory. */
async function findBelow(root: string): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = [];
  const directories = [root];
  for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
    const entries = await list(at);
    const isCopy = entries.some((entry) => entry.isFile() && entry.name === MANIFEST);
    const isStaged =
      !isCopy && parseDirectory(`/${at}`.slice(`/${at}`.lastIndexOf('/') + 1)) !== undefined;
    for (const entry of entries.toReversed()) {
      const path = join(at, entry.name);
      if (entry.isDirectory() && entry.name !== '.git') directories.push(path);
    }
    for (const entry of entries) {
      refuseLink(at, entry);
      const name = isCopy ? entry.name.replace(OF_INSTANCE, '') : entry.name;
      if (parseSignatureName(name) === undefined) continue;
      // Elsewhere a directory may be a namespace of that name.
      if (entry.isDirectory() && !isCopy && !isStaged) continue;
      found.push({ file: pathOfFile(at, entry), staging: isStaged ? root : undefined });
    }
  }
  return found;
}

async function findInCopy(directory: string): Promise<readonly FoundFile[]> {
  const entries = await list(directory);
  if (!entries.some((entry) => entry.isFile() && entry.name === MANIFEST)) {
    const hint = 'name the directory that `skopeo copy … dir:DIR` wrote';
    throw new SigningError(`${COPY}${directory}: expected an image, got no ${MANIFEST}`, { hint });
  }
  return entries
    .filter(({ name }) => parseSignatureName(name.replace(OF_INSTANCE, '')) !== undefined)
    .map((entry) => ({ file: pathOfFile(directory, entry), staging: undefined }));
}

/** A link may lead anywhere, also to a file that others change: it is not followed, nor passed over. */
function refuseLink(directory: string, entry: Dirent): void {
  if (!entry.isSymbolicLink() || parseDirectory(entry.name) === undefined) return;
  throw new SigningError(
    `${join(directory, entry.name)}: expected a directory of signatures, got a symbolic link`,
    { hint: 'put the directory itself there, or remove the link' },
  );
}

/** The path of something that is named like a signature. */
function pathOfFile(directory: string, entry: Dirent): string {
  const path = join(directory, entry.name);
  if (entry.isFile()) return path;
  const links = entry.isSymbolicLink() ? 'a symbolic link' : 'something else';
  const got = entry.isDirectory() ? 'a directory' : links;
  throw new SigningError(`${path}: expected a signature file, got ${got}`, {
    hint: 'put the file itself there, or remove it: links are not followed',
  });
}

async function list(directory: string) {
  const entries = await explain(directory, async () => readdir(directory, { withFileTypes: true }));
  return entries.toSorted((a, b) => compareNames(a.name, b.name));
}

/** signature-2 before signature-10. */
function compareNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** Of a larger file the size is enough to say what is wrong. */
async function readCandidate({ file, staging }: FoundFile): Promise<CandidateFile> {
  const pieces: Buffer[] = [];
  await explain(file, async () => {
    for await (const piece of createReadStream(file, { end: MAX_BLOB_BYTES })) {
      pieces.push(Buffer.from(piece));
    }
  });
  return { origin: file, file, staging, bytes: Buffer.concat(pieces) };
}

async function explain<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    if (hasCode(cause, 'ENOENT') && path.includes('\uFFFD')) {
      const hint = 'rename it: nodes look for no such name';
      throw new SigningError(`${path}: expected a name in UTF-8`, { hint, cause });
    }
    if (hasCode(cause, 'ENOENT')) {
      const hint = 'name a staging directory, dir:COPY, or a signature file';
      throw new SigningError(`${path}: no such file or directory`, { hint, cause });
    }
    const hint = 'make it readable for the user that runs lookaside';
    throw new SigningError(`cannot read ${path}: ${messageOf(cause)}`, { hint, cause });
  }
}
