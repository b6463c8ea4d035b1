// Finds private keys wherever and however they are hidden in given bytes. This decides whether a file
// is refused. It is not what keeps private keys from being published: whatever is published is built
// anew from public packets (import/), so nothing that is missed here can get out.
import {
  PRIVATE_TAGS,
  PUBLIC_KEY_TAGS,
  TAG,
  bigEndian,
  bodyAt,
  eachPacket,
  inflatePacket,
  readTag,
} from './packets.ts';

/** `closed`: something compressed that cannot be inflated here, and may hold one. */
export type PrivateKeyFinding = 'private' | 'closed';

/** OpenPGP's and PEM's alike, whatever the case. */
const PRIVATE_LABEL = /-----\s*BEGIN [A-Z0-9 ]*(?:PRIVATE|SECRET) KEY/i;
/** More than a key file of a whole company inflates to. Bytes. */
const MAX_INFLATED_BYTES = 8 * 1024 * 1024;
/** Limit for all decoded and inflated bytes together, so that a small file cannot cost much time. */
const MAX_LAYERS_BYTES = 32 * 1024 * 1024;

/**
 * Looks for a private key: as a packet (type 5 or 7) in any framing, whole or cut short, in binary or
 * armor of any type, before, behind or between anything else, compressed, or within packets that are
 * no part of a public key; and for the label of a private key in PEM.
 */
export function findPrivateKey(bytes: Uint8Array): PrivateKeyFinding | undefined {
  let finding: PrivateKeyFinding | undefined;
  let budget = MAX_LAYERS_BYTES;
  const left: Uint8Array[] = [bytes];
  for (let layer = left.pop(); layer; layer = left.pop()) {
    const { isPrivate, isClosed, inner } = lookInto(layer, budget);
    if (isPrivate) return 'private';
    if (isClosed) finding = 'closed';
    for (const one of inner) budget -= one.length;
    left.push(...inner);
  }
  return finding;
}

/** Blocks of armor and compressed packets in one layer: far more than any key file has. */
const MAX_INNER = 10_000;
/** Fewer letters of base64 cannot hold a key. */
const SHORTEST = 16;

/** Text with the letters of base64, as long as the shortest private key. */
const BASE64 = /[A-Za-z0-9+/]{64,}/g;
/** How JSON breaks lines within a string, and what it may put before a slash. */
const JSON_ESCAPES = /\\(?:[nr]|u000[ad])|\\(?=\/)/gi;

/**
 * Whether a text has a private key in base64 in any of its lines, without armor around it. Words are
 * base64 too: what is found in one must be a key field by field.
 */
export function holdsPrivateKeyInText(text: string): boolean {
  const runs = text.replaceAll(JSON_ESCAPES, '').match(BASE64) ?? [];
  return runs.some((run) => {
    const decoded = Buffer.from(run, 'base64');
    const inner = decoded.toString('latin1');
    const isPem = PRIVATE_LABEL.test(inner);
    return isPem || [decoded, ...unarmor(inner)].some((bytes) => hasStrayPrivateKey(bytes));
  });
}

interface Layer {
  readonly isPrivate: boolean;
  readonly isClosed: boolean;
  /** What it holds in another form. */
  readonly inner: readonly Uint8Array[];
}

const PRIVATE: Layer = { isPrivate: true, isClosed: false, inner: [] };

/** What it holds in another form has at most `room` bytes together. */
function lookInto(bytes: Uint8Array, room: number): Layer {
  // UTF-16, as PowerShell writes what it is given, has a NUL beside each letter.
  const text = Buffer.from(bytes).toString('latin1').replaceAll('\0', '');
  if (PRIVATE_LABEL.test(text)) return PRIVATE;
  const inner: Uint8Array[] = [];
  let isClosed = false;
  let left = room;
  const add = (found: Uint8Array | undefined): void => {
    if (!found || found.length > left || inner.length === MAX_INNER) {
      isClosed = true;
      return;
    }
    left -= found.length;
    inner.push(found);
  };
  for (const decoded of unarmor(text)) {
    add(decoded);
    if (isClosed) break;
  }
  let isWhole = true;
  for (const packet of eachPacket(bytes)) {
    const { tag, body } = packet;
    isWhole &&= packet.isWhole;
    const isPacket = (packet.bytes[0] ?? 0) >= FIRST_HEADER;
    if (isPacket && PRIVATE_TAGS.has(tag) && (packet.isWhole || hasKeyVersion(body)))
      return PRIVATE;
    if (isPacket && tag === TAG.compressed) {
      add(isClosed ? undefined : open(body, left));
    }
    // What public keys consist of is no place to look for others: one would be found by chance. A
    // body that came in pieces does not lie in one piece in the packet.
    if (KEY_TAGS.has(tag) && hasPrivatePart(body)) return PRIVATE;
    if (PUBLIC_KEY_TAGS.has(tag)) continue;
    if (hasStrayPrivateKey(packet.bytes) || hasStrayPrivateKey(body)) return PRIVATE;
  }
  // Where packets are cut short or are none, nobody knows where the next one starts.
  const isStray = !isWhole && hasStrayPrivateKey(bytes);
  return { isPrivate: isStray, isClosed, inner };
}

