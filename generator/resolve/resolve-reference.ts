// Which digest an image is, by what was signed and by nothing else. Asks nobody: all that it goes by is in
// memory, and what is missing there is named as wanted. The registry is not asked what a tag is, so it can
// neither move it nor bring an old image back.
import { type Pull, judgeFor } from '../explain/find-fault.ts';
import { type Obstacle, findObstacle } from '../explain/find-obstacle.ts';
import { findImageDirectory } from '../explain/explain-image.ts';
import type { Signature } from '../gate/judge.ts';
import { type Policy, type Scope, describeScope, findScope } from '../policy/policy.ts';
import { formatReference, nameOf } from '../policy/signed-identity.ts';
import type { DockerReference } from '../terms/image-name.ts';
import { type ChoiceEvidence, chooseCandidate } from './choose-candidate.ts';
import type { KnownManifest, ManifestMemory } from './manifest-memory.ts';
import type {
  ResolveWarning,
  ResolvedReference,
  TagCandidate,
  UnresolvedReason,
  Wanted,
} from './resolved-reference.ts';
import { type TaggedStore, findCandidates, findSignedAt } from './tag-candidates.ts';
import * as words from './unresolved-words.ts';

export interface ResolveOptions extends TaggedStore, Omit<ChoiceEvidence, 'manifests'> {
  readonly policy: Policy;
  readonly manifests: Pick<ManifestMemory, 'knownOf'>;
  readonly now: Date;
  /** Whether a digest beside a tag for which it was never signed is refused, instead of a warning. */
  readonly strictTags?: boolean;
}

type Verdict = Pick<ResolvedReference, 'verdict' | 'reason'>;
/** One image that is being resolved. */
interface Question extends Omit<ResolveOptions, 'manifests'>, ChoiceEvidence {
  readonly pull: Pull;
  readonly scope: Scope;
}

const SHA256 = /^sha256:([0-9a-f]{64})$/;
const NOTHING_WANTED: Wanted = { manifests: [], commits: [] };
const RESOLVED: Verdict = { verdict: 'resolved', reason: undefined };
const UNDECIDED: ReadonlySet<UnresolvedReason['code']> = new Set([
  'no-keys',
  'also-elsewhere',
  'takes-anything',
]);

/** `image` has a tag, a digest or both. */
export function resolveReference(
  image: DockerReference,
  options: ResolveOptions,
): ResolvedReference {
  const { tag, digest } = image;
  // Of a tag beside a digest too, which is judged here because nobody does so afterwards.
  const asTag = tag === undefined ? image : { ...image, digest: undefined };
  const scope = findScope(options.policy, asTag);
  const nothing = toNothing(image, scope);
  if (!scope) return { ...nothing, ...deny(words.noScope(image)) };
  const pull: Pull = { ...options, scope, image };
  const early = findObstacle(pull, []);
  if (early === null) return { ...nothing, ...deny(words.takesAnything(scope)) };
  if (early !== 'unsigned') return { ...nothing, ...deny(early) };
  const manifests = options.manifests.knownOf(nameOf(image), options.now);
  const question: Question = { ...options, manifests, pull, scope };
  return digest === undefined
    ? resolveTag(question, nothing)
    : judgeDigest(question, nothing, digest);
}

function toNothing(image: DockerReference, scope: Scope | undefined): ResolvedReference {
  return {
    image,
    ...RESOLVED,
    scope,
    digestHex: undefined,
    by: undefined,
    signatures: [],
    others: [],
    platforms: [],
    warnings: [],
    wanted: NOTHING_WANTED,
  };
}

function deny(reason: UnresolvedReason): Verdict {
  return { verdict: UNDECIDED.has(reason.code) ? 'unknown' : 'refused', reason };
}

