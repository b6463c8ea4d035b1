// The images of one digest directory: each name that its signatures are made under is one, whatever
// names nodes may pull it by.
import type { Signature } from '../gate/judge.ts';
import { imagesAt } from '../gate/place.ts';
import type { Policy, Scope, SignedBy } from '../policy/policy.ts';
import { formatReference, matchesIdentity } from '../policy/signed-identity.ts';
import { type DockerReference, parseDockerReference } from '../terms/image-name.ts';
import { parseDirectory } from '../terms/location.ts';

/** A signature with the name that it is made under. */
export interface NamedSignature {
  readonly signature: Signature;
  readonly identity: DockerReference;
}

/** What nodes ask for, and the scope that they judge it by. */
interface Pull {
  readonly image: DockerReference;
  readonly scope: Scope;
}

/** An image: a name that signatures of a digest are made under. */
export interface SignedName {
  readonly identity: DockerReference;
  /** The pulls for which a signature under this name is of use. */
  readonly pulls: readonly Pull[];
}

/** Whether a signature meets a requirement; the name that it is made under aside. */
export type CountsFor = (wanted: SignedBy, signature: Signature) => boolean;

/** The signatures of a directory that anybody has verified, with their names. */
export function nameSignatures(signatures: readonly Signature[]): readonly NamedSignature[] {
  return signatures.flatMap((signature): readonly NamedSignature[] => {
    const identity = parseDockerReference(signature.claims.dockerReference);
    return identity && signature.signer ? [{ signature, identity }] : [];
  });
}

/** The images of a directory. */
export function findNames(
  policy: Policy,
  directory: string,
  signatures: readonly NamedSignature[],
): readonly SignedName[] {
  const place = parseDirectory(directory);
  if (!place) return [];
  const names = new Map(signatures.map(({ identity }) => [formatReference(identity), identity]));
  return [...names.values()].map((identity) => ({
    identity,
    pulls: [...imagesAt(policy, place, identity)].filter((pull) => isOfUse(pull, identity)),
  }));
}

function isOfUse({ image, scope }: Pull, identity: DockerReference): boolean {
  if (scope.obstacle !== undefined) return false;
  return scope.signedBy.some((wanted) => matchesIdentity(wanted.signedIdentity, image, identity));
}

/** Whether nodes take an image by these signatures, as far as those decide. */
export function isAccepted(
  pull: Pull,
  signatures: readonly NamedSignature[],
  counts: CountsFor,
): boolean {
  return pull.scope.signedBy.every((wanted) =>
    signatures.some((one) => meets(wanted, pull, one, counts)),
  );
}

/**
 * Whether a signature is one of those by which an image is accepted. Pulls of a digest take one under any
 * tag: they count where the image has no other.
 */
export function isUsedFor(
  { pulls }: Pick<SignedName, 'pulls'>,
  signature: NamedSignature,
  counts: CountsFor,
): boolean {
  const tagged = pulls.filter(({ image }) => image.digest === undefined);
  return (tagged.length > 0 ? tagged : pulls).some((pull) =>
    pull.scope.signedBy.some((wanted) => meets(wanted, pull, signature, counts)),
  );
}

function meets(
  wanted: SignedBy,
  { image }: Pull,
  { signature, identity }: NamedSignature,
  counts: CountsFor,
): boolean {
  return matchesIdentity(wanted.signedIdentity, image, identity) && counts(wanted, signature);
}
