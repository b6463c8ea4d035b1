// The first engine, and the only file that knows OpenPGP.js. It reads keys, and verifies plain messages
// by plain keys, in process. Only its "yes" is a verdict; a "no" is a reason to ask gpgv.
import { createHash } from 'node:crypto';
import {
  type Key,
  type Subkey,
  armor,
  enums,
  readKey,
  readMessage,
  unarmor,
  verify,
} from 'openpgp';
import { formatTime } from '../terms/text.ts';
import { messageOf } from '../terms/errors.ts';
import { type Rejection, nameFileIn, reject } from '../terms/rejection.ts';
import { type PlainAlgorithms, readPlainAlgorithms } from './algorithms.ts';
import { describeChecksum, describeForeignKeyFile } from './foreign/foreign-key-file.ts';
import type { KeyLife } from './key-state.ts';
import { type KeyBlock, readKeyBlocks } from './packets/key-blocks.ts';
import type { PlainMessage } from './packets/plain-message.ts';
import { findPrivateKey } from './packets/private-keys.ts';
import { LAST_SECOND } from './packets/signature-packet.ts';
import { type IsSignedByRsa, type RsaKey, readRsaKey } from './rsa.ts';

/** A public key that is accepted, for reports. */
export interface KeyInfo {
  /** Of the primary key, upper-case hex. */
  readonly fingerprint: string;
  readonly userIds: readonly string[];
  /** ISO 8601, or null for a key that does not expire. */
  readonly expires: string | null;
}

/** A primary key or subkey that may have made a signature. */
export interface SigningKey {
  /** Upper-case hex. */
  readonly fingerprint: string;
  readonly primaryFingerprint: string;
  /** Changes when anything about the whole key does. */
  readonly blockId: string;
  /** Undefined where OpenPGP.js cannot read the key. */
  readonly parsed: Key | undefined;
  /** Milliseconds since 1970; 0 where it is not known. */
  readonly createdAt: number;
  /** Of an RSA or DSA key; undefined for other kinds. */
  readonly bits: number | undefined;
  /** Milliseconds since 1970; Infinity if never or not known. */
  readonly expiresAt: number;
  /** The date of its newest self-signature: earlier, it may be read differently. Milliseconds since 1970. */
  readonly certifiedAt: number;
  /** Whether all engines read the key alike; if not, only gpgv's verdict counts. */
  readonly isPlain: boolean;
  /** Of its signatures that are judged in process, if it is plain; undefined if none is. */
  readonly plainAlgorithms: PlainAlgorithms | undefined;
  /** For signatures by RSA; undefined for keys of another kind. */
  readonly rsa: RsaKey | undefined;
  /** Why OpenPGP.js says that a plain key may not sign as of `now`; undefined if it may. */
  readonly findRefusal: (now: Date) => Promise<Rejection | undefined>;
}

/** The keys whose signatures are accepted. */
export interface Keyring {
  /** Changes when a key does. */
  readonly id: string;
  readonly keys: readonly KeyInfo[];
  /** How the keys end, by fingerprint; those that OpenPGP.js cannot read are left out. */
  readonly lives: ReadonlyMap<string, KeyLife>;
  /** The keys with an OpenPGP key ID (16 lower-case hex digits). */
  readonly find: (keyId: string) => readonly SigningKey[];
  /** Each key as binary OpenPGP packets, built anew: see `readKeyBlocks`. */
  readonly blocks: readonly Uint8Array[];
  /** All of them, for gpgv. */
  readonly packets: Uint8Array;
  /** The fingerprints of keys that only gpgv can judge. */
  readonly forGpgv: readonly string[];
}

/** A key file as it was read. */
export interface KeyFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A file that was given as keys holds none, a private one, or does not parse. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
  /** Whether the file holds a private key. */
  readonly isPrivate: boolean;
  /** The cure, if there is one for this kind of file. */
  readonly hint: string | undefined;
  constructor(message: string, { isPrivate = false, hint, ...options }: KeyFileErrorOptions = {}) {
    super(message, options);
    this.isPrivate = isPrivate;
    this.hint = hint;
  }
}

