// The rule: from the bytes and the place of one file to the verdict that a node with the policy would
// reach for some image that it looks up at that place.
import { hash } from 'node:crypto';
import { parseSignatureFile } from '../openpgp/signature-file.ts';
import { DEFAULT_BUDGETS, type PathBudgets } from '../terms/budgets.ts';
import { parseClaims } from './claims.ts';
import type { UntrustedClaims } from '../terms/untrusted-claims.ts';
import { type DockerReference, parseDockerReference } from '../terms/image-name.ts';
import { Inquiry } from './inquiry.ts';
import { openForAny, takesStrangers } from './open-for-any.ts';
import type { ReleaseArea } from '../release/release-area.ts';
import type { Location } from '../terms/location.ts';
import { type Algorithms, findWeakness } from '../openpgp/algorithms.ts';
import type { Effort, OpenMessage, OpenedMessage, Signer } from '../openpgp/open-message.ts';
import { type PlacedImage, explainPlace, imagesAt, suggestPlace } from './place.ts';
import { lacksKeys, rejectUnjudged } from '../policy/key-faults.ts';
import type { Policy, Scope, SignedBy } from '../policy/policy.ts';
import { DEFAULT_IDENTITY, matchesIdentity, nameOf } from '../policy/signed-identity.ts';
import { type Rejection, isRejection, isUndecided, reject } from '../terms/rejection.ts';
import { formatTime } from '../terms/text.ts';

/** Something that some nodes take badly although the file may be published. */
export interface Warning {
  readonly code:
    | 'signing-subkey'
    | 'weak-algorithm'
    | 'expires-soon'
    | 'co-signature-missing'
    | 'many-signatures'
    | 'duplicate'
    | 'renumbered'
    | 'not-for-releases'
    | 'dot-file';
  readonly message: string;
}

/** A signature that may be published. Only a judge makes one. */
export interface Signature {
  /** `unverified`: no keys were configured; the form was checked, authenticity was not. */
  readonly status: 'accepted' | 'unverified';
  /** The file, byte for byte. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, base64url. */
  readonly hash: string;
  readonly claims: UntrustedClaims;
  /** Undefined if it is unverified. */
  readonly signer: Signer | undefined;
  /** The scope it is good for, and the requirements of it that it meets. */
  readonly scope: Scope;
  readonly meets: readonly SignedBy[];
  /** When it was made, in milliseconds since 1970, as the signature says. */
  readonly signedAt: number;
  /** The verdict holds from then on: -Infinity if it always has. Milliseconds since 1970. */
  readonly validFrom: number;
  /** When it must be judged again because it or its key expires; Infinity if never. */
  readonly validUntil: number;
  /** The version of the gpgv that judged it; undefined if none was asked. */
  readonly gpgv: string | undefined;
  readonly warnings: readonly Warning[];
  /** Absent outside release areas: then it is served from its own directory. */
  readonly release?: ReleasePlaces | undefined;
}

/** Where a signature in a release area is served: in at least one of two places. */
export interface ReleasePlaces {
  readonly area: ReleaseArea;
  /** The repository, as in a directory's name, by which nodes find it; undefined if they would refuse it. */
  readonly repository: string | undefined;
  /** Why it is not among the signatures of releases; undefined if it is. */
  readonly refusal: Rejection | undefined;
}

/** Judges files as of a given time. */
export interface Judge {
  /** What the path of a file may be; the default where it is left out. */
  readonly paths?: PathBudgets;
  /** Where signatures of releases may lie in the other layout; nowhere where it is left out. */
  readonly releases?: readonly ReleaseArea[];
  /**
   * The verdict for the bytes of a file at a location; DEFERRED if it would take more than `effort`.
   * Default: any effort.
   */
  readonly judge: (
    location: Location,
    bytes: Uint8Array,
    now: Date,
    effort?: Effort,
  ) => Promise<Signature | Rejection>;
  /**
   * Where a file below `parents` belongs by its verified claims, in a sentence; undefined where
   * it has none. `number` is the one that it wants.
   */
  readonly suggest: (
    parents: string,
    number: number,
    bytes: Uint8Array,
    now: Date,
    effort?: Effort,
  ) => Promise<string | undefined>;
  /**
   * The images, as HOST/REPOSITORY, for which a signature at a location is good by its scope: nodes that ask
   * for others take no notice of it. Left out where there is only one.
   */
  readonly findImages?: (location: Location, signature: Signature) => readonly string[];
}

export interface JudgeOptions {
  readonly policy: Policy;
  readonly openMessage: OpenMessage;
  /** A signature that is good for less than this long gets a warning. Milliseconds. */
  readonly expiryWarning: number;
  /** What the path of a file may be. */
  readonly paths?: PathBudgets;
}

/** What a signature was found good for. */
interface Match {
  readonly scope: Scope;
  readonly meets: readonly SignedBy[];
  readonly opened: OpenedMessage;
}

