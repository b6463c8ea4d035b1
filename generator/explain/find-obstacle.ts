// What a node would hold against the signatures that it finds for an image.
import type { Signature } from '../gate/judge.ts';
import { isUnjudged, rejectUnjudged } from '../policy/key-faults.ts';
import { type Scope, type SignedBy, describeScope } from '../policy/policy.ts';
import {
  formatReference,
  type SignedIdentity,
  nameOf,
  remapReference,
} from '../policy/signed-identity.ts';
import { type Pull, judgeFor, nearest } from './find-fault.ts';
import { type DockerReference, parseDockerReference } from '../terms/image-name.ts';
import { findShortPrefix } from '../policy/unmatched-scope.ts';
import type { RejectedFile } from '../store/report.ts';
import { asSentence } from '../terms/text.ts';

/** What stands between a node and an image, where it is not that signatures are missing. */
export interface Obstacle {
  /**
   * `no-keys`: without keys, or where those of the scope cannot be used, nobody can say; `no-scope`: no scope covers the image;
   * `policy-rejects`: the policy takes no such image, however it is signed; `also-elsewhere`: nodes
   * ask for what is not kept here, and nothing is wrong with what is; `other-name`, `other-signer`,
   * `no-longer-good`: the signatures are of another name, by other keys, or have expired;
   * `co-signature-missing`: some are good, and others are asked for too; `other-store`: nodes ask another store,
   * which nobody has asked here; `store-fails`, `unsigned-elsewhere`: that store fails every pull of the image,
   * or has no signature of it.
   */
  readonly code:
    | 'no-keys'
    | 'no-scope'
    | 'policy-rejects'
    | 'also-elsewhere'
    | 'other-name'
    | 'other-signer'
    | 'no-longer-good'
    | 'co-signature-missing'
    | 'other-store'
    | 'store-fails'
    | 'unsigned-elsewhere';
  readonly message: string;
  readonly next: string;
}

/** `unsigned` where there is no signature at all; null where nodes would accept the image. */
export function findObstacle(
  pull: Pull,
  signatures: readonly Signature[],
): Obstacle | 'unsigned' | null {
  const { policy, scope } = pull;
  if (!policy.isConfigured) return NO_KEYS;
  if (scope.store !== undefined) {
    return {
      code: 'other-store',
      message: `${describeScope(scope)} ${scope.obstacle}: nodes ask that one, and never this`,
      next: 'Give `lookaside explain` this configuration and a SOURCE, and it asks that store.',
    };
  }
  if (scope.requirements.some(({ type }) => type === 'unmeetable')) {
    return {
      code: 'policy-rejects',
      message: `${describeScope(scope)} ${scope.obstacle}`,
      next: 'No signature helps here: change the policy, or pull another image.',
    };
  }
  if (isUnjudged(scope)) return lackOfKeys(scope);
  const unmet = scope.signedBy.filter((wanted) =>
    signatures.every((signature) => judgeFor(wanted, pull, signature) !== undefined),
  );
  if (unmet.length === 0) return findElsewhere(scope);
  if (signatures.length === 0) return 'unsigned';
  return unmet.length < scope.signedBy.length
    ? describeMissing(pull, unmet, signatures)
    : describeUnmet(pull, unmet, signatures);
}

/** Another kind of signature that nodes look for in other places. */
function findElsewhere(scope: Scope): Obstacle | null {
  const { requirements, signedBy } = scope;
  const elsewhere = requirements.find((requirement) => requirement.type === 'elsewhere');
  if (!elsewhere) return null;
  const where = describeScope(scope);
  return {
    code: 'also-elsewhere',
    message:
      signedBy.length > 0
        ? `the signatures here are good, but ${where} also ${elsewhere.what}`
        : `${where} ${elsewhere.what}, which this store does not keep`,
    next: 'Pull the image on a node to find out: what is kept elsewhere is not known here.',
  };
}

/** What a node does depends on the files that it has itself. */
function lackOfKeys(scope: Scope): Obstacle {
  const { message, hint } = rejectUnjudged(scope);
  return {
    code: 'no-keys',
    message: `${message}; a node that lacks these keys too refuses every image of it`,
    next: hint,
  };
}

const NO_KEYS: Obstacle = {
  code: 'no-keys',
  message: 'no keys are configured, so it is not known which signatures nodes accept',
  next: 'Give the keys that the nodes have, with --keys, scopes or --policy.',
};

const NO_LONGER_GOOD: Pick<Obstacle, 'message' | 'next'> = {
  message: 'it is signed, but the signature or its key has expired, or the key is revoked',
  next: 'Sign the image again with a valid key, or extend the key and give its new public part to the scope and to the nodes.',
};

/**
 * The obstacle of an image that was signed, in its place, under another name which lies in no scope that
 * takes signatures; undefined where the rejected files there have other faults.
 */
export function findOtherName(
  { image, scope }: Pull,
  rejected: readonly RejectedFile[],
): Obstacle | undefined {
  const names = rejected.map(({ signedAs }) => signedAs);
  const [first] = names;
  if (first === undefined || names.includes(undefined)) return undefined;
  const identity = parseDockerReference(first);
  if (!identity || nameOf(identity) === nameOf(image)) return undefined;
  const wanted = namesFor(scope.signedBy, image);
  return {
    code: 'other-name',
    message: `it is signed as ${[...new Set(names)].join(', ')}, but pulled as ${formatReference(image)}`,
    next: `Sign it as ${wanted}, or add a scope for ${identity.host}, here and on the nodes, and pull it as it is signed.`,
  };
}