interface KeyFileErrorOptions extends ErrorOptions {
  readonly isPrivate?: boolean;
  readonly hint?: string;
}

/**
 * A key whose expiry was extended has self-signatures younger than what it signed before.
 * Nodes take such signatures, and so do we: expiry and revocation are judged as of today.
 */
const VERIFY_CONFIG = { allowInsecureVerificationWithReformattedKeys: true };

const ARMOR = '-----BEGIN PGP';
const PUBLIC_KEY_BLOCK =
  /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g;
const NOTHING = new Uint8Array();

/** Algorithms whose signatures both engines compute alike. */
const PLAIN_ALGORITHMS: ReadonlySet<string> = new Set([
  'rsaEncryptSign',
  'rsaSign',
  'ecdsa',
  'eddsaLegacy',
]);
const PLAIN_CURVES: ReadonlySet<string> = new Set([
  enums.curve.nistP256,
  enums.curve.nistP384,
  enums.curve.nistP521,
  enums.curve.ed25519Legacy,
]);
/** Below, OpenPGP.js refuses what nodes take. */
const PLAIN_RSA_BITS = 2048;
const SIGNING_FLAG = enums.keyFlags.signData;
/** Nodes respect a revocation whatever its date. */
const END_OF_TIME = new Date(LAST_SECOND * 1000);

/** A key on its way into a keyring. */
interface ReadKey {
  readonly block: KeyBlock;
  readonly parsed: Key | undefined;
}

/**
 * Reads the public keys of key files, armored (several blocks a file) or binary.
 * @throws KeyFileError naming the file.
 */
export async function readKeyring(files: readonly KeyFile[]): Promise<Keyring> {
  const byFingerprint = new Map<string, ReadKey>();
  for (const file of files) {
    for (const block of await orSayWhatItIs(file, readKeyFile(file))) {
      const { fingerprint } = block.primary;
      const known = byFingerprint.get(fingerprint);
      const key = { block, parsed: await parseKey(block) };
      byFingerprint.set(fingerprint, known ? await merge(known, key) : key);
    }
  }
  const keys = [...byFingerprint.values()];
  const byKeyId = new Map<string, SigningKey[]>();
  for (const key of keys.flatMap((read) => toSigningKeys(read))) {
    const keyId = key.fingerprint.slice(-16).toLowerCase();
    byKeyId.set(keyId, [...(byKeyId.get(keyId) ?? []), key]);
  }
  const blocks = keys.map(({ block }) => block.bytes);
  const packets = Buffer.concat(blocks);
  const all = [...byKeyId.values()].flat();
  return {
    id: createHash('sha256').update(packets).digest('base64url'),
    keys: keys.map((key) => toKeyInfo(key)),
    lives: await readLives(keys),
    find: (keyId) => byKeyId.get(keyId) ?? [],
    blocks,
    packets,
    forGpgv: [...new Set(all.filter(needsGpgv).map((key) => key.primaryFingerprint))],
  };
}

/** Says of a file that cannot be used what it is instead. */
async function orSayWhatItIs(
  { path, bytes }: KeyFile,
  reading: Promise<readonly KeyBlock[]>,
): Promise<readonly KeyBlock[]> {
  const outcome = await reading.catch((error: unknown) => error);
  const isRead = Array.isArray(outcome);
  const foreign = isRead ? describeChecksum(bytes) : describeForeignKeyFile(bytes);
  if (isRead && !foreign) return outcome;
  const isFault = isRead || (outcome instanceof KeyFileError && !outcome.isPrivate);
  if (!foreign || !(isFault || foreign.isPrivate)) throw outcome;
  const { got, hint, isPrivate } = foreign;
  throw new KeyFileError(`${path}: expected OpenPGP public keys, got ${got}`, {
    isPrivate,
    hint: nameFileIn(hint, path),
    cause: outcome,
  });
}

