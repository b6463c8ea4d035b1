// Files of a release area are judged twice: as the cluster-version operator would, by the keys of the area,
// and as nodes would, by the policy. Either may take what the other refuses, and neither counts for the other.
import { hash } from 'node:crypto';
import { DEFERRED } from '../openpgp/open-message.ts';
import { type Policy, type Scope, createScope } from '../policy/policy.ts';
import { type ReleaseSignature, judgeRelease } from '../release/judge-release.ts';
import { type ReleaseArea, findReleaseArea } from '../release/release-area.ts';
import type { ImageDirectory, Location } from '../terms/location.ts';
import { isReleaseDirectory } from '../terms/release-location.ts';
import {
  type Rejection,
  during,
  isRejection,
  isUndecided,
  validityOf,
} from '../terms/rejection.ts';
import { ALWAYS, type Validity, intersect, wholeSecond } from '../terms/validity.ts';
import { type Judge, type JudgeOptions, PolicyJudge, type Signature } from './judge.ts';
import { findPlace } from './place.ts';

/** Where nobody can say yet whether nodes would take it too, they are asked for again. Milliseconds. */
const LOOK_AGAIN = 3_600_000;

/** Judges as nodes with the policy would and, in release areas, as clusters would before an update. */
export function createJudge(options: JudgeOptions): Judge {
  const nodes = new PolicyJudge(options);
  const { policy } = options;
  return policy.releases.length === 0 ? nodes : judgeReleases(nodes, policy);
}

function judgeReleases(nodes: Judge, policy: Policy): Judge {
  const { releases } = policy;
  return {
    ...nodes,
    releases,
    judge: async (location, bytes, now, effort) => {
      const area = findReleaseArea(releases, location.directory);
      if (!area) return nodes.judge(location, bytes, now, effort);
      const release = judgeRelease(bytes, `sha256:${location.digestHex}`, area.keyrings, now);
      const place = findNodePlace(policy, location, release);
      const asked = place && { ...place, number: location.number };
      const node = asked && (await nodes.judge(asked, bytes, now, effort));
      return combine({ area, bytes, now, release }, place, node);
    },
  };
}

/** Where nodes would look for it: what lies flat must be of a release first. */
function findNodePlace(
  policy: Policy,
  location: Location,
  release: ReleaseSignature | Rejection,
): ImageDirectory | undefined {
  if (!isReleaseDirectory(location.directory)) return location;
  return isRejection(release) ? undefined : findPlace(policy, release.claims, '');
}

/** What the two say of one file. */
interface ReleaseCase {
  readonly area: ReleaseArea;
  readonly bytes: Uint8Array;
  readonly now: Date;
  readonly release: ReleaseSignature | Rejection;
}

/** `place` is where nodes would look for it, if that is known. */
function combine(
  { area, bytes, now, release }: ReleaseCase,
  place: ImageDirectory | undefined,
  node: Signature | Rejection | undefined,
): Signature | Rejection {
  // It is asked for again with more effort.
  if (node === DEFERRED) return node;
  const validity = intersect(validityIn(release), node ? validityOfNode(node, now) : ALWAYS);
  if (node && !isRejection(node)) {
    const { repository } = place ?? { repository: undefined };
    const refusal = isRejection(release) ? release : undefined;
    // Where no keys are configured, those of the area say who has signed.
    const isUnknown = !node.signer && !isRejection(release);
    const own = isUnknown ? { status: 'accepted' as const, signer: release.signer } : {};
    const { from: validFrom, until: validUntil } = validity;
    return { ...node, ...own, validFrom, validUntil, release: { area, repository, refusal } };
  }
  if (!isRejection(release)) return toSignature(release, bytes, area, validity);
  const isForNodes = node && (release.code === 'unknown-signer' || isUndecided(node));
  const rejection = isForNodes ? node : release;
  return isUndecided(rejection) ? rejection : during(validity, rejection);
}

function validityIn(release: ReleaseSignature | Rejection): Validity {
  return isRejection(release)
    ? validityOf(release)
    : { from: -Infinity, until: release.validUntil };
}

function validityOfNode(node: Signature | Rejection, now: Date): Validity {
  if (!isRejection(node)) return { from: node.validFrom, until: node.validUntil };
  if (!isUndecided(node)) return validityOf(node);
  const from = wholeSecond(now.getTime());
  return { from, until: from + LOOK_AGAIN };
}

/** A signature that is good for releases alone. */
function toSignature(
  { claims, signer, signedAt }: ReleaseSignature,
  bytes: Uint8Array,
  area: ReleaseArea,
  { from: validFrom, until: validUntil }: Validity,
): Signature {
  return {
    status: 'accepted',
    bytes,
    hash: hash('sha256', bytes, 'base64url'),
    claims,
    signer,
    scope: releaseScopeOf(area),
    meets: [],
    signedAt,
    validFrom,
    validUntil,
    gpgv: undefined,
    warnings: [],
    release: { area, repository: undefined, refusal: undefined },
  };
}

const SCOPES = new WeakMap<ReleaseArea, Scope>();

/** Stands for an area where a signature has to have a scope; no image lies in it. */
export function releaseScopeOf(area: ReleaseArea): Scope {
  const known = SCOPES.get(area);
  if (known) return known;
  const name = `release area ${JSON.stringify(area.prefix)}`;
  const scope = { ...createScope(name, undefined, []), origin: `the ${name}` };
  SCOPES.set(area, scope);
  return scope;
}