/**
 * The obstacle of an image of which a rule of its scope wants a name that no signature can have; undefined
 * where that is not so, or where the rule is met.
 */
export function findShortName(
  pull: Pull,
  signatures: readonly Signature[],
  rejected: readonly RejectedFile[],
): Obstacle | undefined {
  const { image, scope } = pull;
  for (const wanted of scope.signedBy) {
    const { signedIdentity: rule } = wanted;
    const isRemapped =
      rule.type === 'remapIdentity' && !remapReference(image, rule.prefix, rule.signedPrefix);
    const short = isRemapped ? findShortPrefix(rule) : undefined;
    const isMet = signatures.some((one) => judgeFor(wanted, pull, one) === undefined);
    if (!short || isMet) continue;
    const names = [
      ...signatures.map(({ claims }) => claims.dockerReference),
      ...rejected.flatMap(({ signedAs }) => signedAs ?? []),
    ];
    const signed = names.length > 0 ? `signed as ${[...new Set(names)].join(', ')}, but ` : '';
    return {
      code: 'other-name',
      message: `it is ${signed}pulled as ${formatReference(image)}, and ${short.reason}`,
      next: asSentence(short.cure),
    };
  }
  return undefined;
}

function describeUnmet(
  pull: Pull,
  unmet: readonly SignedBy[],
  signatures: readonly Signature[],
): Obstacle {
  const fault = nearestFault(pull, unmet, signatures);
  if (fault === 'no-longer-good') return { code: fault, ...NO_LONGER_GOOD };
  if (fault === 'other-name') return { code: fault, ...describeNames(pull, unmet, signatures) };
  const message = `it is signed, but not by a key that ${describeScope(pull.scope)} accepts`;
  return { code: 'other-signer', message, next: `Have it signed by ${describeKeys(unmet)}.` };
}

function describeNames(
  { image }: Pull,
  unmet: readonly SignedBy[],
  signatures: readonly Signature[],
): Pick<Obstacle, 'message' | 'next'> {
  const name = formatReference(image);
  const wanted = namesFor(unmet, image);
  const message = `it is signed as ${namesOf(signatures)}, but pulled as ${name}`;
  if (wanted === name) {
    return { message, next: `Sign it as ${name} too, or pull it as it is signed.` };
  }
  return {
    message: `${message}; nodes want it signed as ${wanted}`,
    next: `Sign it as ${wanted}.`,
  };
}

function describeMissing(
  pull: Pull,
  unmet: readonly SignedBy[],
  signatures: readonly Signature[],
): Obstacle {
  const faults = unmet.map((wanted) => describeNear(pull, wanted, signatures));
  const keys = describeKeys(unmet);
  return {
    code: 'co-signature-missing',
    message: `some signatures are good, but the scope also requires one by ${keys}${faults.join('')}`,
    next: `Have it signed by ${keys} as ${namesFor(unmet, pull.image)} too.`,
  };
}

/** What a co-signer has signed in vain. */
function describeNear(pull: Pull, wanted: SignedBy, signatures: readonly Signature[]): string {
  const near = signatures.filter((one) => judgeFor(wanted, pull, one) !== 'other-signer');
  const fault = nearestFault(pull, [wanted], near);
  if (fault === 'no-longer-good') {
    return `; the signature by ${describeKeys([wanted])} is no longer good`;
  }
  if (fault !== 'other-name') return '';
  const names = `as ${namesOf(near)}, not as ${namesFor([wanted], pull.image)}`;
  return `; ${describeKeys([wanted])} has signed it ${names}`;
}

function nearestFault(pull: Pull, unmet: readonly SignedBy[], signatures: readonly Signature[]) {
  return nearest(
    unmet.flatMap((wanted) => signatures.map((signature) => judgeFor(wanted, pull, signature))),
  );
}

function describeKeys(unmet: readonly SignedBy[]): string {
  return unmet
    .map(({ keyring }) => keyring.keys.map(({ fingerprint }) => fingerprint).join(' or '))
    .join(', and by ');
}

function namesFor(unmet: readonly SignedBy[], image: Pull['image']): string {
  return [...new Set(unmet.map((wanted) => wantedName(wanted.signedIdentity, image)))].join(', ');
}

function namesOf(signatures: readonly Signature[]): string {
  return [...new Set(signatures.map(({ claims }) => claims.dockerReference))].join(', ');
}

/** Under which name an image must be signed so that a rule takes it, in words. */
function wantedName(rule: SignedIdentity, image: DockerReference): string {
  switch (rule.type) {
    case 'matchExact':
      return formatReference(image);
    case 'matchRepository':
      return withAnyTag(image);
    case 'exactReference':
      return formatReference(rule.reference);
    case 'exactRepository':
      return withAnyTag(rule.repository);
    case 'matchRepoDigestOrExact':
      return nameByDefault(image);
    case 'remapIdentity': {
      const remapped = remapReference(image, rule.prefix, rule.signedPrefix);
      return remapped ? nameByDefault(remapped) : `a name below ${rule.signedPrefix}`;
    }
  }
}

function nameByDefault(image: DockerReference): string {
  return image.tag === undefined ? withAnyTag(image) : formatReference(image);
}

function withAnyTag(image: DockerReference): string {
  return `${nameOf(image)} with any tag`;
}
