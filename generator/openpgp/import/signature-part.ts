// A signature packet within a key, read as GnuPG reads it (g10/parse-packet.c of 2.2.40:
// parse_signature, enum_sig_subpkt). The first subpacket of a kind counts; most only if it is hashed.
import { bigEndian } from '../packets/packets.ts';
import { readMpi } from './mpi.ts';

/** A signature in a key. Times are seconds since 1970. */
export interface SignaturePart {
  readonly kind: 'signature';
  /** As GnuPG writes it again. */
  readonly body: Uint8Array;
  readonly version: number;
  readonly type: number;
  /** 0 if it does not say. */
  readonly created: number;
  /** 0 if it does not end. */
  readonly expires: number;
  /** The key ID of the issuer, lower-case hex; empty if none is named. */
  readonly issuer: string;
  /** The fingerprint that it names as its issuer, lower-case hex. */
  readonly issuerFingerprint: string | undefined;
  readonly publicKeyAlgorithm: number;
  readonly hashAlgorithm: number;
  /** What is hashed behind the signed things. */
  readonly trailer: Uint8Array;
  readonly digestStart: Uint8Array;
  /** Without leading zeros. */
  readonly integers: readonly Uint8Array[];
  readonly hasUnknownCritical: boolean;
  readonly isExportable: boolean;
  /** Seconds after the creation of the key; 0 for none. */
  readonly keyLifetime: number;
  /** The first octet of the key flags, 0 where they are empty; undefined if it has none. */
  readonly keyFlags: number | undefined;
  /** Of the signatures of a subkey within it the newest, hashed ones first. */
  readonly back: SignaturePart | undefined;
  /** The fingerprints of designated revokers, lower-case hex. */
  readonly revokers: readonly string[];
}

/** The rest of the file cannot be read; or it ended within the packet, which is left out. */
export type BrokenSignature = 'broken' | 'cut-short' | 'too-short' | 'newer';

export const SUBPACKET = {
  created: 2,
  expires: 3,
  exportable: 4,
  keyExpires: 9,
  revoker: 12,
  issuer: 16,
  notation: 20,
  keyFlags: 27,
  embedded: 32,
  issuerFingerprint: 33,
  keyBlock: 38,
} as const;

const MAX_AREA_BYTES = 10_000;
const SHORTEST = 16;
/** Without its numbers. */
const VERSION_3_BYTES = 19;
/** `can_handle_critical`; notations and key blocks are looked at more closely. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  2, 3, 4, 5, 6, 7, 9, 11, 12, 16, 21, 22, 24, 25, 26, 27, 29, 30, 32, 33,
]);
const KNOWN_NOTATIONS: ReadonlySet<string> = new Set([
  'preferred-email-encoding@pgp.com',
  'pka-address@gnupg.org',
]);
/** Octets that a subpacket must have at least, `parse_one_sig_subpkt`. */
const LEAST: ReadonlyMap<number, number> = new Map([
  [SUBPACKET.revoker, 22],
  [SUBPACKET.created, 4],
  [SUBPACKET.expires, 4],
  [SUBPACKET.keyExpires, 4],
  [SUBPACKET.exportable, 1],
  [SUBPACKET.embedded, 1],
  [SUBPACKET.issuer, 8],
  [SUBPACKET.issuerFingerprint, 21],
]);
const BACK = 0x19;
const DIRECT_KEY = 0x1f;
/** How many integers a signature of an algorithm has, `pubkey_get_nsig`. */
const INTEGERS: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [2, 1],
  [3, 1],
  [17, 2],
  [19, 2],
  [20, 2],
  [22, 2],
]);
const MAX_OPAQUE_BYTES = (5 * 16_384) / 8;

/** Reads the body of a signature packet; `length` says how long it is if the file ends before. */
export function readSignaturePart(
  body: Uint8Array,
  length = body.length,
): SignaturePart | BrokenSignature {
  if (length < SHORTEST) return 'too-short';
  const version = octetAt(body, 0);
  if (version === 4) return readVersion4(body, length);
  return version === 2 || version === 3 ? readVersion3(body, length) : 'newer';
}

/** Behind the end of the file GnuPG reads on, as if it had no end. */
function octetAt(body: Uint8Array, at: number): number {
  return body[at] ?? 0xff;
}

