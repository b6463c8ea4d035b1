// Whose rules judged signatures that are pushed, and what that means for people: which nodes accept what is
// new, and where a rule has to change for what is refused.
import type { Warning } from '../../generator/gate/judge.ts';
import { REJECTIONS, type Rejection, type RejectionCode } from '../../generator/terms/rejection.ts';
import { REPOSITORY_CONFIG } from '../../signing/target/repository-address.ts';
import type { OpenTarget } from '../inputs/open-target.ts';

/** Who said which keys are accepted. */
export type RuleGiver =
  /** The signature repository at this location. */
  | { readonly kind: 'repository'; readonly location: string }
  /** The options of this run. */
  | { readonly kind: 'options' }
  /** Nobody: it is judged as if the key that signs were accepted. */
  | { readonly kind: 'nobody' };

export function findRuleGiver({
  hasOwnRules,
  repository: { location },
}: Pick<OpenTarget, 'hasOwnRules' | 'repository'>): RuleGiver {
  return hasOwnRules ? { kind: 'repository', location } : { kind: 'options' };
}

const NODES = {
  repository: "nodes that use the repository's policy",
  options: 'nodes with the keys or the policy that were given here',
  nobody: 'nodes that accept this key for these images',
} as const satisfies Record<RuleGiver['kind'], string>;

/**
 * What nodes make of the images with new signatures, by the warnings about each of these; of a proposal
 * nodes see nothing before it is merged.
 */
export function formatAcceptance(
  fresh: readonly (readonly Warning[])[],
  isProposed: boolean,
  { kind }: RuleGiver,
): string {
  const lacking = fresh.filter((warnings) =>
    warnings.some(({ code }) => code === 'co-signature-missing'),
  );
  if (lacking.length > 0) {
    const verb = lacking.length === 1 ? 'needs' : 'need';
    return `${lacking.length} of them ${verb} another signature before nodes accept the image`;
  }
  return isProposed
    ? `${NODES[kind]} will accept the new signatures, once merged`
    : `${NODES[kind]} accept the new signatures`;
}

/** What to do where the repository has rules of its own; they change by a push, not by an option. */
const CURES: Readonly<Partial<Record<RejectionCode, (location: string) => string>>> = {
  'unknown-signer': addKey,
  'signer-not-accepted': addKey,
  'key-expired': (location) =>
    `Extend the key and commit its new public part (gpg --export --armor KEY) in place of the old one in ${location}, or sign with another key.`,
  'out-of-scope': addScope,
  'policy-rejects': (location) =>
    `Change the policy of the scope in ${REPOSITORY_CONFIG} of ${location}, or sign under a name that another scope covers.`,
  'other-store': (location) =>
    `Leave it out: nodes ask that store. If it is for a mirror of the image, give the mirror a scope with remapIdentity in ${REPOSITORY_CONFIG} of ${location}, and push that.`,
  'path-too-deep': (location) => shorten(location, 'max-path-depth'),
  'path-too-long': (location) => shorten(location, 'max-path-length'),
};

function addKey(location: string): string {
  return `In a checkout of ${location}, put the public key (gpg --export --armor KEY) where "keys" of the image's scope in ${REPOSITORY_CONFIG} points to, or name its file there, and push that; or sign with a key of the scope.`;
}

function addScope(location: string): string {
  return `Add a scope for the image to ${REPOSITORY_CONFIG} of ${location} and push that, or sign under a name that a scope covers.`;
}

function shorten(location: string, limit: string): string {
  return `Shorten the prefix of the scope, or raise ${limit}, in ${REPOSITORY_CONFIG} of ${location}, and push that.`;
}

/** A refusal with a cure for somebody who has the signature in hand, and nothing published yet. */
export function cureRefusal(rejection: Rejection, giver: RuleGiver): Rejection {
  const { code, hint } = rejection;
  // A better one is known already.
  if (hint !== REJECTIONS[code].cure) return rejection;
  if (giver.kind === 'repository') {
    const cure = CURES[code];
    return cure ? { ...rejection, hint: cure(giver.location) } : rejection;
  }
  if (code !== 'out-of-scope') return rejection;
  const cure =
    'Add a scope for the image to the configuration, or sign under a name that a scope covers.';
  return { ...rejection, hint: cure };
}
