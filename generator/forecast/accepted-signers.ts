// Which signatures count at another time, or without some keys. Nothing is verified again: of a signature
// that was good once, only dates and keys can take anything away.
import type { Signature } from '../gate/judge.ts';
import type { Keyring } from '../openpgp/keyring.ts';
import { findSignaturePacket } from '../openpgp/packets/message-fault.ts';
import { readFactsAt } from '../openpgp/read-keyring.ts';
import { MAX_BLOB_BYTES, parseSignatureFile } from '../openpgp/signature-file.ts';
import type { SignedBy } from '../policy/policy.ts';
import { isRejection } from '../terms/rejection.ts';
import { hasPassed } from '../terms/validity.ts';

/** Under what nodes judge. */
export interface Supposition {
  readonly at: Date;
  /** Fingerprints of primary keys and subkeys that are revoked, or that nodes have no more. */
  readonly without: ReadonlySet<string>;
}

/** The primary key of each key that may sign, by fingerprint. */
type Signers = ReadonlyMap<string, string>;

export class AcceptedSigners {
  readonly #supposition: Supposition;
  readonly #byKeyring = new Map<string, Signers>();

  constructor(supposition: Supposition) {
    this.#supposition = supposition;
  }

  /** Whether a signature that was good meets a requirement; the name that it is made under aside. */
  counts({ keyring }: Pick<SignedBy, 'keyring'>, signature: Signature): boolean {
    const { at, without } = this.#supposition;
    const { signer, validUntil } = signature;
    if (!signer || without.has(signer.fingerprint) || without.has(signer.primaryFingerprint)) {
      return false;
    }
    const primary = this.#signersOf(keyring).get(signer.fingerprint);
    if (primary !== signer.primaryFingerprint) return false;
    // A verdict holds no longer than the signature does.
    return validUntil > at.getTime() || readEnd(signature) > at.getTime();
  }

  #signersOf(keyring: Keyring): Signers {
    const known = this.#byKeyring.get(keyring.id);
    if (known) return known;
    const signers = findSigners(keyring, this.#supposition.at);
    this.#byKeyring.set(keyring.id, signers);
    return signers;
  }
}

/**
 * Keys by which no signature counts at `now`, and some would under the supposition: what limits them has ended by
 * then. Fingerprints of primary keys and subkeys.
 */
export function findRevived(
  keyring: Keyring,
  now: Date,
  { at, without }: Supposition,
): readonly string[] {
  const current = findSigners(keyring, now);
  return [...findSigners(keyring, at)].flatMap(([key, primary]) =>
    current.has(key) || without.has(key) || without.has(primary) ? [] : [key],
  );
}

function findSigners(keyring: Keyring, at: Date): Signers {
  const signers = new Map<string, string>();
  for (const { primary, subkeys, isRevoked, isValid } of readFactsAt(keyring, at)) {
    if (!isValid || isRevoked) continue;
    for (const { key, isSigner, until } of [primary, ...subkeys]) {
      // Of two keys with the same subkey, GnuPG takes the one in front.
      if (!isSigner || hasPassed(until, at) || signers.has(key.fingerprint)) continue;
      signers.set(key.fingerprint, primary.key.fingerprint);
    }
  }
  return signers;
}

/** When a signature itself expires, as it says; Infinity if it does not. Milliseconds since 1970. */
function readEnd({ bytes }: Pick<Signature, 'bytes'>): number {
  const file = parseSignatureFile(bytes);
  if (isRejection(file)) return -Infinity;
  return findSignaturePacket(file.untrustedMessage, MAX_BLOB_BYTES)?.expiresAt ?? -Infinity;
}