const FIRST_HEADER = 0x80;
const KEY_TAGS: ReadonlySet<number> = new Set([TAG.publicKey, TAG.publicSubkey]);

function hasKeyVersion([version = 0]: Uint8Array): boolean {
  return version >= 2 && version <= 6;
}

/** What a compressed packet holds, if that can be said here, and is no more than `room`. */
function open(body: Uint8Array, room: number): Uint8Array | undefined {
  if (body[0] === UNCOMPRESSED) return body.subarray(1);
  return room > 0 ? inflatePacket(body, Math.min(room, MAX_INFLATED_BYTES)) : undefined;
}

const UNCOMPRESSED = 0;

const BEGIN_LINE = /-----\s*BEGIN[^\r\n]*/gi;
const DASHES = '-----';

/**
 * Decodes armor of any type more tolerantly than any reader: without an end, with characters that are
 * no base64, with or without header lines, with more text behind its checksum.
 */
function* unarmor(text: string): Generator<Uint8Array> {
  for (const { index, 0: line } of text.matchAll(BEGIN_LINE)) {
    const from = index + line.length;
    const to = text.indexOf(DASHES, from);
    const content = text.slice(from, to < 0 ? undefined : to);
    const withoutHeaders = content.replaceAll(/^.*:.*$/gm, '');
    const behindBlankLine = content.replace(/^[\s\S]*?(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)/, '\n');
    for (const part of new Set([withoutHeaders, behindBlankLine])) {
      for (const run of part.split(/=+/)) {
        const letters = run.replaceAll(/[^A-Za-z0-9+/]/g, '');
        if (letters.length >= SHORTEST) yield Buffer.from(letters, 'base64');
      }
    }
  }
}

/** Whether what looks like a private key, field by field, starts anywhere in bytes. */
function hasStrayPrivateKey(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    const first = bytes[at] ?? 0;
    if (first < FIRST_HEADER || !PRIVATE_TAGS.has(readTag(first))) continue;
    if (isPrivateKeyBody(bodyAt(bytes, at))) return true;
  }
  return false;
}

/** An integer, the name of a curve, how ECDH derives keys, or so many bytes. */
type Part = 'mpi' | 'curve' | 'kdf' | number;

/** Public key algorithms (RFC 9580, section 9.1) by what their public part consists of. */
const MATERIAL: ReadonlyMap<number, readonly Part[]> = new Map([
  [1, ['mpi', 'mpi']],
  [2, ['mpi', 'mpi']],
  [3, ['mpi', 'mpi']],
  [16, ['mpi', 'mpi', 'mpi']],
  [17, ['mpi', 'mpi', 'mpi', 'mpi']],
  [18, ['curve', 'mpi', 'kdf']],
  [19, ['curve', 'mpi']],
  [22, ['curve', 'mpi']],
  [25, [32]],
  [26, [56]],
  [27, [32]],
  [28, [57]],
]);
const POST_QUANTUM = 30;
const LAST_POST_QUANTUM = 36;
/** Beyond the longest of a public key, SLH-DSA and ML-DSA among them. Bytes. */
const MAX_PUBLIC_BYTES = 16 * 1024;
const MAX_MPI_BITS = 16_384;
/** The octet that says how the private part is protected: not at all, or in one of three ways. */
const UNPROTECTED = 0;
const FIRST_PROTECTION = 253;
/** In keys of old it was the cipher by itself (RFC 9580, sections 3.7.2 and 9.3). */
const LAST_CIPHER = 13;
const LAST_OLD_ALGORITHM = 22;
/** Of the fields before its algorithm, as they were before version 4. */
const LAST_OLD_VERSION = 3;

