// When keys end for what is served: a key may go on when the subkey that signed may not. Nodes refuse
// what an expired subkey has signed, so the earliest end of all parts in use counts.
import type { Keyring } from '../../generator/openpgp/openpgp-js.ts';
import type { SignatureStore } from '../../generator/store/store.ts';

export interface KeyExpiriesOptions {
  /** Undefined where nothing is verified. */
  readonly keyring: () => Pick<Keyring, 'keys' | 'lives'> | undefined;
  readonly store: () => Pick<SignatureStore, 'hasSigned'> | undefined;
  /** Whether files are rejected because a key has expired. */
  readonly hasExpired: () => boolean;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * Gives what reads the end of each key that has one, in milliseconds since 1970, by the fingerprint of
 * the primary key: the first of its own end and those of the subkeys that have made served
 * signatures, and the moment from which no part of it can sign. A subkey that was in use when it
 * expired counts as long as there are files that an expired key signed. Those of an earlier run are
 * not known, and gpgv alone can read some keys: of those the end may be told too late, or not at all.
 */
export function createKeyExpiries({
  keyring,
  store,
  hasExpired,
  now = Date.now,
}: KeyExpiriesOptions): () => ReadonlyMap<string, number> {
  /** Subkeys that were in use when that was last read, or until they expired. */
  const used = new Set<string>();
  const updateUse = (subkey: string, until: number): void => {
    if (store()?.hasSigned(subkey)) used.add(subkey);
    else if (until > now() || !hasExpired()) used.delete(subkey);
  };
  return () => {
    const { keys, lives } = keyring() ?? { keys: [], lives: new Map<string, never>() };
    const ends = keys.map(({ fingerprint, expires }): [string, number] => {
      const parts = [...(lives.get(fingerprint)?.signers ?? [])];
      const subkeys = parts.filter(([part]) => part !== fingerprint);
      for (const [subkey, until] of subkeys) updateUse(subkey, until);
      const last = parts.length === 0 ? Infinity : Math.max(...parts.map(([, until]) => until));
      const own = expires === null ? Infinity : Date.parse(expires);
      const inUse = subkeys.filter(([subkey]) => used.has(subkey)).map(([, until]) => until);
      return [fingerprint, Math.min(own, last, ...inUse)];
    });
    return new Map(ends.filter(([, end]) => Number.isFinite(end)));
  };
}
