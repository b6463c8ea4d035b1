// The OpenPGP engine: the one file that knows OpenPGP.js. It answers for what OpenPGP.js
// can judge; where that library is stricter than the nodes (version 3 packets, SHA-1, DSA,
// short RSA keys, dates ahead of the clock) the answer is `cannot-verify`, never "invalid".
// Beyond OpenPGP.js it checks what GnuPG checks on nodes: exactly one signature, and a key
// that is neither expired nor revoked today (containers/image signature/mechanism_gpgme.go).
import { createHash } from 'node:crypto';
import {
  type Key,
  type Message,
  type SignaturePacket,
  type Subkey,
  enums,
  readKeys,
  readMessage,
  verify,
} from 'openpgp';
import { MAX_BLOB_BYTES } from './blob.ts';
import { countPackets } from './count-packets.ts';
import { formatTime } from './format-time.ts';
import { type Rejection, isRejection, reject } from './rejection.ts';
import { messageOf } from './message-of.ts';

/** A public key that is accepted, for reports. */
export interface KeyInfo {
  /** Of the primary key, upper-case hex. */
  readonly fingerprint: string;
  readonly userIds: readonly string[];
  /** ISO 8601, or null for a key that does not expire. */
  readonly expires: string | null;
}

/** The key that made a signature: the primary or one of its subkeys. Upper-case hex. */
export interface Signer {
  readonly fingerprint: string;
  readonly primaryFingerprint: string;
}

/** The keys whose signatures are accepted. */
export interface Keyring {
  /** Changes when a key file does. */
  readonly id: string;
  readonly keys: readonly KeyInfo[];
  /** The signing keys with an OpenPGP key ID (16 lower-case hex digits). */
  readonly find: (keyId: string) => readonly Key[];
}

/** What a message holds; its payload is untrusted unless there is a signer. */
export interface OpenedMessage {
  readonly untrustedPayload: Uint8Array;
  /** The verified signer; absent when no keyring was given. */
  readonly signer?: Signer;
  /** When the signature was made, in milliseconds since 1970. */
  readonly signedAt: number;
  /** When signature or key expire, in milliseconds since 1970; Infinity if never. */
  readonly validUntil: number;
}

/** A file that was given as keys holds none, a private one, or does not parse. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** Inflating stops here, so that a compressed bomb costs bounded memory. */
const MAX_INFLATED_BYTES = MAX_BLOB_BYTES;
/** A signature has three packets; a file of 4 MiB from a pipe comes in about 500 pieces. */
const MAX_PACKETS = 1000;
/** Armor is read line by line; only a frame lets it through at all. In bytes. */
const MAX_ARMORED_BYTES = 64 * 1024;
const CONFIG = { maxDecompressedMessageSize: MAX_INFLATED_BYTES };

/**
 * A key whose expiry was extended has self-signatures younger than what it signed before.
 * Nodes take such signatures, and so do we: expiry and revocation are judged as of today.
 */
const VERIFY_CONFIG = { ...CONFIG, allowInsecureVerificationWithReformattedKeys: true };

const ENCRYPTED_TAGS = [
  enums.packet.symmetricallyEncryptedData,
  enums.packet.symEncryptedIntegrityProtectedData,
  enums.packet.aeadEncryptedData,
];

const ARMOR = '-----BEGIN PGP';
const PUBLIC_KEY_BLOCK =
  /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g;
const PRIVATE_KEY_BLOCK = '-----BEGIN PGP PRIVATE KEY BLOCK-----';

/**
 * Reads the public keys of key files, armored (several blocks a file) or binary.
 * @throws KeyFileError naming the file.
 */
export async function readKeyring(
  files: readonly { readonly path: string; readonly bytes: Uint8Array }[],
): Promise<Keyring> {
  const byFingerprint = new Map<string, Key>();
  for (const file of files) {
    for (const key of await readKeyFile(file.path, file.bytes)) {
      // The same key twice: the newer expiry and any revocation count, as in nodes' keyrings.
      const known = byFingerprint.get(key.getFingerprint());
      byFingerprint.set(key.getFingerprint(), known ? await known.update(key) : key);
    }
  }
  const keys = [...byFingerprint.values()];
  const byKeyId = new Map<string, Key[]>();
  for (const key of keys) {
    for (const id of new Set(key.getKeys().map((part) => part.getKeyID().toHex()))) {
      byKeyId.set(id, [...(byKeyId.get(id) ?? []), key]);
    }
  }
  const id = createHash('sha256');
  for (const file of files) id.update(createHash('sha256').update(file.bytes).digest());
  return {
    id: id.digest('base64url'),
    keys: await Promise.all(keys.map(async (key) => toKeyInfo(key))),
    find: (keyId) => byKeyId.get(keyId) ?? [],
  };
}

