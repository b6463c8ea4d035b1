// Whether the clients of a release accept its signatures, each by its own rules: the cluster-version operator, which
// tries nine; oc-mirror, which takes the first or stops; and nodes, which read all.
import { formatSignatureName } from '../terms/location.ts';
import { type Rejection, isRejection } from '../terms/rejection.ts';
import { judgeRelease } from './judge-release.ts';
import { judgeForMirror } from './mirror-rule.ts';
import type { ReleaseKeyring } from './release-keyring.ts';
import { MOST_RELEASE_SIGNATURES } from './release-order.ts';

/** A signature as a client gets it. */
export interface OfferedSignature {
  /** A path, or an address. */
  readonly place: string;
  readonly bytes: Uint8Array;
}

/** Undefined where the signature is accepted. */
type Refusal = Rejection | undefined;

/** One signature, with what each client says. */
export interface JudgedOffer {
  readonly place: string;
  readonly operator: Refusal;
  /** Absent where oc-mirror does not look at it. */
  readonly mirror?: { readonly identity: string } | Rejection;
  readonly node: Refusal;
}

/** A client's verdict on the release. */
export interface ClientVerdict {
  readonly client: 'cluster-version-operator' | 'oc-mirror' | 'node';
  readonly isAccepted: boolean;
  /** Why, or why not: one sentence. */
  readonly reason: string;
}

/** A release with all verdicts. */
export interface CheckedRelease {
  /** `sha256:HEX`. */
  readonly digest: string;
  readonly offers: readonly JudgedOffer[];
  readonly verdicts: readonly ClientVerdict[];
}

/** Says whether a node takes a signature, and why not. */
export type JudgeForNode = (bytes: Uint8Array, digestHex: string) => Promise<Refusal>;

/** Judges signatures, in the order of their numbers, for the digest (hex). */
export async function checkRelease(
  digestHex: string,
  offered: readonly OfferedSignature[],
  keyrings: readonly ReleaseKeyring[],
  judgeForNode: JudgeForNode,
  now: Date,
): Promise<CheckedRelease> {
  const digest = `sha256:${digestHex}`;
  const missing = new Set(keyrings);
  const offers: JudgedOffer[] = [];
  for (const [index, { place, bytes }] of offered.entries()) {
    const verdict = judgeRelease(bytes, digest, keyrings, now);
    const isTried = index < MOST_RELEASE_SIGNATURES;
    if (!isRejection(verdict) && isTried) for (const one of verdict.keyrings) missing.delete(one);
    offers.push({
      place,
      operator: isRejection(verdict) ? verdict : undefined,
      ...(index === 0 && { mirror: mirrored(bytes, keyrings) }),
      node: await judgeForNode(bytes, digestHex),
    });
  }
  const verdicts = [judgeOperator(offers, missing), judgeMirror(offers), judgeNode(offers)];
  return { digest, offers, verdicts };
}

/** oc-mirror has one keyring: any of these. */
function mirrored(bytes: Uint8Array, keyrings: readonly ReleaseKeyring[]) {
  const verdicts = keyrings.map((keyring) => judgeForMirror(bytes, keyring));
  return verdicts.find((verdict) => !isRejection(verdict)) ?? verdicts[0] ?? { identity: '' };
}

const NONE = 'there is no signature';

/**
 * A cluster wants a signature for each keyring that its release brings along. Which of these that are is not known
 * here: those without one are named.
 */
function judgeOperator(
  offers: readonly JudgedOffer[],
  missing: ReadonlySet<ReleaseKeyring>,
): ClientVerdict {
  const client = 'cluster-version-operator';
  if (offers.length === 0) return { client, isAccepted: false, reason: NONE };
  const first = offers.findIndex(({ operator }) => operator === undefined);
  if (first < 0) {
    const reason = describeRefusals(offers.map(({ operator }) => operator));
    return { client, isAccepted: false, reason };
  }
  if (first >= MOST_RELEASE_SIGNATURES) {
    const reason = `the good one is behind the first ${MOST_RELEASE_SIGNATURES}, and no more are tried`;
    return { client, isAccepted: false, reason };
  }
  const named = [...missing].map(({ path }) => path).join(', ');
  const but = named === '' ? '' : `, but none is for clusters that also want one by ${named}`;
  return { client, isAccepted: true, reason: `${formatSignatureName(first + 1)} is good${but}` };
}

function judgeMirror([first]: readonly JudgedOffer[]): ClientVerdict {
  const client = 'oc-mirror';
  if (!first?.mirror) return { client, isAccepted: false, reason: NONE };
  if (isRejection(first.mirror)) {
    const reason = `it stops at ${formatSignatureName(1)}: ${describe(first.mirror)}`;
    return { client, isAccepted: false, reason };
  }
  return { client, isAccepted: true, reason: `it copies ${first.mirror.identity}` };
}

/** A file that breaks pulls fails all of them. */
function judgeNode(offers: readonly JudgedOffer[]): ClientVerdict {
  const client = 'node';
  const breaking = offers.findIndex(({ node }) => node?.breaksPulls === true);
  const fault = offers[breaking]?.node;
  if (fault) {
    const reason = `${formatSignatureName(breaking + 1)} fails every pull: ${describe(fault)}`;
    return { client, isAccepted: false, reason };
  }
  const good = offers.findIndex(({ node }) => node === undefined);
  if (good >= 0)
    return { client, isAccepted: true, reason: `${formatSignatureName(good + 1)} is good` };
  if (offers.length === 0) return { client, isAccepted: false, reason: NONE };
  const reason = describeRefusals(offers.map(({ node }) => node));
  return { client, isAccepted: false, reason };
}

function describeRefusals(refusals: readonly Refusal[]): string {
  const [only, ...more] = new Set(refusals.flatMap((one) => (one ? [describe(one)] : [])));
  const count = refusals.length;
  const all = count === 1 ? 'the only signature' : `all ${count} signatures`;
  return more.length === 0 ? `${all}: ${only ?? NONE}` : `${count} signatures, for several reasons`;
}

function describe({ code, message }: Rejection): string {
  return `${code}: ${message}`;
}
