import { toKeyState } from '../../generator/openpgp/keys/key-state.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import type { StatusKey } from './parts/overview-facts.ts';

/** The accepted keys, with what they have signed; undefined where nobody checks who signed. */
export function readStatusKeys(
  { keyring }: Policy,
  store: SignatureStore | undefined,
  now: Date,
): readonly StatusKey[] | undefined {
  const isInUse = (subkey: string): boolean => store?.hasSigned(subkey) ?? false;
  return keyring?.keys.map((key) => ({
    ...key,
    state: toKeyState(key, keyring.lives.get(key.fingerprint), now, isInUse),
    signed: store?.signers.get(key.fingerprint),
  }));
}

/** The shortest beginning or end of a fingerprint by which keys are found. */
const DIGITS = /^[0-9A-F]{8,}$/;

/**
 * The fingerprints of accepted keys that a text names: by the fingerprint, its beginning or its end (a
 * key ID) of the key or of one of its subkeys, with or without spaces and `0x`; or by part of a user ID.
 */
export function findKeys({ keyring }: Policy, text: string): readonly string[] {
  const digits = text.replaceAll(/\s/g, '').replace(/^0x/i, '').toUpperCase();
  const lower = text.toLowerCase();
  const isNamed = (fingerprint: string): boolean =>
    fingerprint.startsWith(digits) || fingerprint.endsWith(digits);
  return (keyring?.keys ?? []).flatMap(({ fingerprint, userIds }) => {
    const parts = keyring?.lives.get(fingerprint)?.signers.keys() ?? [];
    const isFound = DIGITS.test(digits) && [fingerprint, ...parts].some(isNamed);
    const isUser = userIds.some((userId) => userId.toLowerCase().includes(lower));
    return isFound || isUser ? [fingerprint] : [];
  });
}
