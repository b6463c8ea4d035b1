// What a checkpoint has of each file of a store, as bytes. A signature is there whole, with its
// verdict; of any other file there is only what it takes to look at it again.
import { z } from 'zod';
import {
  type CheckedFile,
  type PresentEntry,
  type PublishableFile,
  isOlder,
} from '../../gate/checked-file.ts';
import type { Signature } from '../../gate/judge.ts';
import { type FileEntry, toBlobEntry } from '../../sources/source.ts';
import { formatLocation } from '../../terms/location.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import type { SharedVerdict, SharedVerdicts } from './shared-verdict.ts';

/** What the first byte of a record says that it is. */
const SHARED = 1;
const SIGNATURE = 2;
const ENTRY = 3;
const IGNORED = 4;
const OLDER = 5;
/** Of a link of which nobody knows where it leads. */
const NO_TARGET = { size: 0, id: '' };
/** A block is ended by the record that reaches this size, in bytes. */
const BLOCK_BYTES = 256 * 1024;
const ENTRY_KINDS: readonly PresentEntry['kind'][] = [
  'file',
  'symlink',
  'submodule',
  'special-file',
  'name-not-utf8',
  'unreadable',
];

/** Changes whenever records are written in another way, so that no others are read. */
const FORMAT = 7;

const headerSchema = z.strictObject({
  lookasideCheckpoint: z.literal(FORMAT),
  tree: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .nullable(),
});

/** The first block of a checkpoint: of which tree it is; undefined for that of a directory. */
export function formatHeader(tree: string | undefined): Buffer {
  return Buffer.from(JSON.stringify({ lookasideCheckpoint: FORMAT, tree: tree ?? null }));
}

/** Undefined if the checkpoint is not of this form. */
export function parseHeader(block: Buffer): { readonly tree: string | undefined } | undefined {
  try {
    const { data } = headerSchema.safeParse(JSON.parse(block.toString()));
    return data && { tree: data.tree ?? undefined };
  } catch {
    return undefined;
  }
}

/** What a block holds. */
export interface Records {
  /** With bytes that are views of the block. */
  readonly files: readonly PublishableFile[];
  /** Signatures that lay at a path before, as `files`. */
  readonly older: readonly PublishableFile[];
  /** Signatures whose verdict does not hold any more. */
  readonly lapsed: readonly PresentEntry[];
  /** Files that never had one. */
  readonly others: readonly PresentEntry[];
  /** How many files are ignored. */
  readonly ignored: number;
}

/**
 * Writes the files of a store as blocks, and how many more it ignores; a block is good until the next
 * is asked for. Only signatures for which `isLasting` says so keep their verdict.
 */
export function* formatRecords(
  files: Iterable<CheckedFile>,
  ignored: number,
  sharedVerdicts: SharedVerdicts,
  isLasting: (signature: Signature) => boolean,
): Generator<Buffer> {
  const writer = new ByteWriter();
  writer.byte(IGNORED);
  writer.number(ignored);
  /** The numbers of the shared verdicts of the block that is written, by their text. */
  const places = new Map<string, number>();
  const placeOf = (signature: Signature): number => {
    const text = sharedVerdicts.format(signature);
    const known = places.get(text);
    if (known !== undefined) return known;
    writer.byte(SHARED);
    writer.text(text);
    places.set(text, places.size);
    return places.size - 1;
  };
  for (const file of files) {
    if (file.kind === 'removed') continue;
    if (file.kind === 'publishable' && isLasting(file.signature)) {
      const place = placeOf(file.signature);
      writer.byte(isOlder(file) ? OLDER : SIGNATURE);
      writeSignature(writer, file, place);
    } else if (!isOlder(file)) writeEntry(writer, entryOf(file));
    if (writer.length < BLOCK_BYTES) continue;
    yield writer.take();
    places.clear();
  }
  if (writer.length > 0) yield writer.take();
}

function writeSignature(
  writer: ByteWriter,
  { directory, number, signature }: PublishableFile,
  place: number,
): void {
  const { hash, bytes, claims, signedAt, validFrom, validUntil } = signature;
  writer.number(place);
  writer.text(directory);
  writer.number(number);
  // As readOwn reads it.
  writer.number(signedAt);
  writer.number(validFrom);
  writer.number(validUntil);
  writer.number(claims.timestamp ?? NaN);
  writer.text(claims.dockerReference);
  writer.text(hash);
  writer.bytes(bytes);
}

function entryOf(file: Exclude<CheckedFile, { readonly kind: 'removed' }>): PresentEntry {
  return file.kind === 'publishable' ? toBlobEntry(file.path, file.signature.bytes) : file.entry;
}

