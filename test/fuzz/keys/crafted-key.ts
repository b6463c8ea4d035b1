// Keys made packet by packet, with self-signatures that gpg never makes: of any date, hash, version
// and content, good or not, in any place.
import { type KeyObject, createHash } from 'node:crypto';
import { type KeyMaterial, digestOf, toKeyMaterial } from '../key-material.ts';
import { formatPackets } from '../packet.ts';
import { formatHashedPart, formatSignature } from '../signature-packet.ts';
import { type Subpacket, formatSeconds, formatSubpackets } from '../subpacket.ts';
import {
  generateDsa,
  generateEc,
  generateEd25519,
  generateRsa,
} from '../../kit/signer/generate-key.ts';

const ec = (namedCurve: string) => () => generateEc(namedCurve);
/** Some keys take long to make: their dates tell them apart. */
const once = (make: () => KeyObject) => {
  let made: KeyObject | undefined;
  return () => (made ??= make());
};
const MAKERS = {
  ed25519: generateEd25519,
  p256: ec('prime256v1'),
  p384: ec('secp384r1'),
  p521: ec('secp521r1'),
  secp256k1: ec('secp256k1'),
  brainpoolP256: ec('brainpoolP256r1'),
  brainpoolP384: ec('brainpoolP384r1'),
  brainpoolP512: ec('brainpoolP512r1'),
  rsa: once(() => generateRsa(2048)),
  dsa: once(() => generateDsa(2048, 256)),
  oldDsa: once(() => generateDsa(1024, 160)),
} satisfies Readonly<Record<string, () => KeyObject>>;

export type CraftedAlgorithm = keyof typeof MAKERS;
export const CRAFTED_ALGORITHMS = Object.keys(MAKERS) as readonly CraftedAlgorithm[];

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
  readonly material: KeyMaterial;
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
/** Their signatures are refused by GnuPG over shorter hashes. */
const LONG_GROUPS: ReadonlySet<CraftedAlgorithm> = new Set(['p521', 'brainpoolP512']);
const SUBPACKET = { created: 2, expires: 3, keyExpires: 9, issuer: 16, flags: 27, fingerprint: 33 };

export function craftKey(algorithm: CraftedAlgorithm, created: number): CraftedKey {
  const material = toKeyMaterial(MAKERS[algorithm]());
  const start = Buffer.concat([Buffer.of(4), formatSeconds(created)]);
  const body = Buffer.concat([start, Buffer.of(material.algorithm), material.parameters]);
  const header = Buffer.of(0x99, body.length >> 8, body.length & 0xff);
  const hashed = Buffer.concat([header, body]);
  const fingerprint = createHash('sha1').update(hashed).digest('hex').toUpperCase();
  return { algorithm, created, body, hashed, fingerprint, material };
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

export interface CraftedMessage {
  /** Of the signature itself, in seconds. */
  readonly lifetime?: number;
  /** Whether it is framed as gpg writes it; unless told, the signature stands in front. */
  readonly isUsual?: boolean;
}

/** A signed message over a payload. */
export function signMessage(
  signer: CraftedKey,
  payload: string,
  created: number,
  { lifetime, isUsual = false }: CraftedMessage = {},
): Buffer {
  const hash = LONG_GROUPS.has(signer.algorithm) ? 10 : 9;
  const spec = { type: 0, created, hash, flags: null, ...(lifetime !== undefined && { lifetime }) };
  const body = Buffer.concat([Buffer.from('b\0\0\0\0\0', 'latin1'), Buffer.from(payload)]);
  const signature = signatureBody(signer, Buffer.from(payload), spec);
  if (!isUsual) return Buffer.concat([frame(2, signature), frame(11, body)]);
  const keyId = Buffer.from(signer.fingerprint, 'hex').subarray(-8);
  const start = Buffer.of(3, spec.type, hash, signer.material.algorithm);
  return formatPackets([
    { tag: 4, framing: 'old-1', body: Buffer.concat([start, keyId, Buffer.of(1)]) },
    { tag: 11, framing: body.length < 192 ? 'new-1' : 'new-2', body },
    { tag: 2, framing: 'old-2', body: signature },
  ]);
}

export function signatureBody(key: CraftedKey, data: Buffer, spec: CraftedSignature): Buffer {
  return spec.version === 3 ? formatVersion3(key, data, spec) : formatVersion4(key, data, spec);
}

function formatVersion4(key: CraftedKey, data: Buffer, spec: CraftedSignature): Buffer {
  const { type, hash = SHA256 } = spec;
  const fields = {
    version: 4,
    type,
    publicKeyAlgorithm: key.material.algorithm,
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
  const algorithms = Buffer.of(key.material.algorithm, hash);
  const { digestStart, integers } = computed;
  return Buffer.concat([Buffer.of(3, 5), part, keyId, algorithms, digestStart, integers]);
}

function compute({ material }: CraftedKey, hash: number, signed: Buffer, isForged = false) {
  const data = isForged ? Buffer.concat([signed, Buffer.of(1)]) : signed;
  const digestStart = digestOf(hash, signed).subarray(0, 2);
  return { digestStart, integers: material.sign(hash, data) };
}
