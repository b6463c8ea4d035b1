// What is answered about an image, for people and programs: `resolve.json`, version 1.
import {
  type FoundSignature,
  explainImage,
  findImageDirectory,
  toFoundSignature,
} from '../explain/explain-image.ts';
import { type Pull, findFault } from '../explain/find-fault.ts';
import type { Evidence } from '../explain/find-reasons.ts';
import type { Policy } from '../policy/policy.ts';
import { formatReference, nameOf } from '../policy/signed-identity.ts';
import { formatLocation } from '../terms/location.ts';
import { formatTime } from '../terms/text.ts';
import { formatResolved } from './resolve-reference.ts';
import type { ResolveWarning, ResolvedReference, UnresolvedReason } from './resolved-reference.ts';

/** Far more than people read. */
const MOST_OTHERS = 20;

/** Another digest that is signed for the tag. */
export interface OtherDigest {
  /** `sha256:HEX`. */
  readonly digest: string;
  /** ISO 8601. */
  readonly signedAt: string;
  /** That brought it; null where it was not needed to decide. */
  readonly commit: string | null;
}

export interface DescribedReference {
  /** In full, with the tag that was meant. */
  readonly image: string;
  /** `HOST/REPOSITORY`. */
  readonly name: string;
  readonly verdict: ResolvedReference['verdict'];
  /** `sha256:HEX`; null where none was found. */
  readonly digest: string | null;
  /** The full name with tag and digest; null where the verdict is not `resolved`. */
  readonly reference: string | null;
  /** Null if none covers the image. */
  readonly scope: string | null;
  readonly by: NonNullable<ResolvedReference['by']> | null;
  readonly signatures: readonly FoundSignature[];
  /** The newest first; not more than 20. */
  readonly others: readonly OtherDigest[];
  readonly platforms: readonly string[];
  /** Of an image that was given by its digest, the codes of `explain` too. */
  readonly reason: {
    readonly code: string;
    readonly message: string;
    readonly next: string;
  } | null;
  readonly warnings: readonly ResolveWarning[];
}

export interface DescribeResolvedOptions extends Evidence {
  readonly policy: Policy;
  readonly now: Date;
  readonly commitOf: (directory: string) => string | undefined;
}

/** May ask git why a digest has no signature. Throws what git says. */
export async function describeResolved(
  resolved: ResolvedReference,
  options: DescribeResolvedOptions,
): Promise<DescribedReference> {
  const { image, verdict, scope, digestHex, by, others, platforms, warnings } = resolved;
  return {
    image: formatReference(image),
    name: nameOf(image),
    verdict,
    digest: digestHex === undefined ? null : `sha256:${digestHex}`,
    reference: (verdict === 'resolved' && formatResolved(resolved)) || null,
    scope: scope?.name ?? null,
    by: by ?? null,
    signatures: describeSignatures(resolved, options),
    others: others.slice(0, MOST_OTHERS).map((other) => ({
      digest: `sha256:${other.digestHex}`,
      signedAt: formatTime(other.signedAt),
      commit: options.commitOf(other.directory) ?? null,
    })),
    platforms,
    reason: (await findReason(resolved, options)) ?? null,
    warnings,
  };
}

function describeSignatures(
  { image, scope, digestHex, signatures }: ResolvedReference,
  { policy, store, now }: DescribeResolvedOptions,
): readonly FoundSignature[] {
  if (digestHex === undefined) return [];
  const directory = findImageDirectory(scope, image, digestHex);
  // Of a tag beside a digest, what nodes go by.
  const asked = image.digest === undefined ? image : { ...image, tag: undefined };
  const pull: Pull | undefined = scope && { policy, scope, image: asked, now };
  return signatures.map((signature) =>
    toFoundSignature(signature, {
      policy,
      servedAs: `/${formatLocation(directory, store.numberOf(directory, signature))}`,
      fault: pull && findFault(pull, signature),
    }),
  );
}

/** Of a digest without a signature, `explain` knows more: that it was removed, or lies elsewhere. */
async function findReason(
  { image, digestHex, reason }: ResolvedReference,
  options: DescribeResolvedOptions,
): Promise<UnresolvedReason | DescribedReference['reason'] | undefined> {
  if (reason?.code !== 'not-signed' || digestHex === undefined) return reason;
  const explained = await explainImage({ ...image, tag: undefined }, digestHex, options);
  if (!explained.reason) return reason;
  const { code, message, next } = explained.reason;
  return { code, message, next };
}
