// What an image has of each file of a store, as bytes. A signature is there whole, with its
// verdict; of any other file there is only what it takes to look at it again.
import {
  type CheckedFile,
  type PresentEntry,
  type PublishableFile,
  isOlder,
} from '../../gate/checked-file.ts';
import type { Signature } from '../../gate/judge.ts';
import { toBlobEntry } from '../../sources/blob-entry.ts';
import { formatLocation } from '../../terms/location.ts';
import { ByteWriter } from './byte-writer.ts';
import { ByteReader } from './bytes.ts';
import type { Terms, VerdictTerms } from './shared-verdict.ts';

/** What the first byte of a record says that it is. */
const TERMS = 1;
const SIGNATURE = 2;
const ENTRY = 3;
const IGNORED = 4;
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

/** What a block holds. */
export interface Records {
  /** With bytes that are views of the block. */
  readonly files: readonly PublishableFile[];
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
  verdictTerms: VerdictTerms,
  isLasting: (signature: Signature) => boolean,
): Generator<Buffer> {
  const writer = new ByteWriter();
  writer.byte(IGNORED);
  writer.number(ignored);
  /** Terms of the block that is written, by their text: where they stand among its terms. */
  const places = new Map<string, number>();
  const placeOf = (signature: Signature): number => {
    const text = verdictTerms.format(signature);
    const known = places.get(text);
    if (known !== undefined) return known;
    writer.byte(TERMS);
    writer.text(text);
    places.set(text, places.size);
    return places.size - 1;
  };
  for (const file of files) {
    // What lay there before is not of this state.
    if (file.kind === 'removed' || isOlder(file)) continue;
    if (file.kind !== 'publishable') writeEntry(writer, file.entry);
    else if (isLasting(file.signature)) writeSignature(writer, file, placeOf(file.signature));
    else writeEntry(writer, toBlobEntry(file.path, file.signature.bytes));
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
  writer.byte(SIGNATURE);
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

function writeEntry(writer: ByteWriter, entry: PresentEntry): void {
  writer.byte(ENTRY);
  writer.byte(ENTRY_KINDS.indexOf(entry.kind));
  writer.text(entry.path);
  if (entry.kind !== 'file') return;
  writer.number(entry.size);
  writer.text(entry.id);
}

/**
 * Reads a block. A verdict by another judge, or one for which `holds` says no, is none.
 * @throws RangeError for what formatRecords does not write
 */
export function parseRecords(
  block: Buffer,
  verdictTerms: VerdictTerms,
  holds: (signature: Signature) => boolean,
): Records {
  const reader = new ByteReader(block);
  const terms: (Terms | undefined)[] = [];
  const files: PublishableFile[] = [];
  const lapsed: PresentEntry[] = [];
  const others: PresentEntry[] = [];
  let ignored = 0;
  while (!reader.isAtEnd) {
    const kind = reader.byte();
    if (kind === TERMS) terms.push(verdictTerms.parse(reader.text()));
    else if (kind === ENTRY) others.push(readEntry(reader));
    else if (kind === IGNORED) ignored += reader.number();
    else if (kind === SIGNATURE) {
      const shared = terms[reader.number()];
      const directory = reader.text();
      const number = reader.number();
      const path = formatLocation(directory, number);
      const own = readOwn(reader);
      const signature = shared && toSignature(own, shared, directory);
      if (signature && holds(signature)) {
        files.push({ kind: 'publishable', path, directory, number, signature });
      } else lapsed.push(toBlobEntry(path, own.bytes));
    } else throw new RangeError(`there is no record of kind ${kind}`);
  }
  return { files, lapsed, others, ignored };
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

function toSignature(own: Own, shared: Terms, directory: string): Signature {
  const { timestamp, dockerReference, hash, bytes, signedAt, validFrom, validUntil } = own;
  const { signer, scope, meets, creator, warnings, gpgv } = shared;
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
  };
}

function readEntry(reader: ByteReader): PresentEntry {
  const kind = ENTRY_KINDS[reader.byte()];
  const path = reader.text();
  if (kind === undefined) throw new RangeError('there is no entry of that kind');
  if (kind !== 'file') return { kind, path };
  return { kind, path, size: reader.number(), id: reader.text() };
}