function resolveTag(question: Question, nothing: ResolvedReference): ResolvedReference {
  const { pull, store } = question;
  const { candidates, near } = findCandidates(pull, question);
  if (candidates.length === 0) return { ...nothing, ...deny(explainNone(question, near)) };
  const choice = chooseCandidate(candidates, question);
  const { chosen } = choice;
  const others = candidates
    .filter(({ digestHex }) => digestHex !== chosen?.digestHex)
    .toSorted((a, b) => b.signedAt - a.signedAt);
  if (!chosen) {
    const { wanted } = choice;
    const reason =
      choice.why === 'manifests'
        ? words.manifestsNotKnown(pull.image, candidates.length, wanted.manifests)
        : words.ambiguous(pull.image, others);
    return { ...nothing, ...deny(reason), others, wanted };
  }
  const signatures = store.signaturesIn(chosen.directory);
  return { ...nothing, ...describeChosen(question, chosen, signatures), by: choice.by, others };
}

/** What is to be said of the digest that a tag is. */
function describeChosen(
  question: Question,
  { digestHex }: TagCandidate,
  signatures: readonly Signature[],
): Partial<ResolvedReference> {
  const { pull, manifests, store } = question;
  const known = manifests.find(digestHex);
  // What makes a list good that is not signed itself are the signatures of its instances.
  const own = findObstacle(pull, signatures);
  const [first] = instancesOf(known);
  const isByInstances = first && own !== null && !isElsewhere(own);
  const instance = first && findImageDirectory(pull.scope, pull.image, first.digestHex);
  const obstacle =
    isByInstances && instance ? findObstacle(pull, store.signaturesIn(instance)) : own;
  return {
    digestHex,
    signatures,
    platforms: platformsOf(known),
    warnings: warnOf(question, known),
    ...(isElsewhere(obstacle) ? deny(obstacle) : RESOLVED),
  };
}

/** Whether all is well here, and nodes look for something else in another place. */
function isElsewhere(obstacle: ReturnType<typeof findObstacle>): obstacle is Obstacle {
  return obstacle !== null && obstacle !== 'unsigned' && obstacle.code === 'also-elsewhere';
}

/** The reason of the signature that came nearest to being good for a tag. */
function explainNone({ pull, store }: Question, near: readonly string[]): UnresolvedReason {
  const newest = (directory: string): number =>
    Math.max(...store.signaturesIn(directory).map(({ signedAt }) => signedAt));
  // Of equals always the same.
  const [directory] = near.toSorted().toSorted((a, b) => newest(b) - newest(a));
  if (directory !== undefined) {
    const obstacle = findObstacle(pull, store.signaturesIn(directory));
    if (obstacle !== null && obstacle !== 'unsigned') return obstacle;
  }
  const { image, scope } = pull;
  const repository = [scope.prefix ?? '', image.repository].filter(Boolean).join('/');
  return store.imagesByRepository.has(repository)
    ? words.tagNotSigned(image)
    : words.repositoryNotSigned(image);
}

/** Judges a digest that was given, which nothing replaces. */
function judgeDigest(
  question: Question,
  nothing: ResolvedReference,
  digest: string,
): ResolvedReference {
  const [, digestHex] = SHA256.exec(digest) ?? [];
  if (digestHex === undefined) return { ...nothing, ...deny(words.unsupportedDigest(digest)) };
  const { pull, store, manifests, strictTags = false } = question;
  const known = manifests.find(digestHex);
  const signatures = store.signaturesIn(findImageDirectory(pull.scope, pull.image, digestHex));
  const about = { digestHex, signatures, platforms: platformsOf(known), by: 'given' as const };
  const warnings = warnOf(question, known);
  const given = judgeWhole(question, signatures, known);
  if (!given.isGood) {
    const isAsked = known === undefined && signatures.length === 0;
    const wanted = isAsked ? { ...NOTHING_WANTED, manifests: [digestHex] } : NOTHING_WANTED;
    return { ...nothing, ...about, warnings, wanted, ...deny(given.reason) };
  }
  if (pull.image.tag === undefined || given.isForTag) {
    return { ...nothing, ...about, warnings, ...given.verdict };
  }
  const other = words.otherTags(pull.image, tagsOf(given.signatures));
  if (strictTags) return { ...nothing, ...about, warnings, ...deny(other) };
  const warning: ResolveWarning = { code: 'other-tags', message: other.message };
  return { ...nothing, ...about, warnings: [warning, ...warnings], ...given.verdict };
}

