// Packets as Go reads them, one behind the other and one inside the other (x/crypto/openpgp/packet, packet.go and
// reader.go).
import {
  BufferedStream,
  type ByteStream,
  MemoryStream,
  PiecesStream,
  SpanStream,
  readAll,
  readByte,
  readFull,
  readNewLength,
} from './byte-stream.ts';
import { GoFault, catchFault } from './go-fault.ts';
import { type GoPublicKey, readPublicKey4, skipPublicKey3 } from './go-public-key.ts';
import { type GoSignature, isGoHash, readSignature3, readSignature4 } from './go-signature.ts';
import { openCompressed } from './open-compressed.ts';

/** What says, in front of the signed data, how it is signed. */
export interface OnePassSignature {
  readonly type: number;
  readonly hashId: number;
  /** 16 lower-case hex digits. */
  readonly keyId: string;
  readonly isLast: boolean;
}

/** A packet that was read. */
export type GoPacket =
  | { readonly kind: 'signature'; readonly signature: GoSignature }
  | { readonly kind: 'one-pass'; readonly onePass: OnePassSignature }
  | { readonly kind: 'public-key'; readonly key: GoPublicKey; readonly isSubkey: boolean }
  | { readonly kind: 'user-id'; readonly id: Uint8Array }
  | { readonly kind: 'compressed'; readonly inner: ByteStream }
  | { readonly kind: 'literal'; readonly body: ByteStream }
  | { readonly kind: 'encrypted' }
  /** Known, and of no matter. */
  | { readonly kind: 'other' };

/** Types of packets (RFC 4880, section 4.3). */
const SIGNATURE = 2;
const ONE_PASS = 4;
const PUBLIC_KEY = 6;
const COMPRESSED = 8;
const LITERAL = 11;
const USER_ID = 13;
const PUBLIC_SUBKEY = 14;
const USER_ATTRIBUTE = 17;
/** Session keys, and what is encrypted with them. */
const ENCRYPTED: ReadonlySet<number> = new Set([1, 3, 9, 18]);
const PRIVATE: ReadonlySet<number> = new Set([5, 7]);
const ONE_PASS_VERSION = 3;
/** Layers in each other. */
const MAX_LAYERS = 32;
/** A signature has four packets, a key some hundred. */
const MAX_PACKETS = 100_000;

/** Reads the packets of a file. */
export class PacketReader {
  readonly #layers: ByteStream[];
  readonly #unread: GoPacket[] = [];
  #left = MAX_PACKETS;

  /** `fault` is what comes behind the bytes, if they are not all. */
  constructor(bytes: Uint8Array, fault?: GoFault) {
    this.#layers = [new MemoryStream(bytes, fault)];
  }

