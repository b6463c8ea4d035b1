// What is wrong with a message, by its packets: a clearer explanation than an engine's "no". It decides
// nothing.
import { type Rejection, reject } from '../../terms/rejection.ts';
import { describeBytesBehind, describeChangedBytes } from './changed-bytes.ts';
import {
  ENCRYPTED_TAGS,
  INFLATABLE,
  PRIVATE_TAGS,
  type Packet,
  TAG,
  inflatePacket,
  isInPieces,
  isPacketStart,
  readPackets,
} from './packets.ts';
import { readPlainMessage } from './plain-message.ts';
import { countSignatures } from './read-layers.ts';
import { type SignaturePacket, readSignaturePacket } from './signature-packet.ts';

/** How many packets are looked at. */
const MAX_PACKETS = 1000;
const ARMOR = '-----BEGIN PGP';
/** Armor may have text before it. In bytes. */
const ARMOR_WITHIN = 4096;

/** The fault of a message, if its packets show one. */
export function findMessageFault(
  bytes: Uint8Array,
  maxInflatedBytes: number,
): Rejection | undefined {
  // Armor, which is let through in a frame, has no packets to look at.
  if (Buffer.from(bytes.subarray(0, ARMOR_WITHIN)).includes(ARMOR)) return undefined;
  const packets = openPackets(bytes, maxInflatedBytes);
  const newer = findNewerVersion(packets ?? []);
  if (newer) return newer;
  const behind = findBytesBehind(bytes, packets ?? []);
  const isWhole = behind && readPlainMessage(withoutEnd(bytes, behind), maxInflatedBytes);
  // First, as a line end of Windows in a signature by chance makes it look like changed line ends.
  if (isWhole) return describeBytesBehind(behind, true);
  return (
    describeChangedBytes('malformed', bytes, maxInflatedBytes) ??
    (behind && describeBytesBehind(behind, false)) ??
    (packets && faultOf(packets))
  );
}

const LAST_VERSION = 4;
/** Versions of a signature that some client reads: GnuPG 2.3 and later 5, Sequoia 6. */
const NEWER_VERSIONS: ReadonlySet<number> = new Set([5, 6]);

/** A signature in a form that GnuPG 2.2 does not read, as newer keys make it. */
function findNewerVersion(packets: readonly Packet[]): Rejection | undefined {
  const version = packets.find(
    ({ tag, body, isWhole }) =>
      tag === TAG.signature && isWhole && NEWER_VERSIONS.has(body[0] ?? LAST_VERSION),
  )?.body[0];
  if (version === undefined) return undefined;
  const takers =
    version === 6 ? 'podman and skopeo that verify with Sequoia' : 'GnuPG 2.3 and later';
  return reject(
    'unsupported-signature',
    `expected a signature of version ${LAST_VERSION}, got one of version ${version}`,
    {
      hint: `Only nodes with ${takers} take version ${version}: sign with an RSA or Ed25519 key of version ${LAST_VERSION}, as \`gpg --quick-generate-key USER rsa3072 sign\` makes it.`,
    },
  );
}

/** Bytes behind the packets of a message, which begin no packet, or one that is not whole. */
function findBytesBehind(bytes: Uint8Array, packets: readonly Packet[]): Uint8Array | undefined {
  const tags = packets.map(({ tag }) => tag);
  const form = FORMS.find((wanted) => wanted.every((tag, at) => tags[at] === tag));
  const next = form && packets[form.length];
  if (!next || next.isWhole || !packets.slice(0, form.length).every(({ isWhole }) => isWhole)) {
    return undefined;
  }
  // Bytes behind the message within a compressed packet are no end of the file.
  const behind = bytes.subarray(bytes.length - next.bytes.length);
  return Buffer.compare(behind, next.bytes) === 0 ? behind : undefined;
}

function withoutEnd(bytes: Uint8Array, end: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.length - end.length);
}

/** What a signed message consists of. */
const FORMS: readonly (readonly number[])[] = [
  [TAG.onePassSignature, TAG.literal, TAG.signature],
  [TAG.signature, TAG.literal],
];