/** Whether a packet claims to be a public key but has a private part, which readers would ignore. */
function hasPrivatePart(body: Uint8Array): boolean {
  const end = endOfPublic(body);
  return end !== undefined && end < body.length && isPrivateKeyBody(body);
}

function isPrivateKeyBody(body: Uint8Array): boolean {
  const end = endOfPublic(body);
  if (end === undefined) return false;
  const [version = 0] = body;
  const hasLength = version > 4;
  // Cut short, it is known by what came before.
  if (end >= body.length) return !hasLength;
  return isProtection(body.subarray(end), algorithmOf(body), hasLength);
}

function algorithmOf(body: Uint8Array): number {
  const [version = 0] = body;
  return body[version <= LAST_OLD_VERSION ? 7 : 5] ?? 0;
}

/** Where the public part ends; beyond the end of the body where that is cut short. */
function endOfPublic(body: Uint8Array): number | undefined {
  if (!hasKeyVersion(body)) return undefined;
  const [version = 0] = body;
  const isOld = version <= LAST_OLD_VERSION;
  const algorithm = algorithmOf(body);
  if (isOld && algorithm > LAST_OLD_ALGORITHM) return undefined;
  return version > 4
    ? publicEndByLength(body, algorithm)
    : publicEnd(body, isOld ? 8 : 6, algorithm);
}

function isProtection(bytes: Uint8Array, algorithm: number, hasLength: boolean): boolean {
  const [first = 0] = bytes;
  if (first >= FIRST_PROTECTION) return isCipher(bytes[hasLength ? 2 : 1] ?? LAST_CIPHER);
  return first === UNPROTECTED || (isCipher(first) && algorithm <= LAST_OLD_ALGORITHM);
}

function isCipher(value: number): boolean {
  return value > 0 && value <= LAST_CIPHER;
}

/** Versions 5 and 6 say how long the public part is. */
function publicEndByLength(body: Uint8Array, algorithm: number): number | undefined {
  const isKnown =
    MATERIAL.has(algorithm) || (algorithm >= POST_QUANTUM && algorithm <= LAST_POST_QUANTUM);
  const length = bigEndian(body, 6, 10);
  return isKnown && length > 0 && length <= MAX_PUBLIC_BYTES ? 10 + length : undefined;
}

/** Beyond the end of the body where it is cut short behind at least two parts. */
function publicEnd(body: Uint8Array, start: number, algorithm: number): number | undefined {
  const parts = MATERIAL.get(algorithm);
  if (!parts) return undefined;
  let at = start;
  for (const [index, part] of parts.entries()) {
    if (at >= body.length) return index < ENOUGH_PARTS ? undefined : at;
    const end = partEnd(body, at, part);
    if (end === undefined) return undefined;
    at = end;
  }
  return parts.length < ENOUGH_PARTS && at >= body.length ? undefined : at;
}

const ENOUGH_PARTS = 2;

function partEnd(body: Uint8Array, at: number, part: Part): number | undefined {
  switch (part) {
    case 'mpi':
      return mpiEnd(body, at);
    case 'curve':
      return curveEnd(body, at);
    case 'kdf':
      return body[at] === 3 && body[at + 1] === 1 ? at + 4 : undefined;
    default:
      return at + part;
  }
}

/** An integer says how many bits it has, and begins with the first that is set. */
function mpiEnd(body: Uint8Array, at: number): number | undefined {
  const bits = bigEndian(body, at, at + 2);
  const top = body[at + 2] ?? 0;
  if (bits === 0 || bits > MAX_MPI_BITS || top >> ((bits - 1) % 8) !== 1) return undefined;
  return at + 2 + Math.ceil(bits / 8);
}

/** An object identifier of those under which all curves are: 1.2 and 1.3. */
function curveEnd(body: Uint8Array, at: number): number | undefined {
  const length = body[at] ?? 0;
  const first = body[at + 1];
  return length > 2 && length < 20 && (first === 0x2a || first === 0x2b)
    ? at + 1 + length
    : undefined;
}
