// Which digests are signed for a tag, as the scope of the image asks for it.
import { type Pull, judgeFor } from '../explain/find-fault.ts';
import { findImageDirectory } from '../explain/explain-image.ts';
import type { Signature } from '../gate/judge.ts';
import type { SignedBy } from '../policy/policy.ts';
import { type SignedIdentity, formatReference, remapReference } from '../policy/signed-identity.ts';
import type { SignatureStore } from '../store/store.ts';
import type { TagIndex } from '../store/tag-index.ts';
import { type DockerReference, parseDockerReference } from '../terms/image-name.ts';
import type { TagCandidate } from './resolved-reference.ts';

/** A store whose tags are indexed. */
export interface TaggedStore {
  readonly store: Pick<SignatureStore, 'signaturesIn' | 'imagesByRepository'>;
  readonly tags: Pick<TagIndex, 'directoriesOf'>;
}

/** What was signed for a tag. */
export interface SignedForTag {
  /** In no order. */
  readonly candidates: readonly TagCandidate[];
  /** Directories with a signature for the tag that is not good, or not enough. */
  readonly near: readonly string[];
}

const HEX_LENGTH = 64;

/** The image of `pull` has a tag and no digest, and its scope asks for signatures. */
export function findCandidates(pull: Pull, { store, tags }: TaggedStore): SignedForTag {
  const { scope, image } = pull;
  const names = new Set(scope.signedBy.flatMap((wanted) => nameOfTag(wanted, image) ?? []));
  const directories = new Set<string>();
  for (const name of names) {
    for (const directory of tags.directoriesOf(name)) directories.add(directory);
  }
  const candidates: TagCandidate[] = [];
  const near: string[] = [];
  for (const directory of directories) {
    const digestHex = directory.slice(-HEX_LENGTH);
    // The same name may be signed in the repository of a mirror, which nodes do not ask for this image.
    if (directory !== findImageDirectory(scope, image, digestHex)) continue;
    const signedAt = findSignedAt(pull, store.signaturesIn(directory));
    if (signedAt === undefined) near.push(directory);
    else candidates.push({ digestHex, directory, signedAt });
  }
  return { candidates, near };
}

/** When a digest became good for the tag of an image; undefined where it is not. */
export function findSignedAt(pull: Pull, signatures: readonly Signature[]): number | undefined {
  let signedAt: number | undefined;
  for (const wanted of pull.scope.signedBy) {
    let newest: number | undefined;
    for (const signature of signatures) {
      if (judgeForTag(wanted, pull, signature))
        newest = Math.max(newest ?? -Infinity, signature.signedAt);
    }
    if (newest === undefined) return undefined;
    signedAt = Math.min(signedAt ?? Infinity, newest);
  }
  return signedAt;
}

/** Whether a signature meets a requirement, and was made for the tag even where the rule takes any. */
function judgeForTag(wanted: SignedBy, pull: Pull, signature: Signature): boolean {
  if (judgeFor(wanted, pull, signature) !== undefined) return false;
  if (!takesAnyTag(wanted.signedIdentity)) return true;
  const identity = parseDockerReference(signature.claims.dockerReference);
  return identity?.tag === pull.image.tag && identity?.digest === undefined;
}

function takesAnyTag({ type }: SignedIdentity): boolean {
  return type === 'matchRepository' || type === 'exactRepository';
}

/** The name that a rule wants signed for a tag; undefined where no name is good. */
function nameOfTag({ signedIdentity: rule }: SignedBy, image: DockerReference): string | undefined {
  switch (rule.type) {
    case 'matchExact':
    case 'matchRepoDigestOrExact':
    case 'matchRepository':
      return formatReference(image);
    case 'exactReference':
      return formatReference(rule.reference);
    case 'exactRepository':
      return formatReference({ ...rule.repository, tag: image.tag, digest: undefined });
    case 'remapIdentity': {
      const remapped = remapReference(image, rule.prefix, rule.signedPrefix);
      return remapped && formatReference(remapped);
    }
  }
}