/** The fault of a message that starts with compressed data, if that is damaged or cut short. */
export function findCompressionFault(
  bytes: Uint8Array,
  maxInflatedBytes: number,
): Rejection | undefined {
  const [first] = readPackets(bytes, 1);
  const isInflatable = first?.tag === TAG.compressed && INFLATABLE.has(first.body[0] ?? 0);
  return isInflatable && !inflatePacket(first.body, maxInflatedBytes) ? cutShort() : undefined;
}

/**
 * The fault of a message with several signature packets, in whatever layers of compression. Beside a
 * compressed one gpgv passes over some in silence; gpg reports each that it meets, and nodes take one
 * only. The message is no bomb.
 */
export function findSecondSignature(
  bytes: Uint8Array,
  maxInflatedBytes: number,
): Rejection | undefined {
  const found = countSignatures(bytes, maxInflatedBytes);
  return found > 1 ? tooManySignatures(found) : undefined;
}

/** What the first signature packet of a binary message says. */
export function findSignaturePacket(
  bytes: Uint8Array,
  maxInflatedBytes: number,
): SignaturePacket | undefined {
  const packets = openPackets(bytes, maxInflatedBytes) ?? [];
  const signature = packets.find(({ tag }) => tag === TAG.signature);
  return signature && readSignaturePacket(signature.body);
}

/** The packets, those of a compressed one in its place; undefined where it cannot be inflated. */
function openPackets(bytes: Uint8Array, maxInflatedBytes: number): readonly Packet[] | undefined {
  const outer = readPackets(bytes, MAX_PACKETS);
  const [first] = outer;
  const isCutShort = first && !first.isWhole && !first.isIndeterminate;
  if (first?.tag !== TAG.compressed || isCutShort) return outer;
  const inflated = inflatePacket(first.body, maxInflatedBytes);
  // Behind one that is not in pieces, GnuPG has read ahead: it may never meet the next packet.
  const behind = isInPieces(first) ? outer.slice(1) : [];
  return inflated && [...readPackets(inflated, MAX_PACKETS), ...behind];
}

const KEYS: ReadonlySet<number> = new Set([TAG.publicKey, ...PRIVATE_TAGS]);

function faultOf(packets: readonly Packet[]): Rejection | undefined {
  const tags = packets.flatMap(({ tag, bytes }) => (isPacketStart(bytes[0] ?? 0) ? [tag] : []));
  const [first] = tags;
  if (first !== undefined && KEYS.has(first)) {
    const what = first === TAG.publicKey ? 'a public key' : 'a PRIVATE key';
    return reject('not-signed', `expected a signed message, got ${what}`);
  }
  if (tags.some((tag) => ENCRYPTED_TAGS.has(tag))) {
    return reject('encrypted', 'expected a signed OpenPGP message, got an encrypted one');
  }
  const count = (tag: number): number => tags.filter((found) => found === tag).length;
  const signatures = Math.max(count(TAG.signature), count(TAG.onePassSignature));
  if (signatures > 1) return tooManySignatures(signatures);
  if (packets.length === 0 || packets.some((packet) => isCut(packet))) return cutShort();
  if (count(TAG.literal) === 0 && signatures === 1) {
    return reject('detached', 'expected a signed message, got a detached signature');
  }
  if (count(TAG.literal) === 1 && signatures === 0) {
    return reject('not-signed', 'expected a signed message, got plain data');
  }
  return undefined;
}

function isCut({ isWhole, isIndeterminate }: Packet): boolean {
  return !isWhole && !isIndeterminate;
}

function tooManySignatures(count: number): Rejection {
  const got = count > MAX_PACKETS ? `more than ${MAX_PACKETS}` : count;
  return reject('multiple-signatures', `expected exactly one signature, got ${got}`);
}

function cutShort(): Rejection {
  return reject(
    'malformed',
    'expected whole OpenPGP packets, got one that is cut short or damaged',
  );
}
