// What a node would hold against the signatures that it finds for an image.
import { type DockerReference, parseDockerReference } from '../docker-reference.ts';
import type { Signature } from '../judge.ts';
import type { Policy, Scope, SignedBy } from '../policy/policy.ts';
import { formatReference, matchesIdentity } from '../policy/signed-identity.ts';

/** What stands between a node and an image, where it is not that signatures are missing. */
export interface Obstacle {
  /**
   * `no-keys`: without keys nobody can say; `no-scope`: no scope covers the image;
   * `policy-rejects`: the policy takes no such image, however it is signed; `also-elsewhere`: what is
   * here is good, and nodes ask for what is not kept here too; `other-name`, `other-signer`: the
   * signatures are of another name, or by other keys; `co-signature-missing`: some are good, and
   * others are asked for too.
   */
  readonly code:
    | 'no-keys'
    | 'no-scope'
    | 'policy-rejects'
    | 'also-elsewhere'
    | 'other-name'
    | 'other-signer'
    | 'co-signature-missing';
  readonly message: string;
  readonly next: string;
}

type Fault = 'other-signer' | 'other-name';

/** `unsigned` where there is no signature at all; null where nodes would accept the image. */
export function findObstacle(
  { keyring }: Policy,
  scope: Scope | undefined,
  image: DockerReference,
  signatures: readonly Signature[],
): Obstacle | 'unsigned' | null {
  const name = formatReference(image);
  if (!scope) {
    return {
      code: 'no-scope',
      message: `no scope covers ${name}`,
      next: 'Add a scope with its keys, here and on the nodes, or pull an image that a scope covers.',
    };
  }
  if (scope.obstacle !== undefined) {
    return {
      code: 'policy-rejects',
      message: `the scope ${JSON.stringify(scope.name)} ${scope.obstacle}`,
      next: 'No signature helps here: change the policy, or pull another image.',
    };
  }
  if (!keyring) return NO_KEYS;
  const unmet = scope.signedBy.filter(
    (wanted) => !signatures.some((signature) => isMetBy(wanted, image, signature)),
  );
  if (unmet.length === 0) return findElsewhere(scope);
  if (signatures.length === 0) return 'unsigned';
  return describeUnmet(scope, unmet, image, signatures);
}

/** Another kind of signature that nodes look for in other places. */
function findElsewhere({ name, requirements }: Scope): Obstacle | null {
  const elsewhere = requirements.find((requirement) => requirement.type === 'elsewhere');
  if (!elsewhere) return null;
  return {
    code: 'also-elsewhere',
    message: `nothing is wrong here, but the scope ${JSON.stringify(name)} also ${elsewhere.what}`,
    next: 'Ask a node: what it finds elsewhere is not known here.',
  };
}

const NO_KEYS: Obstacle = {
  code: 'no-keys',
  message: 'no keys are configured, so nobody can say which signatures nodes accept',
  next: 'Give the keys that the nodes have, with --keys, scopes or --policy.',
};

function describeUnmet(
  scope: Scope,
  unmet: readonly SignedBy[],
  image: DockerReference,
  signatures: readonly Signature[],
): Obstacle {
  const wanted = unmet
    .map(({ keyring }) => keyring.keys.map(({ fingerprint }) => fingerprint).join(' or '))
    .join(', and by ');
  if (unmet.length < scope.signedBy.length) {
    const message = `some signatures are good, and the scope asks for others too: by ${wanted}`;
    return { code: 'co-signature-missing', message, next: 'Have the image signed by them too.' };
  }
  const faults = signatures.flatMap((signature) => findFaultCode(scope, image, signature) ?? []);
  const name = formatReference(image);
  if (faults.includes('other-name')) {
    const names = [...new Set(signatures.map(({ claims }) => claims.dockerReference))].join(', ');
    const message = `it is signed as ${names}, and pulled as ${name}`;
    return {
      code: 'other-name',
      message,
      next: `Sign it as ${name} too, or pull it as it is signed.`,
    };
  }
  const message = `it is signed, but not by a key of the scope ${JSON.stringify(scope.name)}`;
  return { code: 'other-signer', message, next: `Have it signed by ${wanted}.` };
}

/** Why a signature counts for nothing in a scope; undefined if it counts. */
export function findFault(
  scope: Scope,
  image: DockerReference,
  signature: Signature,
): string | undefined {
  switch (findFaultCode(scope, image, signature)) {
    case 'other-signer':
      return `its key is none of the scope ${JSON.stringify(scope.name)}`;
    case 'other-name':
      return `it was made for another name than ${formatReference(image)}`;
    case undefined:
      return undefined;
  }
}

function findFaultCode(
  { signedBy }: Scope,
  image: DockerReference,
  signature: Signature,
): Fault | undefined {
  if (signedBy.length === 0 || signedBy.some((wanted) => isMetBy(wanted, image, signature))) {
    return undefined;
  }
  return signedBy.some((wanted) => isSignedBy(wanted, signature)) ? 'other-name' : 'other-signer';
}

function isMetBy(wanted: SignedBy, image: DockerReference, signature: Signature): boolean {
  const identity = parseDockerReference(signature.claims.dockerReference);
  return (
    identity !== undefined &&
    isSignedBy(wanted, signature) &&
    matchesIdentity(wanted.signedIdentity, image, identity)
  );
}

function isSignedBy({ keyring }: SignedBy, { signer }: Signature): boolean {
  return keyring.keys.some(({ fingerprint }) => fingerprint === signer?.primaryFingerprint);
}
