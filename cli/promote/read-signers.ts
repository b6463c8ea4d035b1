// Who must have signed at the stage, by `--require`.
import type { KeyInfo } from '../../generator/openpgp/keyring.ts';
import { describeUnusableKey } from '../../generator/proposal/key-changes.ts';
import { lacksKeys } from '../../generator/policy/key-faults.ts';
import type { SignedIdentity } from '../../generator/policy/signed-identity.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { SignerDemand } from '../../signing/stage/signer-demand.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { readKeys } from '../inputs/read-keys.ts';

const FINGERPRINT = /^(?:0x)?([0-9a-f]{40}|[0-9a-f]{64})$/i;
const OF_SCOPE = 'scope:';

/**
 * Reads each SIGNER. All keys of a demand are among those that signatures of the stage are verified with.
 * @throws UsageError for one that nobody could meet
 */
export async function readDemands(
  { require: signers, list }: Settings,
  policy: Policy,
): Promise<readonly SignerDemand[]> {
  if (signers.length === 0 && !list) {
    const message = 'promote needs to know who must have signed';
    throw new UsageError(message, 'give --require SIGNER, a fingerprint or a file of keys');
  }
  const demands: SignerDemand[] = [];
  for (const signer of signers) demands.push(...(await readSigner(signer, policy)));
  return demands;
}

async function readSigner(signer: string, policy: Policy): Promise<readonly SignerDemand[]> {
  if (signer.startsWith(OF_SCOPE)) return readScope(signer.slice(OF_SCOPE.length), policy);
  const [, digits] = FINGERPRINT.exec(signer) ?? [];
  const wanted = digits === undefined ? await readFile(signer) : [digits.toUpperCase()];
  const known = policy.keyring?.keys ?? [];
  const unknown = wanted.find((one) => !known.some(({ fingerprint }) => fingerprint === one));
  if (unknown !== undefined) {
    throw new UsageError(
      `--require: the key ${unknown} is not among those that signatures of the stage are verified with`,
      'give its public key with --keys too, and name a key by the fingerprint of its primary key',
    );
  }
  return [toDemand(known.filter(({ fingerprint }) => wanted.includes(fingerprint)))];
}

/**
 * The fingerprints of the keys in a file. A key that is revoked or has expired by this file does not count,
 * whatever --keys has of it.
 * @throws UsageError also where none counts
 */
async function readFile(path: string): Promise<readonly string[]> {
  const keyring = await readKeys([path], '--require');
  const now = new Date();
  const reasons = new Map(
    keyring?.keys.map((key) => [key.fingerprint, describeUnusableKey(key, keyring, now)]),
  );
  const usable = [...reasons.keys()].filter((one) => reasons.get(one) === undefined);
  const [reason] = reasons.values();
  if (usable.length > 0 || reason === undefined) return usable;
  throw new UsageError(`--require: ${path}: the key ${reason}`, 'name a key that is good');
}

/** What a scope asks for: with `require: all`, a signature by each of its keys. */
function readScope(name: string, { scopes }: Policy): readonly SignerDemand[] {
  const scope = scopes.get(name);
  const first = scope?.signedBy[0];
  if (!scope || !first) {
    const names = [...scopes.keys()].filter((one) => one !== '');
    const hint =
      names.length === 0
        ? 'name the file that has the scopes of the stage with --config'
        : `there is ${names.map((one) => `${OF_SCOPE}${one}`).join(', ')}`;
    const lack = scope ? 'asks for no signature' : 'is not in the configuration';
    throw new UsageError(`--require: the scope ${JSON.stringify(name)} ${lack}`, hint);
  }
  const lacking = scope.signedBy.find(lacksKeys);
  if (lacking) {
    const { message = '', hint } = lacking.keyFaults?.[0] ?? {};
    throw new UsageError(`--require: the scope ${JSON.stringify(name)}: ${message}`, hint);
  }
  return scope.signedBy.map(({ keyring, signedIdentity }) =>
    toDemand(keyring.keys, signedIdentity),
  );
}

function toDemand(
  [first, ...others]: readonly KeyInfo[],
  signedIdentity?: SignedIdentity,
): SignerDemand {
  if (first) return { keys: [first, ...others], signedIdentity };
  throw new UsageError('--require: expected keys, got none', 'name a file of public keys');
}
