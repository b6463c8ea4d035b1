import type { OpenedMessage } from '../openpgp/open-message.ts';
import { isUnjudged } from '../policy/key-faults.ts';
import type { Policy } from '../policy/policy.ts';
import { type Rejection, isRejection } from '../terms/rejection.ts';
import type { Inquiry } from './inquiry.ts';

/** Opens a message for any key of a policy. */
export async function openForAny(
  { keyring: all, isUniform, scopes }: Policy,
  inquiry: Inquiry,
  message: Uint8Array,
): Promise<OpenedMessage | Rejection> {
  const opened = await inquiry.open(message, all);
  if (!isRejection(opened) || isUniform) return opened;
  // If a key is given in two states, one of them may be good.
  for (const { keyring } of [...scopes.values()].flatMap(({ signedBy }) => signedBy)) {
    if (keyring.keys.length === 0) continue;
    const again = await inquiry.open(message, keyring);
    if (!isRejection(again)) return again;
  }
  return opened;
}

/**
 * Whether a signature by none of a policy's keys may be good in some scope: one that takes anything, or one
 * whose keys cannot be used here.
 */
export function takesStrangers({ keyring, scopes }: Policy): boolean {
  return (
    keyring !== undefined &&
    [...scopes.values()].some((scope) => scope.takesAnything || isUnjudged(scope))
  );
}
