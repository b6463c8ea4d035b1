// Whether a key can sign, before images are copied for it.
import { foreseeRefusals } from '../../signing/sign/foresee-refusals.ts';
import { type Statement, statementId } from '../../signing/sign/statement.ts';
import type { RefusedOutcome } from './format-signed.ts';
import type { ResolvedImage } from './resolve-images.ts';
import { type SigningRun, toRefused } from './sign-images.ts';

/**
 * Nothing is copied for a key that cannot sign, or that the destination does not accept: gives what would be refused
 * there, by `statementId`.
 * @throws SigningError where gpg cannot sign
 */
export async function tryKey(
  wanted: readonly Statement[],
  { gpg, key, destination, giver }: SigningRun,
): Promise<ReadonlyMap<string, RefusedOutcome>> {
  const { policy } = destination;
  const foreseen = await foreseeRefusals(wanted, policy, key.fingerprint, new Date());
  if (foreseen.size < wanted.length) await gpg.sign(new Uint8Array(), key);
  return new Map([...foreseen].map(([id, rejection]) => [id, toRefused(rejection, giver)]));
}

/** What is refused of one part of an image holds for all of it. */
export function spreadRefusals(
  images: readonly ResolvedImage[],
  refusals: ReadonlyMap<string, RefusedOutcome>,
): ReadonlyMap<string, RefusedOutcome> {
  return new Map(
    images.flatMap(({ statements }) => {
      const ids = statements.map(statementId);
      const [first] = ids.flatMap((id) => refusals.get(id) ?? []);
      return first ? ids.map((id) => [id, refusals.get(id) ?? first] as const) : [];
    }),
  );
}
