import type { OpenedMessage } from '../openpgp/open-message.ts';
import { isUnjudged } from '../policy/key-faults.ts';
import type { Policy } from '../policy/policy.ts';
import { type Rejection, isRejection } from '../terms/rejection.ts';
import type { Inquiry } from './inquiry.ts';

/**
 * Opens a message for any key of a policy. A node has one keyring for each requirement: all keys together
 * say nothing against a signature where another scope's key may stand before the one that made it.
 */
export async function openForAny(
  { keyring: all, isUniform, scopes }: Policy,
  inquiry: Inquiry,
  message: Uint8Array,
): Promise<OpenedMessage | Rejection> {
  const opened = await inquiry.open(message, all);
  if (!isRejection(opened) || isUniform) return opened;
  let refusal: Rejection | undefined;
  const judged = [...scopes.values()].filter(({ store }) => store === undefined);
  for (const { keyring } of judged.flatMap(({ signedBy }) => signedBy)) {
    if (keyring.keys.length === 0) continue;
    const again = await inquiry.open(message, keyring);
    if (!isRejection(again)) return again;
    if (again.code !== 'unknown-signer') refusal ??= again;
  }
  return refusal ?? opened;
}

/**
 * Whether by its name more can be said of a signature by none of a policy's keys: some scope takes anything,
 * has keys that cannot be used here, or has its signatures in another store.
 */
export function takesStrangers({ keyring, scopes }: Policy): boolean {
  return (
    keyring !== undefined &&
    [...scopes.values()].some(
      (scope) => scope.takesAnything || isUnjudged(scope) || scope.store !== undefined,
    )
  );
}
