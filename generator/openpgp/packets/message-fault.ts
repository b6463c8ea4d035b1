// What is wrong with a message, by its packets: a clearer explanation than an engine's "no". It decides
// nothing.
import { type Rejection, reject } from '../../terms/rejection.ts';
import {
  ENCRYPTED_TAGS,
  INFLATABLE,
  type Packet,
  TAG,
  inflatePacket,
  isPacketStart,
  openCompressed,
  readPackets,
} from './packets.ts';
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
  return packets && faultOf(packets);
}

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
 * compressed one gpgv passes over them in silence; gpg reports each, and nodes take one only. The
 * message is no bomb.
 */
export function findSecondSignature(
  bytes: Uint8Array,
  maxInflatedBytes: number,
): Rejection | undefined {
  let found = 0;
  const left: Uint8Array[] = [bytes];
  for (let next = left.pop(); next; next = left.pop()) {
    for (const { tag, body, bytes: whole } of readPackets(next, MAX_PACKETS)) {
      if (!isPacketStart(whole[0] ?? 0)) continue;
      const inner = tag === TAG.compressed ? openCompressed(body, maxInflatedBytes) : undefined;
      if (inner) left.push(inner);
      // What cannot be opened here, bzip2, holds one.
      else if (tag === TAG.signature || tag === TAG.compressed) found++;
    }
  }
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
  return inflated && [...readPackets(inflated, MAX_PACKETS), ...outer.slice(1)];
}

function faultOf(packets: readonly Packet[]): Rejection | undefined {
  const tags = packets.map(({ tag }) => tag);
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