type Given =
  | { readonly isGood: false; readonly reason: UnresolvedReason }
  | {
      readonly isGood: true;
      /** Whether one of the signatures was made for the tag beside the digest. */
      readonly isForTag: boolean;
      readonly verdict: Verdict;
      readonly signatures: readonly Signature[];
    };

/**
 * What nodes would say of the digest, which drop the tag beside it; and what its signatures say of the tag,
 * which then nobody looks at any more.
 */
function judgeGiven(pull: Pull, signatures: readonly Signature[]): Given {
  const byDigest: Pull = { ...pull, image: { ...pull.image, tag: undefined } };
  const byTag: Pull = { ...pull, image: { ...pull.image, digest: undefined } };
  const isForTag = pull.image.tag !== undefined && findSignedAt(byTag, signatures) !== undefined;
  const obstacle = findObstacle(isForTag ? byTag : byDigest, signatures);
  if (obstacle === null || isElsewhere(obstacle)) {
    return { isGood: true, isForTag, verdict: obstacle ? deny(obstacle) : RESOLVED, signatures };
  }
  return {
    isGood: false,
    reason: obstacle === 'unsigned' ? words.notSigned(pull.image) : obstacle,
  };
}

/** What is signed for the tag is better than what is signed; and a list may be so by its instances alone. */
function judgeWhole(
  question: Question,
  signatures: readonly Signature[],
  known: KnownManifest | undefined,
): Given {
  const own = judgeGiven(question.pull, signatures);
  if (own.isGood && (own.isForTag || question.pull.image.tag === undefined)) return own;
  const byInstances = judgeInstances(question, known);
  if (!byInstances?.isGood || (own.isGood && !byInstances.isForTag)) return own;
  return byInstances;
}

/** A list counts where all its instances are signed; undefined where it is no list or they are not. */
function judgeInstances(
  { pull, store }: Question,
  known: KnownManifest | undefined,
): Given | undefined {
  const instances = instancesOf(known);
  const judged = instances.map(({ digestHex }) => {
    const own = { ...pull, image: { ...pull.image, digest: `sha256:${digestHex}` } };
    return judgeGiven(
      own,
      store.signaturesIn(findImageDirectory(pull.scope, pull.image, digestHex)),
    );
  });
  const [first] = judged;
  const good = judged.filter((one) => one.isGood);
  if (!first?.isGood || good.length < judged.length) return undefined;
  const isForTag = good.every((one) => one.isForTag);
  return { ...first, isForTag, signatures: good.flatMap((one) => one.signatures) };
}

/** What nodes that verify signatures themselves would take badly. */
function warnOf(
  { pull, store }: Question,
  known: KnownManifest | undefined,
): readonly ResolveWarning[] {
  const { scope, image } = pull;
  const isExact = scope.signedBy.some(({ signedIdentity: { type } }) => type === 'matchExact');
  const unsigned = instancesOf(known).filter(({ digestHex }) => {
    const signatures = store.signaturesIn(findImageDirectory(scope, image, digestHex));
    const own = { ...pull, image: { ...image, tag: undefined, digest: `sha256:${digestHex}` } };
    return scope.signedBy.some((wanted) =>
      signatures.every((signature) => judgeFor(wanted, own, signature) !== undefined),
    );
  });
  return [
    ...(isExact && image.tag !== undefined ? [words.warnOfExact(describeScope(scope))] : []),
    // With matchExact no digest without a tag is good.
    ...(unsigned.length > 0 && !isExact ? [words.warnOfInstances(unsigned)] : []),
  ];
}

function tagsOf(signatures: readonly Signature[]): readonly string[] {
  return [...new Set(signatures.map(({ claims }) => claims.dockerReference))];
}

function instancesOf(known: KnownManifest | undefined) {
  return known?.kind === 'list' ? known.instances : [];
}

function platformsOf(known: KnownManifest | undefined): readonly string[] {
  return instancesOf(known).map(({ platform }) => platform);
}

/** The image with its tag, if it has one, and the digest that it is; undefined where none was found. */
export function formatResolved({ image, digestHex }: ResolvedReference): string | undefined {
  return digestHex && formatReference({ ...image, digest: `sha256:${digestHex}` });
}