async function readKeyFile({ path, bytes }: KeyFile): Promise<readonly KeyBlock[]> {
  refusePrivateKey(path, bytes);
  const text = Buffer.from(bytes).toString('latin1');
  const binary = text.includes(ARMOR) ? await unarmorKeys(path, text) : bytes;
  const blocks = readKeyBlocks(binary);
  if (!blocks) {
    throw new KeyFileError(`${path}: expected OpenPGP public keys, but the file does not parse`);
  }
  if (blocks.length === 0) {
    throw new KeyFileError(`${path}: expected OpenPGP public keys of version 4, got none`);
  }
  return blocks;
}

async function unarmorKeys(path: string, text: string): Promise<Uint8Array> {
  const blocks = text.match(PUBLIC_KEY_BLOCK) ?? [];
  if (blocks.length === 0) {
    throw new KeyFileError(`${path}: expected OpenPGP public keys, got none`);
  }
  try {
    const read = await Promise.all(blocks.map(async (block) => unarmor(block)));
    return Buffer.concat(read.map(({ data }) => (data instanceof Uint8Array ? data : NOTHING)));
  } catch (cause) {
    const message = `${path}: expected OpenPGP public keys, but the armor does not parse`;
    throw new KeyFileError(message, { cause });
  }
}

/**
 * Writes keys as one armored block: not all clients read several. With a checksum, which older
 * ones want.
 */
export function armorKeys(packets: Uint8Array): string {
  return armor(enums.armor.publicKey, packets, undefined, undefined, undefined, true);
}

/** One rule for whatever is given as keys, in whatever form. */
function refusePrivateKey(path: string, bytes: Uint8Array): void {
  const finding = findPrivateKey(bytes);
  if (finding === 'private') {
    const message = `${path}: expected public keys, got a private key`;
    throw new KeyFileError(message, { isPrivate: true });
  }
  if (finding === 'closed') {
    throw new KeyFileError(`${path}: expected OpenPGP public keys, got a compressed packet`);
  }
}

async function parseKey({ bytes }: KeyBlock): Promise<Key | undefined> {
  try {
    return await readKey({ binaryKey: bytes });
  } catch {
    return undefined;
  }
}

/** The same key twice: the newer expiry and any revocation count, as in nodes' keyrings. */
async function merge(known: ReadKey, again: ReadKey): Promise<ReadKey> {
  if (!known.parsed || !again.parsed) return known;
  const parsed = await known.parsed.update(again.parsed);
  const [block] = readKeyBlocks(parsed.write()) ?? [];
  return block ? { block, parsed } : known;
}

function toSigningKeys({ block, parsed }: ReadKey): readonly SigningKey[] {
  const primaryFingerprint = block.primary.fingerprint;
  const blockId = createHash('sha256').update(block.bytes).digest('base64url');
  const certified = parsed && readCertifications(parsed);
  const toSigningKey = (
    { fingerprint, packetBody, hasPlainPackets }: KeyBlock['primary'],
    part: Key | Subkey | undefined,
    own: KeyTerms | undefined,
  ): SigningKey => ({
    fingerprint,
    primaryFingerprint,
    blockId,
    parsed,
    createdAt: part?.getCreationTime().getTime() ?? 0,
    bits: part?.getAlgorithmInfo().bits,
    expiresAt: Math.min(certified?.expiresAt ?? Infinity, own?.expiresAt ?? Infinity),
    certifiedAt: parsed ? newestDate(parsed, part) : 0,
    isPlain:
      hasPlainPackets &&
      part !== undefined &&
      hasPlainAlgorithm(part) &&
      certified?.isUnambiguous === true &&
      own?.isUnambiguous === true &&
      own.maySign,
    plainAlgorithms: readPlainAlgorithms(packetBody),
    rsa: readRsaKey(packetBody),
    findRefusal: askOnce(parsed, part),
  });
  return [
    toSigningKey(block.primary, parsed, certified),
    ...block.subkeys.map((subkey) => {
      const part = parsed?.subkeys.find((found) => fingerprintOf(found) === subkey.fingerprint);
      return toSigningKey(subkey, part, part && readBindings(part));
    }),
  ];
}

