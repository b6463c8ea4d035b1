// Keys made packet by packet, with self-signatures that gpg never makes: of any date, hash, version
// and content, good or not, in any place.
import {
  type KeyObject,
  type KeyPairKeyObjectResult,
  createHash,
  generateKeyPairSync,
  sign,
} from 'node:crypto';
import { HASHES } from '../key-material.ts';
import { formatInteger } from '../integer.ts';
import { formatPackets } from '../packet.ts';
import { formatHashedPart, formatSignature } from '../signature-packet.ts';
import { type Subpacket, formatSeconds, formatSubpackets } from '../subpacket.ts';

export const CRAFTED_ALGORITHMS = ['ed25519', 'p256', 'p384', 'p521', 'secp256k1', 'rsa'] as const;
export type CraftedAlgorithm = (typeof CRAFTED_ALGORITHMS)[number];

/** A key that signs whatever it is told. */
export interface CraftedKey {
  readonly algorithm: CraftedAlgorithm;
  /** Seconds since 1970. */
  readonly created: number;
  readonly body: Buffer;
  /** What signatures cover of it. */
  readonly hashed: Buffer;
  /** Upper-case hex. */
  readonly fingerprint: string;
  readonly secret: KeyObject;
}

/** A signature in a key. Times are seconds since 1970, spans seconds. */
export interface CraftedSignature {
  readonly type: number;
  readonly created: number;
  /** SHA-256 unless told. */
  readonly hash?: number;
  readonly version?: 3 | 4;
  /** Of the signature itself. */
  readonly lifetime?: number;
  readonly keyLifetime?: number;
  /** 3, to certify and sign, for a certification or binding unless told; none for null. */
  readonly flags?: number | null;
  /** How it names its issuer; both unless told. */
  readonly issuer?: 'both' | 'key ID' | 'fingerprint' | 'wrong' | 'none';
  readonly hashedMore?: readonly Subpacket[];
  readonly unhashedMore?: readonly Subpacket[];
  /** Whether its numbers are wrong. */
  readonly isForged?: boolean;
}

const SHA256 = 8;
const NUMBER: Readonly<Record<CraftedAlgorithm, number>> = {
  ed25519: 22,
  p256: 19,
  p384: 19,
  p521: 19,
  secp256k1: 19,
  rsa: 1,
};
const CURVES = {
  p256: { name: 'prime256v1', oid: '2a8648ce3d030107' },
  p384: { name: 'secp384r1', oid: '2b81040022' },
  p521: { name: 'secp521r1', oid: '2b81040023' },
  secp256k1: { name: 'secp256k1', oid: '2b8104000a' },
} as const;
const ED25519_OID = '2b06010401da470f01';
const SUBPACKET = { created: 2, expires: 3, keyExpires: 9, issuer: 16, flags: 27, fingerprint: 33 };

/** RSA keys take long to make: their dates tell them apart. */
let rsa: KeyPairKeyObjectResult | undefined;

export function craftKey(algorithm: CraftedAlgorithm, created: number): CraftedKey {
  const { publicKey, privateKey } = makePair(algorithm);
  const body = Buffer.concat([
    Buffer.of(4),
    formatSeconds(created),
    Buffer.of(NUMBER[algorithm]),
    formatMaterial(algorithm, publicKey),
  ]);
  const header = Buffer.of(0x99, body.length >> 8, body.length & 0xff);
  const hashed = Buffer.concat([header, body]);
  const fingerprint = createHash('sha1').update(hashed).digest('hex').toUpperCase();
  return { algorithm, created, body, hashed, fingerprint, secret: privateKey };
}

function makePair(algorithm: CraftedAlgorithm): KeyPairKeyObjectResult {
  if (algorithm === 'ed25519') return generateKeyPairSync('ed25519');
  if (algorithm !== 'rsa') {
    return generateKeyPairSync('ec', { namedCurve: CURVES[algorithm].name });
  }
  return (rsa ??= generateKeyPairSync('rsa', { modulusLength: 2048 }));
}

