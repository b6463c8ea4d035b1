import { createHash } from 'node:crypto';
import type { Signer } from '../../openpgp/open-message.ts';
import type { Policy } from '../../policy/policy.ts';

const ID_LENGTH = 16;

/**
 * Gives the function that tells by whom a signature was judged good, as far as another judge could
 * say otherwise. The id changes with the engines and their versions, with anything in the policy
 * but its keys, and with the signer's own key; other keys may come and go. Where there is no
 * signer, as a new key may be the one, any key counts.
 */
export function createVerdictIds(
  policy: Policy,
  engines: string,
): (signer: Signer | undefined) => string {
  const scopes = [...policy.scopes.values()];
  const requirements = scopes.flatMap(({ signedBy }) => signedBy);
  const shape = JSON.stringify([engines, policy.isUniform, scopes], withoutKeys);
  const known = new Map<string, string>();
  const toId = (signer: Signer | undefined): string => {
    // Who asks for the key, and in which state, beside others that its ID may stand for.
    const states = [policy, ...requirements].map(({ keyring }) =>
      signer ? keyring?.find(keyIdOf(signer)).map(({ blockId }) => blockId) : keyring?.id,
    );
    const hash = createHash('sha256').update(JSON.stringify([shape, signer, states]));
    return hash.digest('base64url').slice(0, ID_LENGTH);
  };
  return (signer) => {
    const name = signer ? `${signer.primaryFingerprint} ${signer.fingerprint}` : '';
    const id = known.get(name) ?? toId(signer);
    known.set(name, id);
    return id;
  };
}

function keyIdOf({ fingerprint }: Signer): string {
  return fingerprint.slice(-16).toLowerCase();
}

function withoutKeys(name: string, value: unknown): unknown {
  return name === 'keyring' ? undefined : value;
}
