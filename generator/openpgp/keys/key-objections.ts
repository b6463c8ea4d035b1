// Who takes no signature by a kind of key, though GnuPG 2.2 does: crypto policies of RHEL, and clients
// that are built with another OpenPGP. A closed table, each row with where it is from.
import type { KeyAlgorithm } from './key-algorithm.ts';

/** Somebody who refuses a key. */
export interface KeyObjection {
  /** One of {@link KEY_JUDGES}. */
  readonly client: KeyJudge;
  /** What it takes, without a full stop. */
  readonly message: string;
  /** A document or program, with its version. */
  readonly source: string;
}

/** A part that signs, of a whole key. */
export interface JudgedKey extends KeyAlgorithm {
  /** The hash of the self-signatures, if all of them have one that is broken: `SHA-1`, … */
  readonly brokenHash: string | undefined;
}

interface Judging {
  /** As sentences name it. */
  readonly name: string;
  readonly source: string;
  /** What it takes instead; undefined where it takes the key. */
  readonly refuses: (key: JudgedKey) => string | undefined;
}

const NIST: ReadonlySet<string> = new Set(['NIST P-256', 'NIST P-384', 'NIST P-521']);

interface CryptoPolicy {
  readonly leastRsaBits: number;
  readonly takesEddsa?: boolean;
  readonly takesSha1?: boolean;
}

/** None takes DSA, nor curves that it does not name. */
function asCryptoPolicy({
  leastRsaBits,
  takesEddsa = true,
  takesSha1 = false,
}: CryptoPolicy): Judging['refuses'] {
  return ({ family, bits = 0, curve = '', brokenHash }) => {
    if (brokenHash !== undefined && !(takesSha1 && brokenHash === 'SHA-1')) {
      return noHash(brokenHash);
    }
    switch (family) {
      case 'RSA':
        return bits < leastRsaBits ? `takes RSA keys of at least ${leastRsaBits} bits` : undefined;
      case 'DSA':
        return 'takes no DSA';
      case 'ECDSA':
        return NIST.has(curve) ? undefined : 'takes NIST P-256, P-384 and P-521 only';
      case 'EdDSA':
        return takesEddsa ? undefined : 'takes no EdDSA';
      case 'other':
        return 'does not name this algorithm';
    }
  };
}

function noHash(hash: string): string {
  return `takes no key that is certified with ${hash} alone`;
}

const RHEL = (release: number): string =>
  `Red Hat Enterprise Linux ${release}, Security hardening, "Using system-wide cryptographic policies"`;

/** Hashes, signature algorithms and sizes; tests/outputs/*-sequoia.txt beside it has what Sequoia gets of them. */
const SNAPSHOT = 'crypto-policies, snapshot of 2026-02-17';

const JUDGES = {
  'rhel-8-default': {
    name: 'the DEFAULT crypto policy of RHEL 8',
    source: RHEL(8),
    refuses: asCryptoPolicy({ leastRsaBits: 2048, takesSha1: true }),
  },
  'rhel-9-default': {
    name: 'the DEFAULT crypto policy of RHEL 9',
    source: RHEL(9),
    refuses: asCryptoPolicy({ leastRsaBits: 2048 }),
  },
  'rhel-10-default': {
    name: 'the DEFAULT crypto policy of RHEL 10',
    source: `${RHEL(10)}; ${SNAPSHOT}, policies/DEFAULT.pol`,
    refuses: asCryptoPolicy({ leastRsaBits: 2048 }),
  },
  'rhel-fips': {
    name: 'the FIPS crypto policy of RHEL',
    source: `${SNAPSHOT}, policies/FIPS.pol`,
    refuses: asCryptoPolicy({ leastRsaBits: 2048, takesEddsa: false }),
  },
  'rhel-future': {
    name: 'the FUTURE crypto policy of RHEL',
    source: `${SNAPSHOT}, policies/FUTURE.pol`,
    refuses: asCryptoPolicy({ leastRsaBits: 3072 }),
  },
  sequoia: {
    name: 'podman built with Sequoia',
    source: 'sequoia-openpgp 2.0 (Nettle), policy.rs (StandardPolicy), seen with sq 1.3.1',
    refuses: ({ family, bits = 0, curve, brokenHash }) => {
      if (brokenHash !== undefined) return noHash(brokenHash);
      if (family === 'RSA' && bits < 2048) return 'takes RSA keys of at least 2048 bits';
      if (family === 'DSA' && bits < 2048) return 'takes DSA keys of at least 2048 bits';
      const isUsual = family !== 'ECDSA' || (curve !== undefined && NIST.has(curve));
      return isUsual ? undefined : 'takes NIST P-256, P-384 and P-521 only';
    },
  },
  'gnupg-fips': {
    name: 'GnuPG in FIPS mode',
    source: 'libgcrypt 1.10.1 in FIPS mode, seen with GnuPG 2.2.40',
    refuses: asCryptoPolicy({ leastRsaBits: 2048, takesEddsa: false, takesSha1: true }),
  },
  go: {
    name: 'podman built without GPGME (Go)',
    source: 'golang.org/x/crypto 0.4.0, openpgp/packet/public_key.go (parse)',
    refuses: ({ family, curve }) => {
      if (family === 'EdDSA') return 'skips EdDSA keys';
      const isUsual = family !== 'ECDSA' || (curve !== undefined && NIST.has(curve));
      return isUsual ? undefined : 'takes NIST P-256, P-384 and P-521 only';
    },
  },
} as const satisfies Record<string, Judging>;

export type KeyJudge = keyof typeof JUDGES;

/** All who are asked, by their names for programs. */
export const KEY_JUDGES: Readonly<Record<KeyJudge, Judging>> = JUDGES;

/** Who takes no signature by a key of this kind. */
export function listObjections(key: JudgedKey): readonly KeyObjection[] {
  return (Object.keys(JUDGES) as KeyJudge[]).flatMap((client) => {
    const { name, source, refuses } = KEY_JUDGES[client];
    const message = refuses(key);
    return message === undefined ? [] : [{ client, message: `${name} ${message}`, source }];
  });
}