/** One file that is being judged. */
interface OpenCase {
  readonly location: Location;
  readonly bytes: Uint8Array;
  /** The OpenPGP message in it. */
  readonly message: Uint8Array;
  readonly inquiry: Inquiry;
  readonly now: Date;
}

/** Judges as a node with the policy would. */
export class PolicyJudge implements Judge {
  readonly paths: PathBudgets;
  readonly #policy: Policy;
  readonly #openMessage: OpenMessage;
  readonly #expiryWarning: number;
  /** Whether a signature by none of the keys may be good in some scope, for all that is known. */
  readonly #takesStrangers: boolean;

  constructor({ policy, openMessage, expiryWarning, paths = DEFAULT_BUDGETS }: JudgeOptions) {
    this.paths = paths;
    this.#policy = policy;
    this.#openMessage = openMessage;
    this.#expiryWarning = expiryWarning;
    this.#takesStrangers = takesStrangers(policy);
  }

  // Properties, not methods: whoever changes one of them spreads the judge.
  readonly judge: Judge['judge'] = async (location, bytes, now, effort) => {
    const inquiry = new Inquiry(this.#openMessage, now, effort);
    const blob = parseSignatureFile(bytes);
    if (isRejection(blob)) return inquiry.conclude(blob);
    const message = blob.untrustedMessage;
    return inquiry.conclude(await this.#decide({ location, bytes, message, inquiry, now }));
  };

  readonly suggest: Judge['suggest'] = async (parents, number, bytes, now, effort) => {
    const blob = parseSignatureFile(bytes);
    if (isRejection(blob)) return undefined;
    const inquiry = new Inquiry(this.#openMessage, now, effort);
    const opened = await openForAny(this.#policy, inquiry, blob.untrustedMessage);
    if (isRejection(opened) || !opened.signer) return undefined;
    const claims = parseClaims(opened.untrustedPayload);
    return isRejection(claims) ? undefined : suggestPlace(this.#policy, claims, parents, number);
  };

  readonly findImages: NonNullable<Judge['findImages']> = (location, signature) => {
    const { claims, scope: own, meets } = signature;
    const identity = parseDockerReference(claims.dockerReference);
    if (!identity) return [];
    const names = new Set<string>();
    for (const { scope, image } of imagesAt(this.#policy, location, identity)) {
      if (scope !== own) continue;
      const isTaken =
        (scope.takesAnything && isNamed(image, identity)) ||
        meets.some(({ signedIdentity }) => matchesIdentity(signedIdentity, image, identity));
      if (isTaken) names.add(nameOf(image));
    }
    return [...names];
  };

  async #decide(file: OpenCase): Promise<Signature | Rejection> {
    const { inquiry, message } = file;
    const verified = await openForAny(this.#policy, inquiry, message);
    if (!isRejection(verified)) return this.#judgeOpened(file, verified);
    if (!this.#takesStrangers) return verified;
    const unverified = await inquiry.open(message, undefined);
    if (isRejection(unverified)) return verified;
    const verdict = await this.#judgeOpened(file, unverified);
    if (!isRejection(verdict)) return verdict;
    return isUndecided(verdict) && DEPENDS_ON_KEYS.has(verified.code) ? verdict : verified;
  }

  /** Opens it for the keys of one requirement. */
  async #openFor(
    { keyring }: SignedBy,
    opened: OpenedMessage,
    { inquiry, message }: OpenCase,
  ): Promise<OpenedMessage | Rejection> {
    if (!this.#policy.isUniform) return inquiry.open(message, keyring);
    const { fingerprint = '', primaryFingerprint = '' } = opened.signer ?? {};
    const known = keyring.find(fingerprint.slice(-16).toLowerCase());
    if (known.some((key) => key.primaryFingerprint === primaryFingerprint)) return opened;
    const accepted = keyring.keys.map((key) => key.fingerprint).join(' or ');
    const fault = `expected a signature by ${accepted}, got one by ${primaryFingerprint}`;
    return reject('signer-not-accepted', fault);
  }

  async #judgeOpened(file: OpenCase, opened: OpenedMessage): Promise<Signature | Rejection> {
    const policy = this.#policy;
    const { location, bytes, inquiry, now } = file;
    const claims = parseClaims(opened.untrustedPayload);
    if (isRejection(claims)) return claims;
    const fault = checkDigest(policy, claims, location);
    if (fault) return fault;
    const identity = parseDockerReference(claims.dockerReference);
    if (!identity) {
      const got = JSON.stringify(claims.dockerReference);
      return reject('invalid-identity', `expected an image name, got ${got}`);
    }
    const match = await this.#findMatch(identity, opened, file);
    if (!match) return explainPlace(policy, location, claims, identity);
    if (isRejection(match)) return match;
    return toSignature(bytes, claims, match, inquiry, now, this.#expiryWarning);
  }

  /** The image at the place for which the signature meets most; a rejection if it meets nothing. */
  async #findMatch(
    identity: DockerReference,
    opened: OpenedMessage,
    file: OpenCase,
  ): Promise<Match | Rejection | undefined> {
    let refusal: Rejection | undefined;
    let partial: Match | undefined;
    for (const placed of imagesAt(this.#policy, file.location, identity)) {
      const match = await this.#findMet(placed, identity, opened, file);
      if (!match) continue;
      if (isRejection(match)) refusal = refusal && !isUndecided(match) ? refusal : match;
      else if (match.meets.length === match.scope.signedBy.length) return match;
      else if (!partial || match.meets.length > partial.meets.length) partial = match;
    }
    return partial ?? refusal;
  }

  /** The requirements for one image that the signature meets; the first refusal if it meets none. */
  async #findMet(
    { scope, image }: PlacedImage,
    identity: DockerReference,
    opened: OpenedMessage,
    file: OpenCase,
  ): Promise<Match | Rejection | undefined> {
    if (scope.obstacle !== undefined) return undefined;
    if (scope.takesAnything && isNamed(image, identity)) return { scope, meets: [], opened };
    let refusal: Rejection | undefined;
    let unjudged: Rejection | undefined;
    let accepted: OpenedMessage | undefined;
    const meets: SignedBy[] = [];
    for (const requirement of scope.signedBy) {
      if (!matchesIdentity(requirement.signedIdentity, image, identity)) continue;
      if (lacksKeys(requirement)) {
        unjudged ??= rejectUnjudged(scope);
        continue;
      }
      const good = await this.#openFor(requirement, opened, file);
      if (isRejection(good)) {
        refusal ??= good;
        continue;
      }
      accepted = good;
      meets.push(requirement);
    }
    if (!accepted) return unjudged ?? refusal;
    const isAll = meets.length === scope.signedBy.length;
    // The list of the scope itself, not one for each of a million signatures.
    return { scope, meets: isAll ? scope.signedBy : meets, opened: accepted };
  }
}

/** What other keys, or another copy of the same key, could turn into a yes. */
const DEPENDS_ON_KEYS: ReadonlySet<string> = new Set([
  'unknown-signer',
  'key-expired',
  'key-revoked',
] satisfies Rejection['code'][]);

/** Where nodes take anything, the place is still checked, by the default rule. */
function isNamed(image: DockerReference, identity: DockerReference): boolean {
  return matchesIdentity(DEFAULT_IDENTITY, image, identity);
}

function checkDigest(
  policy: Policy,
  claims: UntrustedClaims,
  location: Location,
): Rejection | undefined {
  const expected = `sha256:${location.digestHex}`;
  if (claims.manifestDigest === expected) return undefined;
  const got = claims.manifestDigest === '' ? 'none' : JSON.stringify(claims.manifestDigest);
  const hint = suggestPlace(policy, claims, location.repository, location.number);
  const message = `expected the digest ${expected}, got ${got}`;
  return reject('digest-mismatch', message, hint === undefined ? {} : { hint });
}

function toSignature(
  bytes: Uint8Array,
  claims: UntrustedClaims,
  { scope, meets, opened }: Match,
  { validity, gpgv }: Inquiry,
  now: Date,
  expiryWarning: number,
): Signature {
  const { signer, signedAt } = opened;
  return {
    status: signer ? 'accepted' : 'unverified',
    bytes,
    hash: hash('sha256', bytes, 'base64url'),
    claims,
    signer,
    scope,
    meets,
    signedAt,
    validFrom: validity.from,
    validUntil: validity.until,
    gpgv,
    warnings: warnOfSignature(opened, now, expiryWarning),
  };
}

/** Reasons why some nodes may refuse a good signature, wherever it lies. */
export function warnOfSignature(
  opened: OpenedMessage,
  now: Date,
  expiryWarning: number,
): readonly Warning[] {
  return [
    ...warnOfSubkey(opened.signer),
    ...warnOfAlgorithms(opened.algorithms),
    ...warnOfExpiry(opened, now, expiryWarning),
  ];
}

function warnOfSubkey(signer: Signer | undefined): readonly Warning[] {
  if (!signer || signer.fingerprint === signer.primaryFingerprint) return [];
  const message = `signed by the subkey ${signer.fingerprint}, which podman before 5.7 and skopeo before 1.21 refuse`;
  return [{ code: 'signing-subkey', message }];
}

function warnOfAlgorithms(algorithms: Algorithms | undefined): readonly Warning[] {
  const weakness = algorithms && findWeakness(algorithms);
  if (weakness === undefined) return [];
  const message = `signed with ${weakness}, which the default crypto policy of RHEL 9 refuses`;
  return [{ code: 'weak-algorithm', message }];
}

function warnOfExpiry(
  { expiresAt }: OpenedMessage,
  now: Date,
  expiryWarning: number,
): readonly Warning[] {
  if (expiresAt - now.getTime() > expiryWarning) return [];
  const message = `good until ${formatTime(expiresAt)}, when the signature or its key expires`;
  return [{ code: 'expires-soon', message }];
}
