// Whether a tag may be moved: nodes would refuse what not everybody has signed.
import { findScope } from '../../generator/policy/policy.ts';
import { statementId } from '../../signing/sign/statement.ts';
import type { SigningRun } from '../sign/sign-images.ts';
import type { ResolvedPromotion } from './assess-images.ts';

/**
 * Whether nodes of the next stage accept an image once what this run signs is pushed: each signer whom they ask
 * for has signed all of it.
 */
export async function willBeAccepted(
  { target, statements }: Pick<ResolvedPromotion, 'target' | 'statements'>,
  { destination, key, settings }: SigningRun,
): Promise<boolean> {
  for (const { keyring } of findScope(destination.policy, target)?.signedBy ?? []) {
    const lacking = new Set(statements.map(statementId));
    for (const { fingerprint } of keyring.keys) {
      const isOwn = fingerprint === key.fingerprint && !settings['pull-request'];
      const made = isOwn ? lacking : await destination.findMade(statements, fingerprint);
      for (const id of made.keys()) lacking.delete(id);
    }
    if (lacking.size > 0) return false;
  }
  return true;
}