async function readKeyFile(path: string, bytes: Uint8Array): Promise<readonly Key[]> {
  const text = Buffer.from(bytes).toString('latin1');
  if (text.includes(PRIVATE_KEY_BLOCK)) throw privateKeyError(path);
  const armored = text.includes(ARMOR);
  let keys: Key[];
  try {
    keys = armored
      ? await readArmoredKeys(text)
      : await readKeys({ binaryKeys: new Uint8Array(bytes) });
  } catch (cause) {
    throw new KeyFileError(`${path}: expected OpenPGP public keys, but the file does not parse`, {
      cause,
    });
  }
  if (keys.some((key) => key.isPrivate())) throw privateKeyError(path);
  if (keys.length === 0) throw new KeyFileError(`${path}: expected OpenPGP public keys, got none`);
  return keys;
}

async function readArmoredKeys(text: string): Promise<Key[]> {
  const blocks = text.match(PUBLIC_KEY_BLOCK) ?? [];
  return (await Promise.all(blocks.map(async (block) => readKeys({ armoredKeys: block })))).flat();
}

function privateKeyError(path: string): KeyFileError {
  return new KeyFileError(`${path}: expected public keys, got a private key`);
}

async function toKeyInfo(key: Key): Promise<KeyInfo> {
  const expires = await expiryOf(key);
  return {
    fingerprint: fingerprintOf(key),
    userIds: key.getUserIDs(),
    expires: Number.isFinite(expires) ? formatTime(expires) : null,
  };
}

/**
 * Opens a signed message and, with a keyring, verifies its signature as of `now`.
 * Only with a keyring, and only if the signature is good, the result has a signer.
 */
export async function openMessage(
  untrustedMessage: Uint8Array,
  keyring: Keyring | undefined,
  now: Date,
): Promise<OpenedMessage | Rejection> {
  const text = Buffer.from(untrustedMessage.subarray(0, 64)).toString('latin1');
  if (text.startsWith(`${ARMOR} SIGNED MESSAGE`)) {
    return reject('cannot-verify', 'the framed message is cleartext-signed', {
      hint: 'Publish the binary message that skopeo or podman writes.',
    });
  }
  const isArmored = text.startsWith(ARMOR);
  if (isArmored && untrustedMessage.length > MAX_ARMORED_BYTES) {
    const got = `${untrustedMessage.length} bytes`;
    return reject(
      'cannot-verify',
      `expected at most ${MAX_ARMORED_BYTES} bytes of armor, got ${got}`,
    );
  }
  if (!isArmored && countPackets(untrustedMessage, MAX_PACKETS, MAX_INFLATED_BYTES) > MAX_PACKETS) {
    return reject('malformed', `expected at most ${MAX_PACKETS} packets, got more`);
  }
  try {
    const message = await (isArmored
      ? readMessage({
          armoredMessage: Buffer.from(untrustedMessage).toString('latin1'),
          config: CONFIG,
        })
      : readMessage({ binaryMessage: untrustedMessage, config: CONFIG }));
    return await examine(message.unwrapCompressed(), keyring, now);
  } catch (error) {
    return malformed(error);
  }
}

async function examine(
  message: Message<Uint8Array | string>,
  keyring: Keyring | undefined,
  now: Date,
): Promise<OpenedMessage | Rejection> {
  if (ENCRYPTED_TAGS.some((tag) => message.packets.findPacket(tag))) {
    return reject('encrypted', 'expected a signed OpenPGP message, got an encrypted one');
  }
  // A signature that is not parsed (version 3) still has its one-pass packet in front.
  const announced = Math.max(
    message.packets.filterByTag(enums.packet.onePassSignature).length,
    message.packets.filter((packet) => tagOf(packet) === enums.packet.signature).length,
  );
  // Before anything is hashed: each of thousands of signatures would read all of the data.
  if (announced > 1) {
    return reject('multiple-signatures', `expected exactly one signature, got ${announced}`);
  }
  if (announced === 1 && !message.packets.findPacket(enums.packet.literalData)) {
    return reject('detached', 'expected a signed message, got a detached signature');
  }
  const signingKeyIds = message.getSigningKeyIDs().map((id) => id.toHex());
  const candidates = signingKeyIds.flatMap((id) => keyring?.find(id) ?? []);
  const { data, signatures } = await verify({
    message,
    verificationKeys: candidates,
    format: 'binary',
    date: now,
    config: VERIFY_CONFIG,
  });
  const [result] = signatures;
  const packet = (await result?.signature)?.packets[0];
  const untrustedPayload = new Uint8Array(data);
  if (!result || !packet) {
    if (announced === 0) return reject('not-signed', 'expected a signed message, got plain data');
    return keyring
      ? reject('cannot-verify', 'the signature packet has a version that is not supported')
      : { untrustedPayload, signedAt: 0, validUntil: Infinity };
  }
  const signedAt = packet.created?.getTime() ?? 0;
  const signatureExpiry = toMilliseconds(packet.getExpirationTime());
  if (!keyring) return { untrustedPayload, signedAt, validUntil: signatureExpiry };

  const key = await acceptableKey(candidates, result.keyID.toHex(), now);
  if (isRejection(key)) return key;
  if (signatureExpiry <= now.getTime()) {
    return reject('signature-expired', `the signature expired on ${toDay(signatureExpiry)}`);
  }
  if (signedAt > now.getTime()) {
    return reject(
      'cannot-verify',
      `the signature is dated ${toDay(signedAt)}, ahead of the clock`,
      {
        hint: 'Set the clock of the machine that signs, and sign the image again.',
      },
    );
  }
  try {
    await result.verified;
  } catch (error) {
    return refusal(packet, error);
  }
  const { signer, validUntil } = key;
  return { untrustedPayload, signer, signedAt, validUntil: Math.min(signatureExpiry, validUntil) };
}

