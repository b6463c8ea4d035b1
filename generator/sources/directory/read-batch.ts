// Entries with the content of the small files among them, read along with the listing.
import { closeSync, constants, lstatSync, openSync, readSync } from 'node:fs';
import { parseSignatureName } from '../../terms/location.ts';
import { decodePath } from '../decode-path.ts';
import type { Entry, FileEntry } from '../source.ts';
import { type WalkedEntry, hasVanished, kindOf, toBytes, toLink } from './walk.ts';

const BATCH_ENTRIES = 256;
const BATCH_BYTES = 256 * 1024;
/** Files of as many bytes are read when they are asked for: no signature is so large. */
const LARGE = 16 * 1024;
/** What was a regular file when it was listed may be a link or a pipe by now. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Takes the next entries from a walk below `root`; undefined if there are no more. */
export function readBatch(
  root: string,
  walk: Iterator<WalkedEntry, undefined>,
): readonly Entry[] | undefined {
  const memory = new ArrayBuffer(BATCH_BYTES);
  const entries: Entry[] = [];
  let used = 0;
  while (entries.length < BATCH_ENTRIES && used + LARGE <= BATCH_BYTES) {
    const found = walk.next().value;
    if (!found) break;
    const entry = toEntry(root, found, new Uint8Array(memory, used, LARGE));
    if (!entry) continue;
    entries.push(entry);
    if ('bytes' in entry) used += entry.size;
  }
  return entries.length > 0 ? entries : undefined;
}

/** Undefined for a file that has vanished since it was listed. */
function toEntry(
  root: string,
  { path: raw, child }: WalkedEntry,
  room: Uint8Array,
): Entry | undefined {
  const { path, utf8 } = decodePath(Buffer.from(raw, 'latin1'));
  const kind = kindOf(child, utf8);
  const file = toBytes(root, raw);
  if (kind === 'symlink') return toLink(path, file);
  if (kind !== 'file') return { kind, path };
  const bytes = isNamedLikeSignature(path) ? readSmall(file, room) : undefined;
  return bytes ? { kind, path, size: bytes.length, id: '', bytes } : lookAt(file, path);
}

/** Other files are mostly not even opened. */
function isNamedLikeSignature(path: string): boolean {
  return parseSignatureName(path.slice(path.lastIndexOf('/') + 1)) !== undefined;
}

/** Reads a file into `room`; undefined if it fills all of that, or cannot be read. */
function readSmall(path: Buffer, room: Uint8Array): Uint8Array | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, FLAGS);
    let length = 0;
    let count = 0;
    do {
      count = readSync(file, room, length, room.length - length, null);
      length += count;
    } while (count > 0 && length < room.length);
    return length < room.length ? room.subarray(0, length) : undefined;
  } catch {
    // The caller that asks for its bytes later gets the reason.
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function lookAt(file: Buffer, path: string): FileEntry | Entry | undefined {
  try {
    const stats = lstatSync(file);
    if (!stats.isFile()) return { kind: 'unreadable', path };
    return { kind: 'file', path, size: stats.size, id: '' };
  } catch (error) {
    return hasVanished(error) ? undefined : { kind: 'unreadable', path };
  }
}
