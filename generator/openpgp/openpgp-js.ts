// The first engine, and the only file that knows OpenPGP.js. It makes keyrings of what nodes import
// (import/), and verifies plain messages by plain keys, in process. Only its "yes" is a verdict; a "no"
// is a reason to ask gpgv.
import { createHash } from 'node:crypto';
import { type Key, type Subkey, armor, enums, readKey, readMessage, verify } from 'openpgp';
import { formatTime } from '../terms/text.ts';
import { messageOf } from '../terms/errors.ts';
import { type Rejection, nameFileIn, reject } from '../terms/rejection.ts';
import { type PlainAlgorithms, readPlainAlgorithms } from './algorithms.ts';
import { describeForeignKeyFile } from './foreign/foreign-key-file.ts';
import { type ImportedKey, KeyImport } from './import/import-keys.ts';
import { type KeyFacts, type PartFacts, readKeyFacts } from './import/key-facts.ts';
import { unarmorAsGnupg } from './import/armor.ts';
import {
  KEY_NOTES,
  type KeyNote,
  describeNote,
  explainEmpty,
  withoutDoubles,
} from './import/key-notes.ts';
import { readKeyPart } from './import/key-part.ts';
import { formatParts } from './import/key-parts.ts';
import type { TermsContext } from './import/key-terms.ts';
import { KeyWorkError } from './import/verify-part.ts';
import type { KeyLife } from './key-state.ts';
import type { PlainMessage } from './packets/plain-message.ts';
import { TAG, readPackets } from './packets/packets.ts';
import { findPrivateKey } from './packets/private-keys.ts';
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
  /** The last second in which it is good. Milliseconds since 1970; Infinity if never or not known. */
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

/** A key in a file of which nodes do not import it. */
export interface LostKey {
  /** Upper-case hex. */
  readonly fingerprint: string;
  readonly path: string;
}