/** What self-signatures say of a key. */
interface KeyTerms {
  readonly expiresAt: number;
  readonly maySign: boolean;
  /** Whether it does not forbid the key to sign. */
  readonly mightSign: boolean;
  /** Whether there is only one way to read them. */
  readonly isUnambiguous: boolean;
}

type SelfSignature = Subkey['bindingSignatures'][number];

/** The terms of a primary key, if the newest certification of each user ID says the same. */
function readCertifications(key: Key): KeyTerms {
  const newest = key.users.map(({ selfCertifications }) => newestOf(selfCertifications));
  const terms = newest.map((signature) => readTerms(signature, key.getCreationTime()));
  const [first] = terms;
  if (!first) return { expiresAt: Infinity, maySign: false, mightSign: true, isUnambiguous: false };
  const agree = terms.every(
    ({ expiresAt, maySign }) => expiresAt === first.expiresAt && maySign === first.maySign,
  );
  const expiresAt = Math.max(...terms.map((term) => term.expiresAt));
  return {
    ...first,
    mightSign: terms.some(({ mightSign }) => mightSign),
    expiresAt,
    isUnambiguous: agree && terms.every(({ isUnambiguous }) => isUnambiguous),
  };
}

function readBindings(subkey: Subkey): KeyTerms {
  const newest = newestOf(subkey.bindingSignatures);
  const terms = readTerms(newest, subkey.getCreationTime());
  return { ...terms, isUnambiguous: terms.isUnambiguous && newest?.embeddedSignature !== null };
}

/** The newest date of all self-signatures of a key and its part. Milliseconds since 1970. */
function newestDate(key: Key, part: Key | Subkey | undefined): number {
  const certifications = key.users.flatMap(({ selfCertifications }) => selfCertifications);
  const bindings = part && 'bindingSignatures' in part ? part.bindingSignatures : [];
  const dates = [...certifications, ...bindings].map(({ created }) => Number(created));
  return Math.max(0, ...dates);
}

function newestOf(signatures: readonly SelfSignature[]): SelfSignature | undefined {
  return signatures.toSorted((a, b) => Number(b.created) - Number(a.created))[0];
}

function readTerms(signature: SelfSignature | undefined, created: Date): KeyTerms {
  const seconds = signature?.keyExpirationTime ?? 0;
  const flags = signature?.keyFlags?.[0];
  const isUnambiguous =
    signature !== undefined &&
    signature.signatureNeverExpires &&
    created.getTime() / 1000 + seconds <= LAST_SECOND &&
    signature.revocationKeyClass === null &&
    signature.keyFlags !== null;
  return {
    expiresAt: seconds === 0 ? Infinity : created.getTime() + seconds * 1000,
    maySign: ((flags ?? 0) & SIGNING_FLAG) !== 0,
    mightSign: flags === undefined || (flags & SIGNING_FLAG) !== 0,
    isUnambiguous,
  };
}

function hasPlainAlgorithm(part: Key | Subkey): boolean {
  const { algorithm, bits, curve } = part.getAlgorithmInfo();
  if (!PLAIN_ALGORITHMS.has(algorithm)) return false;
  return bits === undefined ? PLAIN_CURVES.has(curve ?? '') : bits >= PLAIN_RSA_BITS;
}

/** Encryption subkeys are not plain either, but they sign nothing. */
function needsGpgv({ isPlain, parsed, fingerprint }: SigningKey): boolean {
  if (isPlain) return false;
  const part = parsed?.getKeys().find((found) => fingerprintOf(found) === fingerprint);
  if (!part) return true;
  if (!('mainKey' in part)) return !hasPlainAlgorithm(part) || readCertifications(part).maySign;
  return readBindings(part).maySign;
}

function toKeyInfo({ block, parsed }: ReadKey): KeyInfo {
  const { expiresAt } = parsed ? readCertifications(parsed) : { expiresAt: Infinity };
  return {
    fingerprint: block.primary.fingerprint,
    userIds: block.userIds,
    expires: Number.isFinite(expiresAt) ? formatTime(expiresAt) : null,
  };
}

