import type { KeyInfo } from '../../../generator/openpgp/keyring.ts';
import {
  type Policy,
  type Requirement,
  createPolicy,
  createScope,
} from '../../../generator/policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
} from '../../../generator/policy/signed-identity.ts';
import { keyringOf } from '../../kit/samples/samples.ts';

export const RED = 'lab/keys/lab.gpg';
export const BLUE = 'lab/keys/ed25519.gpg';
export const GREEN = 'lab/keys/ecdsa-p256.gpg';

/** A requirement of signatures by one of some keys among the vectors. */
export async function signedBy(
  names: readonly string[],
  signedIdentity: SignedIdentity = DEFAULT_IDENTITY,
  change: (key: KeyInfo) => KeyInfo = (key) => key,
): Promise<Requirement> {
  const keyring = await keyringOf(...names);
  return {
    type: 'signedBy',
    keyring: { ...keyring, keys: keyring.keys.map(change) },
    signedIdentity,
  };
}

/** A policy from requirements by scope. */
export async function policyOf(
  scopes: Readonly<Record<string, readonly Requirement[]>>,
  prefixes: Readonly<Record<string, string>> = {},
): Promise<Policy> {
  const made = Object.entries(scopes).map(([name, requirements]) =>
    createScope(name, prefixes[name], requirements),
  );
  return createPolicy(made);
}

/** The fingerprint of the key in a file among the vectors. */
export async function fingerprintOf(name: string): Promise<string> {
  const { keys } = await keyringOf(name);
  return keys[0]?.fingerprint ?? '';
}
