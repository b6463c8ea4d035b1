// What a node holds against one signature of an image.
import type { Signature } from '../gate/judge.ts';
import { type Policy, type Scope, type SignedBy, describeScope } from '../policy/policy.ts';
import { formatReference, matchesIdentity } from '../policy/signed-identity.ts';
import { type DockerReference, parseDockerReference } from '../terms/image-name.ts';
import { hasPassed } from '../terms/validity.ts';

/** An image as nodes see it at a moment. */
export interface Pull {
  readonly policy: Policy;
  readonly scope: Scope;
  readonly image: DockerReference;
  readonly now: Date;
}

/** `no-longer-good`: it or its key has expired, or the key is revoked. */
export type Fault = 'other-signer' | 'other-name' | 'no-longer-good';

/** The farther on, the nearer a signature came to being good. */
const BY_NEARNESS: readonly (Fault | undefined)[] = [
  'other-signer',
  'other-name',
  'no-longer-good',
  undefined,
];

/** Why a signature does not meet a requirement; undefined if it does. */
export function judgeFor(wanted: SignedBy, pull: Pull, signature: Signature): Fault | undefined {
  if (!isByKeyOf(wanted, signature)) return 'other-signer';
  const identity = parseDockerReference(signature.claims.dockerReference);
  if (!identity || !matchesIdentity(wanted.signedIdentity, pull.image, identity)) {
    return 'other-name';
  }
  const isGood = signature.validUntil > pull.now.getTime() && isGoodCopy(wanted, pull, signature);
  return isGood ? undefined : 'no-longer-good';
}

function isByKeyOf({ keyring }: SignedBy, { signer }: Signature): boolean {
  if (!signer) return false;
  return keyring
    .find(signer.fingerprint.slice(-16).toLowerCase())
    .some(({ primaryFingerprint }) => primaryFingerprint === signer.primaryFingerprint);
}

/** A signature is verified once, and another requirement may have an older copy of the key. */
function isGoodCopy(wanted: SignedBy, { policy, now }: Pull, signature: Signature): boolean {
  const { signer, meets } = signature;
  if (!signer || policy.isUniform || meets.includes(wanted)) return true;
  const life = wanted.keyring.lives.get(signer.primaryFingerprint);
  if (!life) return true;
  return !life.isRevoked && !hasPassed(life.signers.get(signer.fingerprint) ?? 0, now);
}

/** The fault of what came nearest to being good; undefined if something is good. */
export function nearest(faults: readonly (Fault | undefined)[]): Fault | undefined {
  return faults.toSorted((a, b) => BY_NEARNESS.indexOf(b) - BY_NEARNESS.indexOf(a))[0];
}

/** Why a signature counts for nothing in its scope; undefined if it counts. */
export function findFault(pull: Pull, signature: Signature): string | undefined {
  const { scope, image } = pull;
  switch (nearest(scope.signedBy.map((wanted) => judgeFor(wanted, pull, signature)))) {
    case 'other-signer':
      return `${describeScope(scope)} does not accept its key`;
    case 'other-name':
      return `it was made for another name than the one that nodes require for ${formatReference(image)}`;
    case 'no-longer-good':
      return 'it or its key has expired, or the key is revoked';
    case undefined:
      return undefined;
  }
}