async function readLives(keys: readonly ReadKey[]): Promise<ReadonlyMap<string, KeyLife>> {
  const lives = new Map<string, KeyLife>();
  for (const { block, parsed } of keys) {
    if (parsed) lives.set(block.primary.fingerprint, await readLife(block, parsed));
  }
  return lives;
}

async function readLife({ primary, subkeys }: KeyBlock, parsed: Key): Promise<KeyLife> {
  const { mightSign, expiresAt } = readCertifications(parsed);
  const signers = new Map(mightSign ? [[primary.fingerprint, expiresAt]] : []);
  for (const { fingerprint } of subkeys) {
    const part = parsed.subkeys.find((found) => fingerprintOf(found) === fingerprint);
    const own = part && readBindings(part);
    if (own?.mightSign === false || (part && (await isSubkeyRevoked(part, parsed)))) continue;
    signers.set(fingerprint, Math.min(expiresAt, own?.expiresAt ?? Infinity));
  }
  return { isRevoked: await parsed.isRevoked(undefined, undefined, END_OF_TIME), signers };
}

async function isSubkeyRevoked(subkey: Subkey, primary: Key): Promise<boolean> {
  const binding = newestOf(subkey.bindingSignatures);
  return binding !== undefined && subkey.isRevoked(binding, primary.keyPacket, END_OF_TIME);
}

/**
 * Verifies a plain message by a plain key, as of `now`; undefined if it is good, else the reason
 * against it.
 */
export async function verifyPlain(
  message: PlainMessage,
  key: SigningKey,
  now: Date,
  isSignedByRsa: IsSignedByRsa,
): Promise<Rejection | undefined> {
  if (!key.rsa) return verifyWithOpenpgpJs(message, key.parsed, now);
  const refusal = await key.findRefusal(now);
  if (refusal) return refusal;
  return (await isSignedByRsa(message, key.rsa)) ? undefined : badSignature();
}

async function verifyWithOpenpgpJs(
  { untrustedPackets }: PlainMessage,
  key: Key | undefined,
  now: Date,
): Promise<Rejection | undefined> {
  if (!key) return reject('cannot-verify', 'OpenPGP.js cannot read the key');
  try {
    const message = await readMessage({ binaryMessage: untrustedPackets });
    const { signatures } = await verify({
      message,
      verificationKeys: key,
      format: 'binary',
      date: now,
      config: VERIFY_CONFIG,
    });
    const [result] = signatures;
    if (!result) return reject('cannot-verify', 'OpenPGP.js finds no signature that it can read');
    await result.verified;
    return undefined;
  } catch (error) {
    return toRefusal(messageOf(error));
  }
}

/**
 * Makes the function that asks OpenPGP.js whether a plain key may sign as of a given time. A "yes" is
 * kept: such a key is not revoked, and its expiry is checked elsewhere.
 */
function askOnce(key: Key | undefined, part: Key | Subkey | undefined): SigningKey['findRefusal'] {
  let goodSince = Infinity;
  return async (now) => {
    if (now.getTime() >= goodSince) return undefined;
    if (!key || !part) return reject('cannot-verify', 'OpenPGP.js cannot read the key');
    try {
      await key.getSigningKey(part.getKeyID(), now);
      goodSince = now.getTime();
      return undefined;
    } catch (error) {
      return toRefusal(messageOf(error));
    }
  };
}

/** Only a failed computation means that the signature is bad. */
function toRefusal(reason: string): Rejection {
  const badBytes = ['Signature verification failed', 'Signed digest did not match'];
  return badBytes.some((start) => reason.startsWith(start))
    ? badSignature()
    : reject('cannot-verify', `OpenPGP.js cannot judge the signature: ${reason}`);
}

function badSignature(): Rejection {
  return reject('bad-signature', 'the signature does not match the payload');
}

function fingerprintOf(key: Key | Subkey): string {
  return key.getFingerprint().toUpperCase();
}