/** The keys whose signatures are accepted. */
export interface Keyring {
  /** Changes when a key does. */
  readonly id: string;
  readonly keys: readonly KeyInfo[];
  /** How the keys end, by fingerprint. */
  readonly lives: ReadonlyMap<string, KeyLife>;
  /** The keys with an OpenPGP key ID (16 lower-case hex digits). */
  readonly find: (keyId: string) => readonly SigningKey[];
  /** Their primary keys and subkeys, in the order in which engines look through them. */
  readonly parts: readonly SigningKey[];
  /** Each key as binary OpenPGP packets, as nodes import it: built anew, from public keys alone. */
  readonly blocks: readonly Uint8Array[];
  /** All of them, for gpgv. */
  readonly packets: Uint8Array;
  /** The fingerprints of keys that only gpgv can judge. */
  readonly forGpgv: readonly string[];
  /** What of the files nodes do not take, or other clients do not. */
  readonly notes: readonly KeyNote[];
  /** Keys that lie in the files, and are not among these, by key ID (16 lower-case hex digits). */
  readonly lost: ReadonlyMap<string, LostKey>;
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
/** Of a key that GnuPG 2.2 reads. */
const LAST_VERSION = 4;
/** Of a key file, that are looked through for keys that were lost. */
const MOST_PACKETS = 100_000;
/** Below, OpenPGP.js refuses what nodes take. */
const PLAIN_RSA_BITS = 2048;
/** Part of the names of keyrings and keys: verdicts by another reading of keys are made again. */
const READING = 'as GnuPG 2.2.40 imports them, 2';

/** In one message. */

/** A key on its way into a keyring. */
interface ReadKey {
  readonly imported: ImportedKey;
  readonly bytes: Uint8Array;
  readonly facts: KeyFacts;
  readonly parsed: Key | undefined;
  /** The parts of `parsed`, by fingerprint. */
  readonly found: ReadonlyMap<string, Key | Subkey>;
}

/**
 * Reads the public keys of key files, armored (several blocks a file) or binary, as a node imports
 * them, in this order. Keys by which no signature counts are left out, with a note. As of `now`, if a
 * key says different things at different times. Another reading of keys has other names for them.
 * @throws KeyFileError naming the file of which nothing is left.
 */
export async function readKeyring(
  files: readonly KeyFile[],
  now: Date = new Date(),
  reading = READING,
): Promise<Keyring> {
  return toKeyring(await importKeys(new KeyImport(), files, now), reading);
}

/** The keys of several keyrings, which no node need have together, with the notes on them. */
export async function joinKeyrings(keyrings: readonly Keyring[]): Promise<Keyring> {
  const blocks = new Set(keyrings.flatMap((keyring) => keyring.blocks));
  const files = [...blocks].map((bytes) => ({ path: 'the policy', bytes }));
  const { keys } = await importKeys(new KeyImport({ isOneNode: false }), files, new Date());
  const notes = keyrings.flatMap((keyring) => keyring.notes);
  const lost = new Map(keyrings.flatMap((keyring) => [...keyring.lost]));
  return toKeyring({ keys, notes, lost }, READING);
}

function toKeyring({ keys, notes, lost }: ReadKeys, reading: string): Keyring {
  const byKeyId = new Map<string, SigningKey[]>();
  const parts = keys.flatMap((read) => toSigningKeys(read, reading));
  for (const key of parts) {
    const keyId = keyIdOf(key);
    const same = byKeyId.get(keyId);
    if (same) same.push(key);
    else byKeyId.set(keyId, [key]);
  }
  const blocks = keys.map(({ bytes }) => bytes);
  const packets = Buffer.concat(blocks);
  return {
    id: createHash('sha256').update(reading).update(packets).digest('base64url'),
    keys: keys.map(({ facts }) => toKeyInfo(facts)),
    lives: new Map(keys.map(({ facts }) => [facts.primary.key.fingerprint, toLife(facts)])),
    find: (keyId) => byKeyId.get(keyId) ?? [],
    parts,
    blocks,
    packets,
    forGpgv: keys.flatMap((key) => (needsGpgv(key) ? [key.facts.primary.key.fingerprint] : [])),
    notes,
    lost,
  };
}

/** By which signatures name a key: 16 lower-case hex digits. */
export function keyIdOf({ fingerprint }: Pick<SigningKey, 'fingerprint'>): string {
  return fingerprint.slice(-16).toLowerCase();
}

/** Whether two keyrings have the same keys with an ID, in the same order: then engines find the same. */
export function findsSame(one: Keyring, other: Keyring, keyId: string): boolean {
  const [keys, others] = [one.find(keyId), other.find(keyId)];
  return (
    keys.length === others.length &&
    keys.every(({ fingerprint, blockId }, index) => {
      const twin = others[index];
      return twin?.fingerprint === fingerprint && twin.blockId === blockId;
    })
  );
}

interface ReadKeys {
  readonly keys: readonly ReadKey[];
  readonly notes: readonly KeyNote[];
  readonly lost: Keyring['lost'];
}

async function importKeys(
  importing: KeyImport,
  files: readonly KeyFile[],
  now: Date,
): Promise<ReadKeys> {
  const taken = files.filter((file) => {
    refusePrivateKey(file);
    return importing.importFile(file);
  });
  const { verifier, findPrimary: findOther } = importing;
  const context = { verifier, findOther, now: Math.floor(now.getTime() / 1000) };
  const notes = [...withoutDoubles(importing.notes)];
  const keys: ReadKey[] = [];
  verifier.startFile();
  for (const imported of importing.keys) {
    const { parts, path } = imported;
    const facts = tryToReadFacts(imported, context);
    const { fingerprint } = parts.primary;
    notes.push(...facts.notes.map((code) => ({ code, path, fingerprint })));
    const bytes = formatParts(parts.parts);
    if (facts.isValid) keys.push({ imported, bytes, facts, ...(await parseKey(bytes)) });
  }
  refuseEmptyFile(files, taken, keys, notes);
  return { keys, notes, lost: findLost(files, keys) };
}

/** The keys of files that are no signers, by key ID in lower case. */
function findLost(
  files: readonly KeyFile[],
  keys: readonly ReadKey[],
): ReadonlyMap<string, LostKey> {
  const kept = new Set(
    keys.flatMap(({ facts }) =>
      [facts.primary, ...facts.subkeys].map(({ key }) => key.fingerprint),
    ),
  );
  const lost = new Map<string, LostKey>();
  for (const file of files) {
    for (const body of readPrimaries(file)) {
      const key = body[0] === LAST_VERSION ? readKeyPart('primary', body) : undefined;
      if (!key || kept.has(key.fingerprint)) continue;
      lost.set(key.keyId, { fingerprint: key.fingerprint, path: file.path });
    }
  }
  return lost;
}

/** The bodies of the primary keys in a file, imported or not. */
function readPrimaries({ bytes }: KeyFile): readonly Uint8Array[] {
  const packets = readPackets(unarmorAsGnupg(bytes).bytes, MOST_PACKETS);
  return packets.filter(({ tag }) => tag === TAG.publicKey).map(({ body }) => body);
}

function tryToReadFacts({ parts, path }: ImportedKey, context: TermsContext): KeyFacts {
  try {
    return readKeyFacts(parts, context);
  } catch (error) {
    if (!(error instanceof KeyWorkError)) throw error;
    const code = 'too-much-to-verify';
    const { cure } = KEY_NOTES[code];
    const message = describeNote({ code, path, fingerprint: parts.primary.fingerprint });
    throw new KeyFileError(message, { hint: cure });
  }
}

/** A file has to give a key, or more of one. */
function refuseEmptyFile(
  files: readonly KeyFile[],
  taken: readonly KeyFile[],
  keys: readonly ReadKey[],
  notes: readonly KeyNote[],
): void {
  const isLeft = ({ path }: KeyFile): boolean =>
    keys.some(({ imported }) => imported.path === path) ||
    notes.every((note) => note.path !== path || note.code !== 'nothing-certified');
  const empty = files.find((file) => !taken.includes(file) || !isLeft(file));
  if (!empty) return;
  const { path } = empty;
  const own = notes.filter((note) => note.path === path);
  const { reasons, cure } = explainEmpty(own, readPrimaries(empty).length);
  const why = reasons.length > 0 ? `: ${reasons.join('; ')}` : '';
  throw sayWhatItIs(
    empty,
    new KeyFileError(
      `${path}: expected OpenPGP public keys that nodes import, got none${why}`,
      cure === undefined ? {} : { hint: cure },
    ),
  );
}

/** An error that says what a file is instead of keys, where that can be seen. */
function sayWhatItIs({ path, bytes }: KeyFile, error: KeyFileError): KeyFileError {
  const foreign = describeForeignKeyFile(bytes);
  if (!foreign || (error.isPrivate && !foreign.isPrivate)) return error;
  const { got, hint, isPrivate } = foreign;
  return new KeyFileError(`${path}: expected OpenPGP public keys, got ${got}`, {
    isPrivate,
    hint: nameFileIn(hint, path),
    cause: error,
  });
}

/**
 * Writes keys as one armored block: not all clients read several. With a checksum, which older
 * ones want.
 */
export function armorKeys(packets: Uint8Array): string {
  return armor(enums.armor.publicKey, packets, undefined, undefined, undefined, true);
}

/** One rule for whatever is given as keys, in whatever form. */
function refusePrivateKey(file: KeyFile): void {
  const finding = findPrivateKey(file.bytes);
  if (finding === 'private') {
    const message = `${file.path}: expected public keys, got a private key`;
    throw sayWhatItIs(file, new KeyFileError(message, { isPrivate: true }));
  }
  if (finding === 'closed') {
    const message = `${file.path}: expected OpenPGP public keys, got a compressed packet`;
    throw new KeyFileError(message);
  }
}

async function parseKey(bytes: Uint8Array): Promise<Pick<ReadKey, 'parsed' | 'found'>> {
  try {
    const parsed = await readKey({ binaryKey: bytes });
    const parts = parsed.getKeys().toReversed();
    return { parsed, found: new Map(parts.map((part) => [fingerprintOf(part), part])) };
  } catch {
    return { parsed: undefined, found: new Map() };
  }
}

function toSigningKeys(
  { facts, bytes, parsed, found: parts }: ReadKey,
  reading: string,
): readonly SigningKey[] {
  const primaryFingerprint = facts.primary.key.fingerprint;
  // Another key may revoke it, as soon as that is there to verify the revocation.
  const own = facts.isRevoked ? `${reading}, revoked` : reading;
  const blockId = createHash('sha256').update(own).update(bytes).digest('base64url');
  return [facts.primary, ...facts.subkeys].map((part): SigningKey => {
    const found = parts.get(part.key.fingerprint);
    return {
      fingerprint: part.key.fingerprint,
      primaryFingerprint,
      blockId,
      parsed,
      createdAt: part.key.created * 1000,
      bits: found?.getAlgorithmInfo().bits,
      expiresAt: part.until,
      certifiedAt: part.certifiedAt,
      isPlain: isPlain(part, found),
      plainAlgorithms: readPlainAlgorithms(part.key.body),
      rsa: readRsaKey(part.key.body),
      findRefusal: askOnce(parsed, found),
    };
  });
}

function isPlain(part: PartFacts, found: Key | Subkey | undefined): boolean {
  return part.hasPlainPackets && part.isSigner && found !== undefined && hasPlainAlgorithm(found);
}

function hasPlainAlgorithm(part: Key | Subkey): boolean {
  const { algorithm, bits, curve } = part.getAlgorithmInfo();
  if (!PLAIN_ALGORITHMS.has(algorithm)) return false;
  return bits === undefined ? PLAIN_CURVES.has(curve ?? '') : bits >= PLAIN_RSA_BITS;
}

/** Encryption subkeys are not plain either, but they sign nothing. */
function needsGpgv({ facts, found }: ReadKey): boolean {
  return [facts.primary, ...facts.subkeys].some(
    (part) => part.isForSigning && !isPlain(part, found.get(part.key.fingerprint)),
  );
}

function toKeyInfo({ primary, userIds }: KeyFacts): KeyInfo {
  const { key, until } = primary;
  const expires = Number.isFinite(until) ? formatTime(until) : null;
  return { fingerprint: key.fingerprint, userIds, expires };
}

function toLife({ primary, subkeys, isRevoked }: KeyFacts): KeyLife {
  const signers = [primary, ...subkeys].filter((part) => part.isSigner);
  return { isRevoked, signers: new Map(signers.map(({ key, until }) => [key.fingerprint, until])) };
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
