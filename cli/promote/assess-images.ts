// What the stage says of each manifest of images.
import { formatReference } from '../../generator/policy/signed-identity.ts';
import type { Statement } from '../../signing/sign/statement.ts';
import {
  type Assessment,
  type FoundSigner,
  type SignerDemand,
  assess,
  describeDemand,
} from '../../signing/stage/signer-demand.ts';
import type { Stage } from '../../signing/stage/stage.ts';
import type { RefusedOutcome } from '../sign/format-signed.ts';
import type { Resolution } from '../sign/resolve-images.ts';
import type { NamedPromotion } from './read-promotions.ts';

/** An image that is to be promoted, with its digests. */
export type ResolvedPromotion = NamedPromotion & Resolution;

/** A list or a platform, with what the stage says of it. */
export interface AssessedPart {
  readonly statement: Statement;
  readonly assessment: Assessment;
}

export interface AssessedImage {
  readonly image: ResolvedPromotion;
  readonly parts: readonly AssessedPart[];
}

/**
 * Asks the stage about images, one by one.
 * @throws SigningError where its store does not answer
 */
export async function assessImages(
  images: readonly ResolvedPromotion[],
  stage: Stage,
  demands: readonly SignerDemand[],
): Promise<readonly AssessedImage[]> {
  const assessed: AssessedImage[] = [];
  for (const image of images) {
    const parts: AssessedPart[] = [];
    for (const statement of image.statements) {
      const assessment = await assess(stage, image.pulled, statement.digestHex, demands);
      parts.push({ statement, assessment });
    }
    assessed.push({ image, parts });
  }
  return assessed;
}

/** Those who have signed every part of an image, each as of the oldest of these signatures. */
export function signersOfAll({ parts }: AssessedImage): readonly FoundSigner[] {
  const [first, ...others] = parts.map(({ assessment }) => assessment.signers);
  return (first ?? []).flatMap((signer) => {
    const twins = others.map((signers) =>
      signers.find(({ fingerprint }) => fingerprint === signer.fingerprint),
    );
    const times = twins.map((twin) => twin?.signedAt ?? Number.NaN);
    const signedAt = Math.min(signer.signedAt, ...times);
    return Number.isNaN(signedAt) ? [] : [{ ...signer, signedAt }];
  });
}

/** The demands that some part of an image does not meet, each once. */
export function missingOf({ parts }: AssessedImage): readonly SignerDemand[] {
  return [...new Set(parts.flatMap(({ assessment }) => assessment.missing))];
}

/** Bad files that a refusal names. */
const NAMED = 3;

/** Why a part may not be promoted; undefined where it may. */
export function refusePart(
  { image: { pulled } }: AssessedImage,
  { assessment: { missing, signers, bad } }: AssessedPart,
): RefusedOutcome | undefined {
  if (missing.length === 0) return undefined;
  const others = signers.map(({ name }) => name).join(' and ');
  const found = signers.length === 0 ? 'none' : `those of ${others}`;
  const wanted = missing.map(describeDemand).join(', and by ');
  const faults = bad
    .slice(0, NAMED)
    .map(({ path, code, message }) => `${path}: ${code}: ${message}`);
  const more = bad.length > NAMED ? ` and ${bad.length - NAMED} more` : '';
  const passed = faults.length === 0 ? '' : `; not counted: ${faults.join('; ')}${more}`;
  return {
    status: 'refused',
    code: 'signer-missing',
    message: `expected signatures of ${formatReference(pulled)} by ${wanted}, got ${found}${passed}`,
    hint: 'have it signed at its own stage first, its list and every platform, under this very name',
  };
}
