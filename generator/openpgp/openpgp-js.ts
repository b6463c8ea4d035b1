// The first engine, and the only file that knows OpenPGP.js: it reads keys as nodes import them, says
// whether they may sign, and verifies plain messages by them, in process. Only its "yes" is a verdict; a
// "no" is a reason to ask gpgv.
import { type Key, type Subkey, armor, enums, readKey, readMessage, verify } from 'openpgp';
import { messageOf } from '../terms/errors.ts';
import { type Rejection, reject } from '../terms/rejection.ts';

/** A primary key or subkey as OpenPGP.js reads it. */
export interface EnginePart {
  /** Of an RSA or DSA key; undefined for other kinds. */
  readonly bits: number | undefined;
  /** Whether both engines compute its signatures alike. */
  readonly hasPlainAlgorithm: boolean;
  /** Why it may not sign as of `now`; undefined if it may. */
  readonly findRefusal: (now: Date) => Promise<Rejection | undefined>;
  /** Verifies the packets of a plain message as of `now`; undefined if it is good. */
  readonly verify: (packets: Uint8Array, now: Date) => Promise<Rejection | undefined>;
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
/** Below, OpenPGP.js refuses what nodes take. */
const PLAIN_RSA_BITS = 2048;

/** Reads the packets of one key: its parts by fingerprint (upper-case hex), none if it cannot be read. */
export async function readEngineKey(bytes: Uint8Array): Promise<ReadonlyMap<string, EnginePart>> {
  try {
    const key = await readKey({ binaryKey: bytes });
    const parts = key.getKeys().toReversed();
    return new Map(
      parts.map((part) => [part.getFingerprint().toUpperCase(), toEnginePart(key, part)]),
    );
  } catch {
    return new Map();
  }
}

function toEnginePart(key: Key, part: Key | Subkey): EnginePart {
  const { algorithm, bits, curve } = part.getAlgorithmInfo();
  const isPlain = bits === undefined ? PLAIN_CURVES.has(curve ?? '') : bits >= PLAIN_RSA_BITS;
  return {
    bits,
    hasPlainAlgorithm: PLAIN_ALGORITHMS.has(algorithm) && isPlain,
    findRefusal: askOnce(key, part),
    verify: async (packets, now) => verifyPackets(packets, key, now),
  };
}

/**
 * Writes keys as one armored block: not all clients read several. With a checksum, which older
 * ones want.
 */
export function armorKeys(packets: Uint8Array): string {
  return armor(enums.armor.publicKey, packets, undefined, undefined, undefined, true);
}

async function verifyPackets(
  packets: Uint8Array,
  key: Key,
  now: Date,
): Promise<Rejection | undefined> {
  try {
    const message = await readMessage({ binaryMessage: packets });
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
function askOnce(key: Key, part: Key | Subkey): EnginePart['findRefusal'] {
  let goodSince = Infinity;
  return async (now) => {
    if (now.getTime() >= goodSince) return undefined;
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
    ? reject('bad-signature', 'the signature does not match the payload')
    : reject('cannot-verify', `OpenPGP.js cannot judge the signature: ${reason}`);
}
