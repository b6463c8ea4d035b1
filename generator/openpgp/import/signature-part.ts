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
  /** Signatures within it, hashed ones first. */
  readonly embedded: readonly Uint8Array[];
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

/**
 * Reads the body of a signature packet; `isCut` says that the file ends before its end, and `length`
 * how long it should be.
 */
export function readSignaturePart(
  body: Uint8Array,
  length = body.length,
): SignaturePart | BrokenSignature {
  if (length < SHORTEST) return 'too-short';
  const [version = 0] = body;
  if (version === 4) return readVersion4(body, length);
  return version === 2 || version === 3 ? readVersion3(body) : 'newer';
}

function readVersion3(body: Uint8Array): SignaturePart | BrokenSignature {
  if (body.length < 19) return 'broken';
  const [version = 3] = body;
  const [type = 0, publicKeyAlgorithm = 0, hashAlgorithm = 0] = [body[2], body[15], body[16]];
  const integers = readIntegers(body.subarray(19), publicKeyAlgorithm);
  if (!integers) return 'broken';
  return {
    kind: 'signature',
    body: Buffer.concat([body.subarray(0, 19), ...integers.map(({ bytes }) => bytes)]),
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
    embedded: [],
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
  // What is missing of a length counts as 0, and then the numbers are missing.
  const isKnown = INTEGERS.has(body[2] ?? 0);
  if (body.length < 6) return 'broken';
  const hashedEnd = 6 + bigEndian(body, 4, 6);
  if (hashedEnd > length || hashedEnd - 6 > MAX_AREA_BYTES) return 'broken';
  if (hashedEnd > body.length) return 'cut-short';
  if (hashedEnd + 2 > length) return 'broken';
  if (hashedEnd + 2 > body.length) return isKnown ? 'broken' : 'cut-short';
  const unhashedEnd = hashedEnd + 2 + bigEndian(body, hashedEnd, hashedEnd + 2);
  if (unhashedEnd > length || unhashedEnd - hashedEnd - 2 > MAX_AREA_BYTES) return 'broken';
  if (unhashedEnd > body.length) return 'cut-short';
  if (unhashedEnd + 2 > length) return 'broken';
  const hashed = body.subarray(6, hashedEnd);
  return { hashed, unhashed: body.subarray(hashedEnd + 2, unhashedEnd), hashedEnd, unhashedEnd };
}

function readVersion4(body: Uint8Array, length: number): SignaturePart | BrokenSignature {
  const areas = readAreas(body, length);
  if (typeof areas === 'string') return areas;
  const { hashed, unhashed, hashedEnd, unhashedEnd } = areas;
  const [, type = 0, publicKeyAlgorithm = 0, hashAlgorithm = 0] = body;
  const integers = readIntegers(body.subarray(unhashedEnd + 2), publicKeyAlgorithm);
  if (!integers) return 'broken';
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
    embedded: [hashed, unhashed].flatMap((area) => findAll(area, SUBPACKET.embedded)),
    revokers: type === DIRECT_KEY ? readRevokers(hashed) : [],
  };
}

/** Undefined if they cannot be read, which ends the import. */
function readIntegers(bytes: Uint8Array, algorithm: number) {
  const count = INTEGERS.get(algorithm);
  if (count === undefined) {
    return bytes.length > MAX_OPAQUE_BYTES ? undefined : [{ bytes, value: bytes }];
  }
  const integers: { readonly bytes: Uint8Array; readonly value: Uint8Array }[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const mpi = readMpi(bytes, at);
    if (!mpi) return undefined;
    integers.push(mpi);
    at = mpi.end;
  }
  return integers;
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
