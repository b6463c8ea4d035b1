// What algorithm numbers mean (RFC 9580, sections 9.1 and 9.5), which of them are judged in process,
// and which some nodes refuse.

/** The algorithms of a signature, for people. */
export interface Algorithms {
  /** `RSA`, `DSA`, … */
  readonly publicKey: string;
  /** Of RSA and DSA keys, where it is known. */
  readonly bits: number | undefined;
  /** `SHA-256`, … */
  readonly hash: string;
}

const PUBLIC_KEY: Readonly<Record<number, string>> = {
  1: 'RSA',
  3: 'RSA',
  17: 'DSA',
  19: 'ECDSA',
  22: 'EdDSA',
  27: 'Ed25519',
  28: 'Ed448',
};
const HASH: Readonly<Record<number, string>> = {
  1: 'MD5',
  2: 'SHA-1',
  3: 'RIPEMD-160',
  8: 'SHA-256',
  9: 'SHA-384',
  10: 'SHA-512',
  11: 'SHA-224',
  12: 'SHA3-256',
  14: 'SHA3-512',
};

/** Signatures that are judged in process: by keys of one kind, with these hashes and no other. */
export interface PlainAlgorithms {
  /** The number that both the key and the signature must have. */
  readonly publicKey: number;
  /** Numbers of hashes. */
  readonly hashes: ReadonlySet<number>;
}

const RSA = 1;
const ECDSA = 19;
const EDDSA = 22;
const SHA256 = 8;
const SHA384 = 9;
const SHA512 = 10;
const SHA224 = 11;
const PLAIN_RSA: PlainAlgorithms = {
  publicKey: RSA,
  hashes: new Set([SHA224, SHA256, SHA384, SHA512]),
};
/**
 * By the curve's object identifier, after its length. GnuPG refuses an ECDSA hash that is shorter than
 * the order of the curve (g10/seskey.c, encode_md_value); OpenPGP.js takes some of them.
 */
const PLAIN_CURVES: Readonly<Record<string, PlainAlgorithms>> = {
  // NIST P-256, P-384, P-521
  '082a8648ce3d030107': { publicKey: ECDSA, hashes: new Set([SHA256, SHA384, SHA512]) },
  '052b81040022': { publicKey: ECDSA, hashes: new Set([SHA384, SHA512]) },
  '052b81040023': { publicKey: ECDSA, hashes: new Set([SHA512]) },
  // Ed25519
  '092b06010401da470f01': { publicKey: EDDSA, hashes: new Set([SHA256, SHA384, SHA512]) },
};
/** In the body of a key packet of version 4: version, creation time, algorithm. */
const PARAMETERS_AT = 6;

/**
 * With which hashes signatures by a key are judged in process, by the body of its packet (version 4);
 * undefined for a key whose signatures all are for gpgv.
 */
export function readPlainAlgorithms(packetBody: Uint8Array): PlainAlgorithms | undefined {
  const algorithm = packetBody[PARAMETERS_AT - 1];
  const parameters = packetBody.subarray(PARAMETERS_AT);
  if (algorithm === RSA) return PLAIN_RSA;
  const identifier = parameters.subarray(0, 1 + (parameters[0] ?? 0));
  const plain = PLAIN_CURVES[Buffer.from(identifier).toString('hex')];
  return plain?.publicKey === algorithm ? plain : undefined;
}

/** RHEL 9's DEFAULT crypto policy refuses shorter RSA keys. */
const STRONG_RSA_BITS = 2048;
/** Somebody can make two texts with the same hash, or nearly. */
export const BROKEN_HASHES: ReadonlySet<string> = new Set(['MD5', 'SHA-1', 'RIPEMD-160']);

/** Names for algorithm numbers; `algorithm N` for one without a name. */
export function nameAlgorithms(
  publicKey: number,
  hash: number,
  bits: number | undefined,
): Algorithms {
  return {
    publicKey: PUBLIC_KEY[publicKey] ?? `algorithm ${publicKey}`,
    bits,
    hash: HASH[hash] ?? `hash ${hash}`,
  };
}

/** What RHEL 9's crypto policy refuses of these, e.g. `SHA-1`; undefined if nothing. */
export function findWeakness({ publicKey, bits, hash }: Algorithms): string | undefined {
  if (BROKEN_HASHES.has(hash)) return hash;
  if (publicKey === 'DSA') return publicKey;
  if (publicKey === 'RSA' && bits !== undefined && bits < STRONG_RSA_BITS) return `RSA-${bits}`;
  return undefined;
}
