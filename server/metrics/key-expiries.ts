// When keys expire as far as nodes are concerned. A subkey may expire before its key, and nodes refuse
// what an expired subkey has signed, so the earliest end of all parts in use counts.
import { type KeyLife, findEnd } from '../../generator/openpgp/keys/key-state.ts';
import type { KeyInfo, Keyring } from '../../generator/openpgp/keyring.ts';
import { hasPassed } from '../../generator/terms/validity.ts';
import type { SignatureStore } from '../../generator/store/store.ts';

export interface KeyExpiriesOptions {
  /** Undefined where nothing is verified. */
  readonly keyring: () => Pick<Keyring, 'keys' | 'lives'> | undefined;
  readonly store: () => Pick<SignatureStore, 'hasSigned'> | undefined;
  /** Whether files are rejected because a key has expired. */
  readonly hasExpired: () => boolean;
  readonly now?: () => Date;
}

/**
 * Knows which subkeys are in use. One that was in use when it expired counts as long as there are files
 * that an expired key signed. Those that expired in an earlier run are not known; and of keys that gpgv
 * alone can read the end may be given too late, or not at all.
 */
export class KeyExpiries {
  readonly #options: KeyExpiriesOptions;
  /** Subkeys that were in use when that was last read, or until they expired. */
  readonly #used = new Set<string>();

  constructor(options: KeyExpiriesOptions) {
    this.#options = options;
  }

  /**
   * The end of each key that has one, in milliseconds since 1970, by the fingerprint of the primary
   * key: the first of its own end, those of the subkeys that have made served signatures, and the
   * moment from which no part of it can sign.
   */
  read(): ReadonlyMap<string, number> {
    const { keys, lives } = this.#options.keyring() ?? {
      keys: [],
      lives: new Map<string, never>(),
    };
    const ends = keys.map((key): [string, number] => [
      key.fingerprint,
      this.#endOf(key, lives.get(key.fingerprint)),
    ]);
    return new Map(ends.filter(([, end]) => Number.isFinite(end)));
  }

  /** Infinity for a key that does not end. */
  #endOf(key: KeyInfo, life: KeyLife | undefined): number {
    for (const [part, until] of life?.signers ?? []) {
      if (part !== key.fingerprint) this.#updateUse(part, until);
    }
    return findEnd(key, life, (subkey) => this.#used.has(subkey));
  }

  #updateUse(subkey: string, until: number): void {
    const { store, hasExpired, now = () => new Date() } = this.#options;
    if (store()?.hasSigned(subkey)) this.#used.add(subkey);
    else if (!hasPassed(until, now()) || !hasExpired()) this.#used.delete(subkey);
  }
}