function formatMaterial(algorithm: CraftedAlgorithm, key: KeyObject): Buffer {
  const { n = '', e = '', x = '', y = '' } = key.export({ format: 'jwk' });
  const [nBytes, eBytes, xBytes, yBytes] = [n, e, x, y].map((text) =>
    Buffer.from(text, 'base64url'),
  );
  if (!nBytes || !eBytes || !xBytes || !yBytes) throw new Error('the key has no numbers');
  if (algorithm === 'rsa') return Buffer.concat([formatInteger(nBytes), formatInteger(eBytes)]);
  const isEdwards = algorithm === 'ed25519';
  const oid = Buffer.from(isEdwards ? ED25519_OID : CURVES[algorithm].oid, 'hex');
  const point = isEdwards ? [Buffer.of(0x40), xBytes] : [Buffer.of(4), xBytes, yBytes];
  return Buffer.concat([Buffer.of(oid.length), oid, formatInteger(Buffer.concat(point))]);
}

/** The packets of parts of a key. */
export const packetOf = {
  primary: ({ body }: CraftedKey): Buffer => frame(6, body),
  subkey: ({ body }: CraftedKey): Buffer => frame(14, body),
  user: (name: string | Buffer): Buffer => frame(13, Buffer.from(name)),
  photo: (body: Buffer): Buffer => frame(17, body),
};

export function frame(tag: number, body: Buffer): Buffer {
  return formatPackets([{ tag, framing: tag > 15 ? 'new-5' : 'old-2', body }]);
}

/** A signature over the primary key: direct, or a revocation. */
export function signPrimary(
  signer: CraftedKey,
  spec: CraftedSignature,
  primary: CraftedKey = signer,
): Buffer {
  return frame(2, signatureBody(signer, primary.hashed, spec));
}

/** A certification or its revocation. */
export function signUser(
  key: CraftedKey,
  name: string | Buffer,
  spec: CraftedSignature,
  isPhoto = false,
): Buffer {
  const bytes = Buffer.from(name);
  const header = Buffer.from([isPhoto ? 0xd1 : 0xb4, 0, 0, 0, 0]);
  header.writeUInt32BE(bytes.length, 1);
  const isOld = spec.version === 3;
  const signed = Buffer.concat([key.hashed, ...(isOld ? [] : [header]), bytes]);
  return frame(2, signatureBody(key, signed, { flags: 3, ...spec }));
}

/** A binding or revocation of a subkey. */
export function signSubkey(key: CraftedKey, subkey: CraftedKey, spec: CraftedSignature): Buffer {
  const signed = Buffer.concat([key.hashed, subkey.hashed]);
  return frame(2, signatureBody(key, signed, { flags: 2, ...spec }));
}

/** The subpacket with which a subkey says that it belongs to a key. */
export function crossCertify(
  key: CraftedKey,
  subkey: CraftedKey,
  spec: Omit<CraftedSignature, 'type'>,
): Subpacket {
  const signed = Buffer.concat([key.hashed, subkey.hashed]);
  const data = signatureBody(subkey, signed, {
    issuer: 'key ID',
    flags: null,
    ...spec,
    type: 0x19,
  });
  return { type: 32, data };
}

/** A signed message over a payload. */
export function signMessage(signer: CraftedKey, payload: string, created: number): Buffer {
  const spec = { type: 0, created, hash: signer.algorithm === 'p521' ? 10 : 9, flags: null };
  const literal = Buffer.concat([Buffer.from('b\0\0\0\0\0', 'latin1'), Buffer.from(payload)]);
  const signature = signatureBody(signer, Buffer.from(payload), spec);
  return Buffer.concat([frame(2, signature), frame(11, literal)]);
}

export function signatureBody(key: CraftedKey, data: Buffer, spec: CraftedSignature): Buffer {
  return spec.version === 3 ? formatVersion3(key, data, spec) : formatVersion4(key, data, spec);
}