function readVersion3(body: Uint8Array, length: number): SignaturePart | BrokenSignature {
  if (length < VERSION_3_BYTES) return 'broken';
  const version = octetAt(body, 0);
  const [type, publicKeyAlgorithm] = [octetAt(body, 2), octetAt(body, 15)];
  const hashAlgorithm = octetAt(body, 16);
  const integers = readIntegers(body, VERSION_3_BYTES, length, publicKeyAlgorithm);
  if (typeof integers === 'string') return integers;
  return {
    kind: 'signature',
    body: Buffer.concat([body.subarray(0, VERSION_3_BYTES), ...integers.map(({ bytes }) => bytes)]),
    version,
    type,
    created: bigEndian(body, 3, 7),
    expires: 0,
    issuer: toHex(body.subarray(7, 15)),
    issuerFingerprint: undefined,
    publicKeyAlgorithm,
    hashAlgorithm,
    trailer: body.subarray(2, 7),
    digestStart: body.subarray(17, 19),
    integers: integers.map(({ value }) => value),
    hasUnknownCritical: false,
    isExportable: true,
    keyLifetime: 0,
    keyFlags: undefined,
    back: undefined,
    revokers: [],
  };
}

interface Areas {
  readonly hashed: Uint8Array;
  readonly unhashed: Uint8Array;
  readonly hashedEnd: number;
  readonly unhashedEnd: number;
}

function readAreas(body: Uint8Array, length: number): Areas | BrokenSignature {
  const hashedEnd = endOfArea(body, 4, length);
  if (typeof hashedEnd === 'string') return hashedEnd;
  const unhashedEnd = endOfArea(body, hashedEnd, length);
  if (typeof unhashedEnd === 'string') return unhashedEnd;
  if (unhashedEnd + 2 > length) return 'broken';
  const hashed = body.subarray(6, hashedEnd);
  return { hashed, unhashed: body.subarray(hashedEnd + 2, unhashedEnd), hashedEnd, unhashedEnd };
}

function endOfArea(body: Uint8Array, at: number, length: number): number | BrokenSignature {
  const bytes = octetAt(body, at) * 256 + octetAt(body, at + 1);
  const end = at + 2 + bytes;
  if (at + 2 > length || end > length || bytes > MAX_AREA_BYTES) return 'broken';
  return bytes > 0 && end > body.length ? 'cut-short' : end;
}

function readVersion4(body: Uint8Array, length: number): SignaturePart | BrokenSignature {
  const areas = readAreas(body, length);
  if (typeof areas === 'string') return areas;
  const { hashed, unhashed, hashedEnd, unhashedEnd } = areas;
  const [type, publicKeyAlgorithm] = [octetAt(body, 1), octetAt(body, 2)];
  const hashAlgorithm = octetAt(body, 3);
  const integers = readIntegers(body, unhashedEnd + 2, length, publicKeyAlgorithm);
  if (typeof integers === 'string') return integers;
  const isRead = publicKeyAlgorithm !== 0;
  const created = seconds(isRead ? find(hashed, SUBPACKET.created) : undefined);
  const lifetime = seconds(find(hashed, SUBPACKET.expires));
  const issuer = find(hashed, SUBPACKET.issuer) ?? find(unhashed, SUBPACKET.issuer);
  const named = find(hashed, SUBPACKET.issuerFingerprint);
  const exportable = find(hashed, SUBPACKET.exportable) ?? find(unhashed, SUBPACKET.exportable);
  const signedFields = body.subarray(0, hashedEnd);
  const end = Buffer.from([4, 0xff, 0, 0, 0, 0]);
  end.writeUInt32BE(hashedEnd, 2);
  const written = integers.map(({ bytes }) => bytes);
  let back: { readonly newest: SignaturePart | undefined } | undefined;
  return {
    kind: 'signature',
    body: Buffer.concat([body.subarray(0, unhashedEnd + 2), ...written]),
    version: 4,
    type,
    created,
    expires: lifetime === 0 ? 0 : (created + lifetime) % 2 ** 32,
    issuer: isRead && issuer ? toHex(issuer.subarray(0, 8)) : '',
    issuerFingerprint: named && named[0] === 4 ? toHex(named.subarray(1, 21)) : undefined,
    publicKeyAlgorithm,
    hashAlgorithm,
    trailer: Buffer.concat([signedFields, end]),
    digestStart: body.subarray(unhashedEnd, unhashedEnd + 2),
    integers: integers.map(({ value }) => value),
    hasUnknownCritical: isRead && [hashed, unhashed].some((area) => hasUnknownCritical(area)),
    isExportable: exportable?.[0] !== 0,
    keyLifetime: seconds(find(hashed, SUBPACKET.keyExpires)),
    keyFlags: firstOctet(find(hashed, SUBPACKET.keyFlags)),
    get back() {
      return (back ??= { newest: newestBack([hashed, unhashed]) }).newest;
    },
    revokers: type === DIRECT_KEY ? readRevokers(hashed) : [],
  };
}

