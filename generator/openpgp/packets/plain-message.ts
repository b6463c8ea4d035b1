// The one form of a signed message that is judged in process: what GnuPG writes, packet for
// packet. Engines differ in what else they let through, so all the rest is for gpgv.
import { type Packet, TAG, inflatePacket, isInPieces, readPackets } from './packets.ts';
import { type SignaturePacket, readSignaturePacket } from './signature-packet.ts';

/** A message with one signature in its usual place; nothing in it is verified. */
export interface PlainMessage {
  /** The packets, no longer compressed. */
  readonly untrustedPackets: Uint8Array;
  readonly untrustedPayload: Uint8Array;
  readonly signature: SignaturePacket;
}

/**
 * Changes with everything that is judged in process: by the form of a message and a signature, by
 * algorithms, or by the engine. So it is part of what verdicts are remembered by.
 */
export const PLAIN_RULE = 3;

/** A plain message has three packets, or a compressed one around them. */
const MAX_PACKETS = 3;
const CARRIAGE_RETURN = 0x0d;
const BINARY_SIGNATURE = 0;
const ONE_PASS_BYTES = 13;
/** The first octet of a length that is that of a first piece of 512 bytes, the smallest. */
const SMALLEST_PIECE = 0xe9;
const IN_PIECES: ReadonlySet<number> = new Set([TAG.compressed, TAG.literal]);

/** Reads a binary message; undefined if anything about it is out of the ordinary. */
export function readPlainMessage(
  bytes: Uint8Array,
  maxInflatedBytes: number,
): PlainMessage | undefined {
  const [first, ...rest] = readPackets(bytes, 1);
  if (first?.tag !== TAG.compressed) return readSigned(bytes);
  if (rest.length > 0 || !(first.isIndeterminate || hasPlainLength(first))) return undefined;
  const inflated = inflatePacket(first.body, maxInflatedBytes);
  return inflated && readSigned(inflated);
}

function readSigned(untrustedPackets: Uint8Array): PlainMessage | undefined {
  const packets = readPackets(untrustedPackets, MAX_PACKETS);
  if (!packets.every((packet) => hasPlainLength(packet))) return undefined;
  const tags = packets.map(({ tag }) => tag).join(' ');
  const [first, second, third] = packets;
  if (tags === `${TAG.onePassSignature} ${TAG.literal} ${TAG.signature}`) {
    const message = toMessage(untrustedPackets, second, third);
    return message && isAnnounced(message.signature, first) ? message : undefined;
  }
  const isOldStyle = tags === `${TAG.signature} ${TAG.literal}`;
  return isOldStyle ? toMessage(untrustedPackets, second, first) : undefined;
}

/** Only data may come in pieces; GnuPG refuses any other packet (g10/parse-packet.c, parse). */
function hasPlainLength(packet: Packet): boolean {
  const { tag, bytes, isWhole } = packet;
  const isPlain = !isInPieces(packet) || (IN_PIECES.has(tag) && (bytes[1] ?? 0) >= SMALLEST_PIECE);
  return isWhole && isPlain;
}

function toMessage(
  untrustedPackets: Uint8Array,
  literal: Packet | undefined,
  signature: Packet | undefined,
): PlainMessage | undefined {
  const untrustedPayload = literal && literalData(literal.body);
  const read = signature && readSignaturePacket(signature.body);
  if (!untrustedPayload || read?.type !== BINARY_SIGNATURE) return undefined;
  return { untrustedPackets, untrustedPayload, signature: read };
}

/** The data of a literal packet; undefined where it is text whose line ends GnuPG would change. */
function literalData(body: Uint8Array): Uint8Array | undefined {
  const [format = 0, nameLength = 0] = body;
  const start = 2 + nameLength + 4;
  if (start > body.length) return undefined;
  const data = body.subarray(start);
  switch (String.fromCharCode(format)) {
    case 'b':
      return data;
    case 't':
    case 'u':
      return data.includes(CARRIAGE_RETURN) ? undefined : data;
    default:
      return undefined;
  }
}

/** Whether the one-pass packet in front says the same as the signature behind. */
function isAnnounced(signature: SignaturePacket, onePass: Packet | undefined): boolean {
  const body = onePass?.body ?? new Uint8Array();
  const [version, type, hashAlgorithm, publicKeyAlgorithm] = body;
  return (
    body.length === ONE_PASS_BYTES &&
    version === 3 &&
    type === signature.type &&
    hashAlgorithm === signature.hashAlgorithm &&
    publicKeyAlgorithm === signature.publicKeyAlgorithm &&
    Buffer.from(body.subarray(4, 12)).toString('hex') === signature.keyId &&
    body[12] === 1
  );
}
