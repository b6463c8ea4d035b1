// Keys of every kind that messages are signed with: those of today, and those that GnuPG 2.2 refuses.
import { type KeyObject } from 'node:crypto';
import { type ForgedKey, forgeKey } from '../forged-key.ts';
import {
  generateDsa,
  generateEc,
  generateEd25519,
  generateRsa,
} from '../../kit/signer/generate-key.ts';

/** A key of one kind, with its private half. */
export interface MessageKey {
  readonly kind: string;
  readonly secret: KeyObject;
  readonly key: ForgedKey;
}

const CREATED = Date.UTC(2020, 1, 2) / 1000;
const CERTIFY_AND_SIGN = 3;
const [SHA256, SHA384, SHA512] = [8, 9, 10] as const;

interface Kind {
  readonly make: () => KeyObject;
  /** Of the self-signature. */
  readonly hash: number;
  readonly isNewAlgorithm?: boolean;
}

const KINDS: Readonly<Record<string, Kind>> = {
  'RSA-2048': { make: () => generateRsa(2048), hash: SHA256 },
  'RSA-3072': { make: () => generateRsa(3072), hash: SHA256 },
  'RSA-1024': { make: () => generateRsa(1024), hash: SHA256 },
  'DSA-1024': { make: () => generateDsa(1024, 160), hash: SHA256 },
  'DSA-2048': { make: () => generateDsa(2048, 256), hash: SHA256 },
  'P-256': { make: () => generateEc('prime256v1'), hash: SHA256 },
  'P-384': { make: () => generateEc('secp384r1'), hash: SHA384 },
  'P-521': { make: () => generateEc('secp521r1'), hash: SHA512 },
  secp256k1: { make: () => generateEc('secp256k1'), hash: SHA256 },
  brainpoolP256r1: { make: () => generateEc('brainpoolP256r1'), hash: SHA256 },
  brainpoolP384r1: { make: () => generateEc('brainpoolP384r1'), hash: SHA384 },
  brainpoolP512r1: { make: () => generateEc('brainpoolP512r1'), hash: SHA512 },
  'EdDSA-22': { make: generateEd25519, hash: SHA512 },
  'Ed25519-27': { make: generateEd25519, hash: SHA512, isNewAlgorithm: true },
};

/** Makes one key of each kind. */
export function makeMessageKeys(): readonly MessageKey[] {
  return Object.entries(KINDS).map(([kind, { make, hash, isNewAlgorithm = false }], index) => {
    const secret = make();
    const created = CREATED + index;
    const key = forgeKey(secret, {
      name: kind,
      created,
      flags: CERTIFY_AND_SIGN,
      hash,
      isNewAlgorithm,
    });
    return { kind, secret, key };
  });
}
