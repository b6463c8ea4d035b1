// What skopeo and podman leave behind, in whatever layout:
//
//   STAGING/[PREFIX/]REPO@sha256=HEX/signature-N   a staging directory, `podman image sign --directory`
//   COPY/signature-N beside COPY/manifest.json      a `dir:` copy of an image
//   COPY/HEX.signature-N                            the same of a list, for one of its images
//   TREE/HOST:PORT/NAME:TAG/…                       copies made by `skopeo sync`
//
// What a signature is for, only the signature says: its path is never asked. What cannot be read is a bad
// file among the others, told with its path and its cure.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MAX_BLOB_BYTES } from '../../generator/openpgp/signature-file.ts';
import { parseDirectory, parseSignatureName } from '../../generator/terms/location.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import { SigningError } from '../signing-error.ts';
import type { CandidateFile } from './candidate.ts';
import {
  GONE,
  OTHER_NAME,
  type StagedEntry,
  listStaged,
  rejectDirectory,
  rejectFile,
  toUnreadable,
} from './staged-entries.ts';
import { StagedPath } from './staged-path.ts';

/** The prefix by which clients name a directory that holds an image. */
const COPY = 'dir:';
/** `HEX.signature-N` of sha256, `ALGORITHM-HEX.signature-N` of others (containers/image directory). */
const OF_INSTANCE = /^(?:[a-z0-9]+-)?[0-9a-f]{64,128}\./;
const MANIFEST = 'manifest.json';
/** Files read at once. */
const AT_ONCE = 64;

/** A file that is named like a signature, or something that stands in place of one or of many. */
interface FoundFile {
  readonly path: StagedPath;
  readonly staging: string | undefined;
  /** Why it is not read. */
  readonly rejection?: Rejection;
}

/**
 * Reads the signatures that lie at the operands, in the order of their paths; none of an empty directory.
 * @throws SigningError for what is not there, and for a directory that holds other things only
 */
export async function gatherFiles(operands: readonly string[]): Promise<readonly CandidateFile[]> {
  const found: FoundFile[] = [];
  for (const operand of operands) found.push(...(await findFiles(operand)));
  const once = new Map(found.map((one) => [one.path.bytes.toString('latin1'), one]));
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
  const staged = StagedPath.of(path);
  const stats = await stat(path).catch(toUnreadable);
  if (stats === undefined) {
    const hint = 'name a staging directory, dir:COPY, or a signature file';
    throw new SigningError(`${path}: no such file or directory`, { hint });
  }
  if (isRejection(stats)) return [{ path: staged, staging: undefined, rejection: stats }];
  if (!stats.isDirectory()) {
    if (isCopy) throw new SigningError(`${operand}: expected a directory with an image`);
    const file = { path: staged, staging: dirname(path) };
    return [stats.isFile() ? file : { ...file, rejection: rejectFile('other') }];
  }
  const found = isCopy ? await findInCopy(staged) : await findBelow(staged);
  // What is staged goes away once it is pushed.
  if (found.length > 0 || (!isCopy && (await hasNoFile(staged)))) return found;
  throw new SigningError(`${operand}: expected signatures, found none`, {
    hint: 'name the directory of lookaside-staging, or that of `skopeo copy … dir:DIR`',
  });
}

/** Whether there is nothing below a directory but directories, and what keeps them, like `.gitkeep`. */
async function hasNoFile(directory: StagedPath): Promise<boolean> {
  const entries = await listStaged(directory);
  if (isRejection(entries)) return false;
  for (const { kind, path } of entries) {
    if (kind === 'file' && path.name.startsWith('.')) continue;
    if (kind !== 'directory' || !(await hasNoFile(path))) return false;
  }
  return true;
}

/** All signatures below a directory. */
async function findBelow(root: StagedPath): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = [];
  const directories = [root];
  for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
    const entries = await listStaged(at);
    if (isRejection(entries)) {
      found.push({ path: at, staging: undefined, rejection: entries });
      continue;
    }
    const isCopy = isImage(entries);
    const isStaged = !isCopy && parseDirectory(at.name) !== undefined;
    for (const { kind, path } of entries.toReversed()) {
      if (kind === 'directory' && path.name !== '.git') directories.push(path);
    }
    const staging = isStaged ? root.text : undefined;
    found.push(...entries.flatMap((entry) => toFound(entry, { isCopy, isStaged, staging })));
  }
  return found;
}

async function findInCopy(directory: StagedPath): Promise<readonly FoundFile[]> {
  const entries = await listStaged(directory);
  if (isRejection(entries)) return [{ path: directory, staging: undefined, rejection: entries }];
  if (!isImage(entries)) {
    const hint = 'name the directory that `skopeo copy … dir:DIR` wrote';
    const message = `${COPY}${directory.text}: expected an image, got no ${MANIFEST}`;
    throw new SigningError(message, { hint });
  }
  const inCopy = { isCopy: true, isStaged: false, staging: undefined };
  return entries.flatMap((entry) => toFound(entry, inCopy));
}

function isImage(entries: readonly StagedEntry[]): boolean {
  return entries.some(({ kind, path }) => kind === 'file' && path.name === MANIFEST);
}

/** The directory around an entry. */
interface Surroundings {
  readonly isCopy: boolean;
  readonly isStaged: boolean;
  readonly staging: string | undefined;
}

/** What is named like a signature, or should be one; nothing for what is passed over. */
function toFound(
  { kind, path }: StagedEntry,
  { isCopy, isStaged, staging }: Surroundings,
): readonly FoundFile[] {
  const name = isCopy ? path.name.replace(OF_INSTANCE, '') : path.name;
  const refused = (rejection: Rejection): readonly FoundFile[] => [{ path, staging, rejection }];
  if (parseSignatureName(name) === undefined) {
    // A link may lead anywhere, also to files that others change: it is not followed, nor passed over.
    const isPlace = kind !== 'file' && kind !== 'directory' && parseDirectory(name) !== undefined;
    if (isPlace) return refused(rejectDirectory(kind));
    const isMeant = isStaged || parseSignatureName(name.replaceAll('\uFFFD', '')) !== undefined;
    return kind === 'file' && isMeant && !path.isUtf8 ? refused(OTHER_NAME) : [];
  }
  // Elsewhere a directory may be a namespace of that name.
  if (kind === 'directory' && !isCopy && !isStaged) return [];
  if (kind !== 'file') return refused(rejectFile(kind));
  return path.isUtf8 ? [{ path, staging }] : refused(OTHER_NAME);
}

/** Of a larger file the size is enough to say what is wrong. */
async function readCandidate({
  path,
  staging,
  rejection: known,
}: FoundFile): Promise<CandidateFile> {
  const bytes = known ?? (await readBytes(path));
  const about = { origin: path.shown, file: path.shown, staging };
  return isRejection(bytes)
    ? { ...about, bytes: new Uint8Array(), rejection: bytes }
    : { ...about, bytes };
}

async function readBytes({ bytes: path }: StagedPath): Promise<Buffer | Rejection> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of createReadStream(path, { end: MAX_BLOB_BYTES })) {
      pieces.push(Buffer.from(piece));
    }
    return Buffer.concat(pieces);
  } catch (error) {
    return toUnreadable(error) ?? GONE;
  }
}
