// Whether a node that pulls an image would accept it on the word of the signatures that are served:
// what the node asks for, where it looks, and what it would hold against each signature.
import {
  type DockerReference,
  looksLikeHost,
  normalizeHost,
  parseDockerReference,
} from '../docker-reference.ts';
import { formatTime } from '../format-time.ts';
import type { Signature } from '../judge.ts';
import { formatDirectory, formatLocation } from '../location.ts';
import { type Policy, type Scope, type SignedBy, findScope } from '../policy/policy.ts';
import { formatReference, matchesIdentity } from '../policy/signed-identity.ts';
import { type Evidence, findReasons } from './find-reasons.ts';
import type { Reason } from './reason.ts';

/** A signature that nodes find for an image. */
export interface FoundSignature {
  /** The path in a lookup. */
  readonly servedAs: string;
  /** The name that was signed. */
  readonly identity: string;
  /** The fingerprint of the signer's primary key; null if nobody has checked. */
  readonly signer: string | null;
  /** ISO 8601, as the signature says. */
  readonly signedAt: string;
  /** Why it counts for nothing here; null if it counts. */
  readonly fault: string | null;
}

/** What stands between a node and an image, where it is not that signatures are missing. */
export interface Obstacle {
  /**
   * `no-keys`: without keys nobody can say; `no-scope`: no scope covers the image;
   * `policy-rejects`: the policy takes no such image, however it is signed; `other-name`, `other-signer`:
   * the signatures are of another name, or by other keys; `co-signature-missing`: some are good, and
   * others are asked for too.
   */
  readonly code:
    | 'no-keys'
    | 'no-scope'
    | 'policy-rejects'
    | 'other-name'
    | 'other-signer'
    | 'co-signature-missing';
  readonly message: string;
  readonly next: string;
}

export interface ExplainedImage {
  /** In full, as it would be pulled. */
  readonly image: string;
  /** Of the manifest, `sha256:HEX`. */
  readonly digest: string;
  readonly verdict: 'accepted' | 'refused' | 'unknown';
  /** The scope of the policy that nodes go by; null if none covers the image. */
  readonly scope: string | null;
  /** Where nodes look, `[prefix/]namespace/repo@sha256=HEX`. */
  readonly directory: string;
  readonly signatures: readonly FoundSignature[];
  /** Why it is not accepted; null if it is. */
  readonly reason: Reason | Obstacle | null;
}

export interface ExplainOptions extends Evidence {
  readonly policy: Policy;
}

/** `image` has a tag or a digest, as it would be pulled; `hex` is the digest of its manifest. */
export async function explainImage(
  image: DockerReference,
  hex: string,
  options: ExplainOptions,
): Promise<ExplainedImage> {
  const { policy, store } = options;
  const scope = findScope(policy, image);
  const directories = scope ? findDirectories(options, scope, image, hex) : [];
  const [directory = formatDirectory(image.repository, hex)] = directories;
  const placed = directories.flatMap((found) =>
    store.signaturesIn(found).map((signature, index) => ({
      servedAs: `/${formatLocation(found, index + 1)}`,
      signature,
    })),
  );
  const signatures = placed.map(({ servedAs, signature }) => ({
    servedAs,
    identity: signature.claims.dockerReference,
    signer: signature.signer?.primaryFingerprint ?? null,
    signedAt: formatTime(signature.signedAt),
    fault: (scope && findFault(scope, image, signature)) ?? null,
  }));
  const obstacle = findObstacle(
    policy,
    scope,
    image,
    placed.map(({ signature }) => signature),
  );
  const reason =
    obstacle === 'unsigned'
      ? ((await findReasons([directory], options)).get(directory) ?? null)
      : obstacle;
  return {
    image: formatReference(image),
    digest: `sha256:${hex}`,
    verdict: reason === null ? 'accepted' : reason.code === 'no-keys' ? 'unknown' : 'refused',
    scope: scope?.name ?? null,
    directory,
    signatures,
    reason,
  };
}

/**
 * Where the scope's signatures of an image lie. A scope without a prefix leaves open what is before
 * the repository; a host there must be the image's.
 */
function findDirectories(
  { store }: ExplainOptions,
  { prefix }: Scope,
  { host, repository }: DockerReference,
  hex: string,
): readonly string[] {
  if (prefix !== undefined) {
    return [formatDirectory([prefix, repository].filter(Boolean).join('/'), hex)];
  }
  const end = formatDirectory(`/${repository}`, hex);
  const signed = [...store.directoriesOf(hex)].filter((directory) => {
    if (!`/${directory}`.endsWith(end)) return false;
    const before = directory.slice(0, -end.length).split('/').at(-1) ?? '';
    return !looksLikeHost(before) || normalizeHost(before) === host;
  });
  return [...new Set([formatDirectory(repository, hex), ...signed.toSorted()])];
}

type Fault = 'other-signer' | 'other-name';

function findObstacle(
  { keyring }: Policy,
  scope: Scope | undefined,
  image: DockerReference,
  signatures: readonly Signature[],
): Obstacle | 'unsigned' | null {
  if (!keyring) return NO_KEYS;
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
  const unmet = scope.signedBy.filter(
    (wanted) => !signatures.some((signature) => isMetBy(wanted, image, signature)),
  );
  if (unmet.length === 0) return null;
  if (signatures.length === 0) return 'unsigned';
  return describeUnmet(scope, unmet, image, signatures);
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

function findFault(scope: Scope, image: DockerReference, signature: Signature): string | undefined {
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
