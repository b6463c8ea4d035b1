// What algorithm numbers mean (RFC 9580, sections 9.1 and 9.5), and which of them some nodes refuse.

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

/** Hash algorithms that OpenPGP.js computes as GnuPG does, and that no policy refuses. */
export const PLAIN_HASHES: ReadonlySet<number> = new Set([8, 9, 10, 11]);

/** RHEL 9's DEFAULT crypto policy refuses shorter RSA keys. */
const STRONG_RSA_BITS = 2048;
const WEAK_HASHES: ReadonlySet<string> = new Set(['MD5', 'SHA-1', 'RIPEMD-160']);

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
  if (WEAK_HASHES.has(hash)) return hash;
  if (publicKey === 'DSA') return publicKey;
  if (publicKey === 'RSA' && bits !== undefined && bits < STRONG_RSA_BITS) return `RSA-${bits}`;
  return undefined;
}
