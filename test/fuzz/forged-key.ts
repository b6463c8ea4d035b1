// A signing key whose signatures are computed here and not by gpg, so that they are good
// whatever their fields say: version 3, any subpackets, any type, any time.
import { type KeyObject, createHash } from 'node:crypto';
import { type KeyMaterial, digestOf, toKeyMaterial } from './key-material.ts';
import { formatPackets } from './packet.ts';
import { formatHashedPart, formatSignature } from './signature-packet.ts';
import { type Subpacket, formatSeconds, formatSubpackets } from './subpacket.ts';

const SHA256 = 8;
const POSITIVE_CERTIFICATION = 0x13;
const CREATED = 2;
const KEY_EXPIRES = 9;
const ISSUER = 16;
const KEY_FLAGS = 27;

export interface ForgedKeyOptions {
  readonly name: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** Key flags of the self-signature; none at all for undefined. */
  readonly flags?: number;
  /** Seconds after `created`. */
  readonly expires?: number;
  /** Of the self-signature; SHA-256 unless told. */
  readonly hash?: number;
  /** Of the self-signature; 4 unless told. */
  readonly version?: 3 | 4;
  /** Writes an Ed25519 key as algorithm 27 of RFC 9580; as 22 unless told. */
  readonly isNewAlgorithm?: boolean;
}

/** What a signature says about itself. */
export interface SignatureSpec {
  readonly version: 3 | 4;
  readonly type: number;
  /** What it says of the key's algorithm; the truth unless told. */
  readonly publicKeyAlgorithm?: number;
  /** Signs lines as if they ended with CR LF, as text signatures do by the specification. */
  readonly isText?: boolean;
  /** A number of {@link HASHES}. */
  readonly hash: number;
  /** Seconds since 1970, of a version 3 signature; version 4 has a subpacket for it. */
  readonly created: number;
  readonly hashed: readonly Subpacket[];
  readonly unhashed: readonly Subpacket[];
}

export interface ForgedKey {
  readonly name: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** A number of RFC 9580, section 9.1. */
  readonly publicKeyAlgorithm: number;
  /** 8 bytes. */
  readonly keyId: Buffer;
  /** 20 bytes. */
  readonly fingerprint: Buffer;
  /** The transferable public key. */
  readonly publicKey: Buffer;
  /** The body of a good signature packet over a payload. */
  readonly sign: (payload: Buffer, spec: SignatureSpec) => Buffer;
}

/** Makes an OpenPGP key of a private key. Keys of other options or times are other keys. */
export function forgeKey(secret: KeyObject, options: ForgedKeyOptions): ForgedKey {
  const { name, created, flags, expires, hash = SHA256, version = 4 } = options;
  const material = toKeyMaterial(secret, options.isNewAlgorithm);
  const body = Buffer.concat([
    Buffer.from([4]),
    formatSeconds(created),
    Buffer.from([material.algorithm]),
    material.parameters,
  ]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  const hashedKey = Buffer.concat([Buffer.from([0x99]), length, body]);
  const fingerprint = createHash('sha1').update(hashedKey).digest();
  const keyId = fingerprint.subarray(-8);

  const signBytes = (data: Buffer, spec: SignatureSpec) =>
    spec.version === 3
      ? signVersion3(material, keyId, data, spec)
      : signVersion4(material, data, spec);

  const userId = Buffer.from(`${name} <${name.replaceAll(/\W/g, '-')}@example.test>`);
  const userIdStart = version === 3 ? Buffer.alloc(0) : Buffer.from([0xb4, 0, 0, 0, userId.length]);
  const certification = signBytes(Buffer.concat([hashedKey, userIdStart, userId]), {
    version,
    type: POSITIVE_CERTIFICATION,
    hash,
    created,
    hashed: [
      { type: CREATED, data: formatSeconds(created) },
      ...(flags === undefined ? [] : [{ type: KEY_FLAGS, data: Buffer.from([flags]) }]),
      ...(expires === undefined ? [] : [{ type: KEY_EXPIRES, data: formatSeconds(expires) }]),
    ],
    unhashed: [{ type: ISSUER, data: keyId }],
  });
  return {
    name,
    created,
    publicKeyAlgorithm: material.algorithm,
    keyId,
    fingerprint,
    publicKey: formatPackets([
      { tag: 6, framing: 'old-2', body },
      { tag: 13, framing: 'old-1', body: userId },
      { tag: 2, framing: 'old-2', body: certification },
    ]),
    sign: (payload, spec) => signBytes(spec.isText === true ? toText(payload) : payload, spec),
  };
}

function toText(payload: Buffer): Buffer {
  return Buffer.from(payload.toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1');
}

function signVersion4(material: KeyMaterial, data: Buffer, spec: SignatureSpec): Buffer {
  const fields = {
    version: 4,
    type: spec.type,
    publicKeyAlgorithm: spec.publicKeyAlgorithm ?? material.algorithm,
    hashAlgorithm: spec.hash,
    hashed: formatSubpackets(spec.hashed),
  };
  const part = formatHashedPart(fields);
  const trailer = Buffer.concat([Buffer.from([4, 0xff]), formatSeconds(part.length)]);
  const signed = Buffer.concat([data, part, trailer]);
  const unhashed = formatSubpackets(spec.unhashed);
  return formatSignature({ ...fields, unhashed, ...computed(material, spec.hash, signed) });
}

function signVersion3(
  material: KeyMaterial,
  keyId: Buffer,
  data: Buffer,
  { type, created, hash, publicKeyAlgorithm = material.algorithm }: SignatureSpec,
): Buffer {
  const part = Buffer.concat([Buffer.from([type]), formatSeconds(created)]);
  const { digestStart, integers } = computed(material, hash, Buffer.concat([data, part]));
  const algorithms = Buffer.from([publicKeyAlgorithm, hash]);
  return Buffer.concat([Buffer.from([3, 5]), part, keyId, algorithms, digestStart, integers]);
}

function computed(material: KeyMaterial, hash: number, signed: Buffer) {
  const digestStart = digestOf(hash, signed).subarray(0, 2);
  return { digestStart, integers: material.sign(hash, signed) };
}