function formatVersion4(key: CraftedKey, data: Buffer, spec: CraftedSignature): Buffer {
  const { type, hash = SHA256 } = spec;
  const fields = {
    version: 4,
    type,
    publicKeyAlgorithm: NUMBER[key.algorithm],
    hashAlgorithm: hash,
    hashed: formatSubpackets(hashedOf(key, spec)),
  };
  const part = formatHashedPart(fields);
  const trailer = Buffer.concat([Buffer.from([4, 0xff]), formatSeconds(part.length)]);
  const computed = compute(key, hash, Buffer.concat([data, part, trailer]), spec.isForged);
  const unhashed = formatSubpackets([...issuerOf(key, spec), ...(spec.unhashedMore ?? [])]);
  return formatSignature({ ...fields, unhashed, ...computed });
}

function hashedOf({ fingerprint }: CraftedKey, spec: CraftedSignature): readonly Subpacket[] {
  const { created, lifetime, keyLifetime, flags, issuer = 'both', hashedMore = [] } = spec;
  const named = Buffer.concat([Buffer.of(4), Buffer.from(fingerprint, 'hex')]);
  const isNamed = issuer === 'both' || issuer === 'fingerprint';
  return [
    { type: SUBPACKET.created, data: formatSeconds(created) },
    ...(isNamed ? [{ type: SUBPACKET.fingerprint, data: named }] : []),
    ...(lifetime === undefined ? [] : [{ type: SUBPACKET.expires, data: formatSeconds(lifetime) }]),
    ...(keyLifetime === undefined
      ? []
      : [{ type: SUBPACKET.keyExpires, data: formatSeconds(keyLifetime) }]),
    ...(typeof flags === 'number' ? [{ type: SUBPACKET.flags, data: Buffer.of(flags) }] : []),
    ...hashedMore,
  ];
}

function issuerOf(
  { fingerprint }: CraftedKey,
  { issuer = 'both' }: CraftedSignature,
): readonly Subpacket[] {
  if (issuer === 'none' || issuer === 'fingerprint') return [];
  const keyId = Buffer.from(fingerprint, 'hex').subarray(-8);
  return [{ type: SUBPACKET.issuer, data: issuer === 'wrong' ? Buffer.alloc(8, 7) : keyId }];
}

function formatVersion3(key: CraftedKey, data: Buffer, spec: CraftedSignature): Buffer {
  const { type, created, hash = SHA256, isForged } = spec;
  const part = Buffer.concat([Buffer.of(type), formatSeconds(created)]);
  const computed = compute(key, hash, Buffer.concat([data, part]), isForged);
  const keyId = Buffer.from(key.fingerprint, 'hex').subarray(-8);
  const algorithms = Buffer.of(NUMBER[key.algorithm], hash);
  const { digestStart, integers } = computed;
  return Buffer.concat([Buffer.of(3, 5), part, keyId, algorithms, digestStart, integers]);
}

function compute(key: CraftedKey, hash: number, signed: Buffer, isForged = false) {
  const name = HASHES.get(hash) ?? 'sha256';
  const digest = createHash(name).update(signed).digest();
  const data = isForged ? Buffer.concat([signed, Buffer.of(1)]) : signed;
  return { digestStart: digest.subarray(0, 2), integers: formatIntegers(key, name, data) };
}

function formatIntegers({ algorithm, secret }: CraftedKey, name: string, data: Buffer): Buffer {
  if (algorithm === 'rsa') return formatInteger(sign(name, data, secret));
  const both =
    algorithm === 'ed25519'
      ? sign(null, createHash(name).update(data).digest(), secret)
      : sign(name, data, { key: secret, dsaEncoding: 'ieee-p1363' });
  const half = both.length / 2;
  return Buffer.concat([both.subarray(0, half), both.subarray(half)].map(formatInteger));
}