interface ReadInteger {
  readonly bytes: Uint8Array;
  readonly value: Uint8Array;
}

/** Numbers of an unknown algorithm are taken as they are. */
function readIntegers(
  body: Uint8Array,
  from: number,
  length: number,
  algorithm: number,
): readonly ReadInteger[] | BrokenSignature {
  const count = INTEGERS.get(algorithm);
  const bytes = body.subarray(from);
  if (count === undefined) {
    if (length - from > MAX_OPAQUE_BYTES) return 'broken';
    return body.length < length ? 'cut-short' : [{ bytes, value: bytes }];
  }
  const integers: ReadInteger[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const mpi = readMpi(bytes, at);
    if (!mpi) return 'broken';
    integers.push(mpi);
    at = mpi.end;
  }
  return integers;
}

/** The first of the same second. */
function newestBack(areas: readonly Uint8Array[]): SignaturePart | undefined {
  let found: SignaturePart | undefined;
  for (const body of areas.flatMap((area) => findAll(area, SUBPACKET.embedded))) {
    const read = readSignaturePart(body);
    if (typeof read === 'string' || read.type !== BACK) continue;
    if (read.created > (found?.created ?? 0)) found = read;
  }
  return found;
}

function seconds(body: Uint8Array | undefined): number {
  return body ? bigEndian(body, 0, 4) : 0;
}

function firstOctet(body: Uint8Array | undefined): number | undefined {
  return body && (body[0] ?? 0);
}

function readRevokers(hashed: Uint8Array): readonly string[] {
  const all = findAll(hashed, SUBPACKET.revoker);
  const fit = all.filter((body) => body.length === 22 && (body[0] ?? 0) >= 0x80);
  return fit.map((body) => toHex(body.subarray(2)));
}

interface SubpacketAt {
  readonly type: number;
  readonly isCritical: boolean;
  readonly body: Uint8Array;
}

/** One by one; the last is undefined where the area cannot be read to its end. */
function* eachSubpacket(area: Uint8Array): Generator<SubpacketAt | undefined> {
  let at = 0;
  while (at < area.length) {
    const first = area[at] ?? 0;
    const octets = first < 192 ? 1 : first < 255 ? 2 : 5;
    const left = area.length - at - 1;
    const isShort = octets === 5 ? left < 4 : octets === 2 && left < 2;
    if (isShort) return yield undefined;
    const length =
      octets === 1
        ? first
        : octets === 2
          ? (first - 192) * 256 + (area[at + 1] ?? 0) + 192
          : bigEndian(area, at + 1, at + 5);
    const from = at + octets;
    const type = area[from];
    if (from + length > area.length || type === undefined) return yield undefined;
    // An empty one shares its type with the length of the next.
    const body = area.subarray(from + 1, Math.max(from + 1, from + length));
    if (length === 0 && type >= 0x80) return yield undefined;
    yield { type: type & 0x7f, isCritical: type >= 0x80, body };
    at = from + length;
  }
}

/** The first subpacket of a type; none if that is too short. */
function find(area: Uint8Array, wanted: number): Uint8Array | undefined {
  for (const subpacket of eachSubpacket(area)) {
    if (subpacket?.type !== wanted) continue;
    return subpacket.body.length < (LEAST.get(wanted) ?? 0) ? undefined : subpacket.body;
  }
  return undefined;
}

/** All of a type, up to the first that is too short. */
function findAll(area: Uint8Array, wanted: number): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const subpacket of eachSubpacket(area)) {
    if (subpacket?.type !== wanted) continue;
    if (subpacket.body.length < (LEAST.get(wanted) ?? 0)) break;
    found.push(subpacket.body);
  }
  return found;
}

/** An area that cannot be read counts as one. */
function hasUnknownCritical(area: Uint8Array): boolean {
  for (const subpacket of eachSubpacket(area)) {
    if (!subpacket) return true;
    if (subpacket.isCritical && !isUnderstood(subpacket)) return true;
  }
  return false;
}

function isUnderstood({ type, body }: SubpacketAt): boolean {
  if (type === SUBPACKET.keyBlock) return body.length > 0 && body[0] === 0;
  if (type !== SUBPACKET.notation) return UNDERSTOOD.has(type);
  const name = body.subarray(8, 8 + bigEndian(body, 4, 6));
  return body.length >= 8 && KNOWN_NOTATIONS.has(Buffer.from(name).toString('latin1'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