/** The signer if its key is one that nodes take today. */
async function acceptableKey(
  candidates: readonly Key[],
  keyId: string,
  now: Date,
): Promise<{ signer: Signer; validUntil: number } | Rejection> {
  const [key] = candidates;
  if (!key) {
    return reject('unknown-signer', `no key of the keyring has the ID ${keyId.toUpperCase()}`);
  }
  const part = key.getKeys().find((candidate) => candidate.getKeyID().toHex() === keyId) ?? key;
  const signer = { fingerprint: fingerprintOf(part), primaryFingerprint: fingerprintOf(key) };
  if (await isRevoked(key, part, now)) {
    return reject('key-revoked', `the key ${signer.fingerprint} is revoked`);
  }
  const validUntil = Math.min(await expiryOf(key), await expiryOf(part));
  if (validUntil <= now.getTime()) {
    const message = `the key ${signer.fingerprint} expired on ${toDay(validUntil)}`;
    return reject('key-expired', message);
  }
  return { signer, validUntil };
}

async function isRevoked(key: Key, part: Key | Subkey, now: Date): Promise<boolean> {
  if (await key.isRevoked(undefined, undefined, now)) return true;
  if (!('mainKey' in part)) return false;
  const [binding] = part.bindingSignatures;
  return binding !== undefined && part.isRevoked(binding, key.keyPacket, now);
}

/** Infinity also where OpenPGP.js cannot say: verification then says why it cannot judge. */
async function expiryOf(key: Key | Subkey): Promise<number> {
  try {
    return toMilliseconds(await key.getExpirationTime());
  } catch {
    return Infinity;
  }
}

/** Why OpenPGP.js refused. Only a failed computation means that the signature is bad. */
function refusal(packet: SignaturePacket, error: unknown): Rejection {
  const reason = messageOf(error);
  const badBytes = ['Signature verification failed', 'Signed digest did not match'];
  if (badBytes.some((start) => reason.startsWith(start))) {
    return reject('bad-signature', 'the signature does not match the payload');
  }
  const algorithm = packet.publicKeyAlgorithm;
  const name = algorithm === null ? 'unknown' : enums.read(enums.publicKey, algorithm);
  return reject('cannot-verify', `the signature (${name}) cannot be judged: ${reason}`);
}

function malformed(error: unknown): Rejection {
  const reason = messageOf(error);
  if (/decompress/i.test(reason) && /maximum|exceed/i.test(reason)) {
    return reject('malformed', `the message expands to more than ${MAX_INFLATED_BYTES} bytes`);
  }
  return reject('malformed', `expected OpenPGP packets, got: ${reason}`);
}

/** Packets that OpenPGP.js does not read have their tag on themselves, the others on their class. */
function tagOf(packet: object): number | undefined {
  if ('tag' in packet && typeof packet.tag === 'number') return packet.tag;
  const { constructor } = packet;
  return 'tag' in constructor && typeof constructor.tag === 'number' ? constructor.tag : undefined;
}

function fingerprintOf(key: Key | Subkey): string {
  return key.getFingerprint().toUpperCase();
}

function toMilliseconds(time: Date | number | null): number {
  return time instanceof Date ? time.getTime() : Infinity;
}

function toDay(milliseconds: number): string {
  return formatTime(milliseconds).slice(0, 10);
}