function writeEntry(writer: ByteWriter, entry: PresentEntry): void {
  writer.byte(ENTRY);
  writer.byte(ENTRY_KINDS.indexOf(entry.kind));
  writer.text(entry.path);
  if (entry.kind !== 'file' && entry.kind !== 'symlink') return;
  const { size, id } = entry.kind === 'file' ? entry : (entry.target ?? NO_TARGET);
  writer.number(size);
  writer.text(id);
}

/**
 * Reads a block. A verdict by another judge, or one for which `holds` says no, is none.
 * @throws RangeError for what formatRecords does not write
 */
export function parseRecords(
  block: Buffer,
  sharedVerdicts: SharedVerdicts,
  holds: (signature: Signature) => boolean,
): Records {
  const reader = new ByteReader(block);
  const shared: (SharedVerdict | undefined)[] = [];
  const files: PublishableFile[] = [];
  const older: PublishableFile[] = [];
  const lapsed: PresentEntry[] = [];
  const others: PresentEntry[] = [];
  let ignored = 0;
  while (!reader.isAtEnd) {
    const kind = reader.byte();
    if (kind === SHARED) shared.push(sharedVerdicts.parse(reader.text()));
    else if (kind === ENTRY) others.push(readEntry(reader));
    else if (kind === IGNORED) ignored += reader.number();
    else if (kind === SIGNATURE || kind === OLDER) {
      const read = readSignature(reader, shared, sharedVerdicts);
      const { file } = read;
      const isGood = file !== undefined && holds(file.signature);
      if (isGood) (kind === OLDER ? older : files).push(file);
      else if (kind === SIGNATURE) lapsed.push(toBlobEntry(read.path, read.bytes));
    } else throw new RangeError(`there is no record of kind ${kind}`);
  }
  return { files, older, lapsed, others, ignored };
}

/** A signature as it was written; `file` is undefined if another judge would have to say. */
interface ReadSignature {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly file: PublishableFile | undefined;
}

function readSignature(
  reader: ByteReader,
  sharedOfBlock: readonly (SharedVerdict | undefined)[],
  sharedVerdicts: SharedVerdicts,
): ReadSignature {
  const shared = sharedOfBlock[reader.number()];
  const directory = reader.text();
  const number = reader.number();
  const path = formatLocation(directory, number);
  const own = readOwn(reader);
  const isJudged = shared !== undefined && sharedVerdicts.isFor(shared, directory);
  const signature = isJudged ? toSignature(own, shared, directory) : undefined;
  const file = signature && { kind: 'publishable' as const, path, directory, number, signature };
  return { path, bytes: own.bytes, file };
}

/** What a signature does not share with others. */
interface Own extends Pick<Signature, 'signedAt' | 'validFrom' | 'validUntil' | 'hash' | 'bytes'> {
  readonly timestamp: number | null;
  readonly dockerReference: string;
}

function readOwn(reader: ByteReader): Own {
  const signedAt = reader.number();
  const validFrom = reader.number();
  const validUntil = reader.number();
  const timestamp = reader.number();
  return {
    signedAt,
    validFrom,
    validUntil,
    timestamp: Number.isNaN(timestamp) ? null : timestamp,
    dockerReference: reader.text(),
    hash: reader.text(),
    bytes: reader.bytes(),
  };
}

function toSignature(own: Own, shared: SharedVerdict, directory: string): Signature {
  const { timestamp, dockerReference, hash, bytes, signedAt, validFrom, validUntil } = own;
  const { signer, scope, meets, creator, warnings, gpgv, release } = shared;
  const manifestDigest = `sha256:${directory.slice(directory.lastIndexOf('=') + 1)}`;
  return {
    status: signer ? 'accepted' : 'unverified',
    bytes,
    hash,
    claims: { dockerReference, manifestDigest, creator, timestamp },
    signer,
    scope,
    meets,
    signedAt,
    validFrom,
    validUntil,
    gpgv,
    warnings,
    release,
  };
}

function readEntry(reader: ByteReader): PresentEntry {
  const kind = ENTRY_KINDS[reader.byte()];
  const path = reader.text();
  if (kind === undefined) throw new RangeError('there is no entry of that kind');
  if (kind !== 'file' && kind !== 'symlink') return { kind, path };
  const blob: FileEntry = { kind: 'file', path, size: reader.number(), id: reader.text() };
  if (kind === 'file') return blob;
  return blob.id === NO_TARGET.id ? { kind, path } : { kind, path, target: blob };
}