  /**
   * The next packet; undefined at the end. Passes over types that Go does not know.
   * @throws GoFault
   */
  next(): GoPacket | undefined {
    const known = this.#unread.pop();
    if (known) return known;
    for (let layer = this.#layers.at(-1); layer; layer = this.#layers.at(-1)) {
      if (this.#left-- === 0) throw new GoFault('beyond', `it has over ${MAX_PACKETS} packets`);
      const isFile = this.#layers.length === 1;
      const packet = catchFault(() => readPacket(layer, isFile));
      if (!(packet instanceof GoFault)) return packet;
      if (packet.kind === 'eof') this.#layers.pop();
      else if (packet.kind !== 'unknown-packet') throw packet;
    }
    return undefined;
  }

  /** Goes on with what is inside of a packet. */
  enter(inner: ByteStream): void {
    if (this.#layers.length >= MAX_LAYERS) {
      throw new GoFault('structural', 'too many layers of packets');
    }
    this.#layers.push(inner);
  }

  /** Gives it again as the next one. */
  putBack(packet: GoPacket): void {
    this.#unread.push(packet);
  }
}

interface Header {
  readonly tag: number;
  readonly body: ByteStream;
  readonly isIndeterminate: boolean;
}

function readHeader(stream: ByteStream): Header {
  const [first] = stream.read(1);
  if (first === undefined) throw new GoFault('eof', 'EOF');
  if (first < 0x80) throw new GoFault('structural', 'tag byte does not have MSB set');
  if ((first & 0x40) === 0) {
    const tag = (first & 0x3f) >> 2;
    const type = first & 3;
    if (type === 3) return { tag, body: stream, isIndeterminate: true };
    const octets = 2 ** type;
    const length = Buffer.from(readFull(stream, octets)).readUIntBE(0, octets);
    return { tag, body: new SpanStream(stream, length), isIndeterminate: false };
  }
  const { length, isPartial } = readNewLength(stream);
  const body = isPartial ? new PiecesStream(stream, length) : new SpanStream(stream, length);
  return { tag: first & 0x3f, body, isIndeterminate: false };
}

/** Of a packet that cannot be read the whole body is passed over. */
function readPacket(stream: ByteStream, isFile: boolean): GoPacket {
  const { tag, body, isIndeterminate } = readHeader(stream);
  const isVersioned = tag === SIGNATURE || tag === PUBLIC_KEY || tag === PUBLIC_SUBKEY;
  const contents = isVersioned ? new BufferedStream(body) : body;
  // An empty one is the end to Go.
  if (contents instanceof BufferedStream && contents.peek() === undefined) {
    throw new GoFault('eof', 'EOF');
  }
  const isDirect = isFile && isIndeterminate;
  const packet = catchFault(() => readBody(tag, contents, isDirect));
  if (!(packet instanceof GoFault)) return packet;
  catchFault(() => readAll(contents));
  throw packet;
}

function readBody(tag: number, contents: ByteStream, isDirect: boolean): GoPacket {
  switch (tag) {
    case SIGNATURE:
      return { kind: 'signature', signature: readSignature(contents) };
    case ONE_PASS:
      return { kind: 'one-pass', onePass: readOnePass(contents) };
    case PUBLIC_KEY:
    case PUBLIC_SUBKEY:
      return readPublicKey(contents, tag === PUBLIC_SUBKEY);
    case COMPRESSED:
      return { kind: 'compressed', inner: openCompressed(contents, isDirect) };
    case LITERAL:
      return readLiteral(contents);
    case USER_ID:
      return { kind: 'user-id', id: readAll(contents) };
    case USER_ATTRIBUTE:
      checkUserAttribute(readAll(contents));
      return { kind: 'other' };
    default:
      if (ENCRYPTED.has(tag)) return { kind: 'encrypted' };
      if (PRIVATE.has(tag)) throw new GoFault('beyond', 'it holds a private key');
      throw new GoFault('unknown-packet', `unknown packet type: ${tag}`);
  }
}

function readSignature(contents: ByteStream): GoSignature {
  const isOld = contents instanceof BufferedStream && (contents.peek() ?? 0) < 4;
  return isOld ? readSignature3(contents) : readSignature4(contents);
}

function readPublicKey(contents: ByteStream, isSubkey: boolean): GoPacket {
  if (contents instanceof BufferedStream && (contents.peek() ?? 0) < 4) {
    skipPublicKey3(contents);
    return { kind: 'other' };
  }
  return { kind: 'public-key', key: readPublicKey4(contents), isSubkey };
}

function readOnePass(contents: ByteStream): OnePassSignature {
  const fields = Buffer.from(readFull(contents, 13));
  const [version = 0, type = 0, hashId = 0] = fields;
  if (!isGoHash(hashId)) throw new GoFault('unsupported', `hash function: ${hashId}`);
  if (version !== ONE_PASS_VERSION) {
    throw new GoFault('unsupported', `one-pass-signature packet version ${version}`);
  }
  return { type, hashId, keyId: fields.toString('hex', 4, 12), isLast: fields[12] !== 0 };
}

function readLiteral(contents: ByteStream): GoPacket {
  readByte(contents);
  readFull(contents, readByte(contents));
  readFull(contents, 4);
  return { kind: 'literal', body: contents };
}

/** @throws GoFault for a subpacket that is cut short. */
function checkUserAttribute(body: Uint8Array): void {
  let rest = body;
  while (rest.length > 0) {
    const [first = 0, second = 0] = rest;
    const octets = first < 192 ? 1 : first < 255 ? 2 : 5;
    if (rest.length < octets + 1) throw new GoFault('structural', 'subpacket truncated');
    const length =
      octets === 1
        ? first
        : octets === 2
          ? (first - 192) * 256 + second + 192
          : Buffer.from(rest).readUInt32BE(1);
    if (length === 0 || octets + length > rest.length) {
      throw new GoFault('structural', 'subpacket truncated');
    }
    rest = rest.subarray(octets + length);
  }
}
