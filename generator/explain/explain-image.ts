// Whether a node that pulls an image would accept it on the word of the signatures that are served:
// what the node asks for, where it looks, and what it would hold against each signature.
import type { Signature } from '../gate/judge.ts';
import {
  type Policy,
  type Scope,
  describeScope,
  findScope,
  isOfRelease,
} from '../policy/policy.ts';
import { formatReference } from '../policy/signed-identity.ts';
import { formatTime } from '../terms/text.ts';
import type { DockerReference } from '../terms/image-name.ts';
import type { SignatureStore } from '../store/store.ts';
import { formatDirectory, formatLocation, parseDirectory } from '../terms/location.ts';
import { type Pull, findFault } from './find-fault.ts';
import { type Obstacle, findObstacle, findOtherName, findShortName } from './find-obstacle.ts';
import { type Evidence, findReasons, findRejectedHere } from './find-reasons.ts';
import type { Reason } from './reason.ts';
import type { RejectedFile } from '../store/report.ts';
import { liesIn, rejectedFor } from './rejected-for.ts';

/** A signature that nodes find for an image. */
export interface FoundSignature {
  /** The path in a lookup. */
  readonly servedAs: string;
  /** The name that was signed. */
  readonly identity: string;
  /** The fingerprint of the signer's primary key; null if nobody has checked. */
  readonly signer: string | null;
  /** The fingerprint of the key that signed: that one, or a subkey of it. */
  readonly signingKey: string | null;
  readonly userIds: readonly string[];
  /** ISO 8601, as the signature says. */
  readonly signedAt: string;
  /** Why it counts for nothing here; null if it counts. */
  readonly fault: string | null;
  /** What some nodes take badly. */
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
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
  /** What else should be known; null for nothing. */
  readonly note: string | null;
}

export interface ExplainOptions extends Evidence {
  readonly policy: Policy;
  readonly now: Date;
}

/** `image` has a tag or a digest, as it would be pulled; `digestHex` is the digest of its manifest. */
export async function explainImage(
  image: DockerReference,
  digestHex: string,
  options: ExplainOptions,
): Promise<ExplainedImage> {
  const { policy, store, now } = options;
  const scope = findScope(policy, image);
  const pull = scope && { policy, scope, image, now };
  const directory = findImageDirectory(scope, image, digestHex);
  const signatures = store.signaturesIn(directory);
  const obstacle = pull ? findObstacle(pull, signatures) : noScope(image);
  const name = pull && findNameFault(pull, obstacle, signatures, rejectedIn(directory, options));
  const reason = name ?? (await findReason(directory, obstacle, options));
  return {
    image: formatReference(image),
    digest: `sha256:${digestHex}`,
    verdict: toVerdict(reason),
    scope: scope?.name ?? null,
    directory,
    signatures: signatures.map((signature) =>
      toFoundSignature(signature, {
        policy,
        servedAs: `/${formatLocation(directory, store.numberOf(directory, signature))}`,
        fault: pull && findFault(pull, signature),
      }),
    ),
    reason,
    note:
      reason === null && scope?.takesAnything
        ? sayTakesAnything(scope)
        : sayRelease(store, digestHex),
  };
}

/** Where a signature is served, and what counts against it there. */
export interface ServedPlace {
  readonly policy: Policy;
  readonly servedAs: string;
  readonly fault: string | undefined;
}

/** A signature as answers have it. */
export function toFoundSignature(
  { claims, signer, signedAt, warnings }: Signature,
  { policy, servedAs, fault }: ServedPlace,
): FoundSignature {
  const keys = policy.keyring?.keys ?? [];
  const key = keys.find(({ fingerprint }) => fingerprint === signer?.primaryFingerprint);
  return {
    servedAs,
    identity: claims.dockerReference,
    signer: signer?.primaryFingerprint ?? null,
    signingKey: signer?.fingerprint ?? null,
    userIds: key?.userIds ?? [],
    signedAt: formatTime(signedAt),
    fault: fault ?? null,
    warnings: warnings.map(({ code, message }) => ({ code, message })),
  };
}

function noScope(image: DockerReference): Obstacle {
  return {
    code: 'no-scope',
    message: `no scope covers ${formatReference(image)}`,
    next: 'Add a scope with its keys, here and on the nodes, or pull an image that a scope covers.',
  };
}

function sayTakesAnything(scope: Scope): string {
  if (isOfRelease(scope)) {
    return `${describeScope(scope)} has the images of a release, which vouches for them: they need no signature of their own`;
  }
  return `${describeScope(scope)} accepts any image, signed or not`;
}

/** What clusters find before an update; null where the digest is that of no release. */
function sayRelease(store: SignatureStore, digestHex: string): string | null {
  const found = [...store.releases].find((directory) => directory.endsWith(`=${digestHex}`));
  if (found === undefined) return null;
  return `it is a release: clusters find its signature as /${formatLocation(found, 1)} before an update`;
}

async function findReason(
  directory: string,
  obstacle: ReturnType<typeof findObstacle>,
  evidence: Evidence,
): Promise<ExplainedImage['reason']> {
  if (obstacle === 'unsigned') {
    return (await findReasons([directory], evidence)).get(directory) ?? null;
  }
  if (obstacle === null || !MAY_BE_REJECTED.has(obstacle.code)) return obstacle;
  return (await findRejectedHere(directory, evidence)) ?? obstacle;
}

/** What is wrong with the names that were signed, or could be, where another name would help. */
function findNameFault(
  pull: Pull,
  obstacle: ReturnType<typeof findObstacle>,
  signatures: readonly Signature[],
  rejected: readonly RejectedFile[],
): Obstacle | undefined {
  const isUnsigned = obstacle === 'unsigned';
  if (!isUnsigned && !(obstacle && MAY_BE_REJECTED.has(obstacle.code))) return undefined;
  const short = findShortName(pull, signatures, rejected);
  return short ?? (isUnsigned ? findOtherName(pull, rejected) : undefined);
}

function rejectedIn(directory: string, sight: Evidence): readonly RejectedFile[] {
  const place = parseDirectory(directory);
  return place ? rejectedFor(place, sight).filter((file) => liesIn(place, file)) : [];
}

/** Where another signature would help, and may lie there with a fault. */
const MAY_BE_REJECTED: ReadonlySet<string> = new Set([
  'other-name',
  'other-signer',
  'no-longer-good',
  'co-signature-missing',
]);

/** Nobody can say where nodes go by what is not known here. */
const UNDECIDED: ReadonlySet<string> = new Set(['no-keys', 'also-elsewhere', 'other-store']);

function toVerdict(reason: Reason | Obstacle | null): ExplainedImage['verdict'] {
  if (reason === null) return 'accepted';
  return UNDECIDED.has(reason.code) ? 'unknown' : 'refused';
}

/** Where nodes that are configured as node-config does it look for the signatures of an image. */
export function findImageDirectory(
  scope: Scope | undefined,
  { repository }: DockerReference,
  hex: string,
): string {
  return formatDirectory([scope?.prefix ?? '', repository].filter(Boolean).join('/'), hex);
}
