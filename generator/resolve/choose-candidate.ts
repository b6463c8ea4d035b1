// Of several digests that are signed for a tag, the one that the tag is. A list and its instances are signed
// under one name within the same second, so time cannot tell them apart: what is in a list is dropped first.
import type { KnownManifest, KnownManifests } from './manifest-memory.ts';
import type { TagCandidate, Wanted } from './resolved-reference.ts';
import { formatDirectory, parseDirectory } from '../terms/location.ts';

/** What decides between candidates. */
export interface ChoiceEvidence {
  readonly manifests: KnownManifests;
  /**
   * Says which of two directories was changed by the later commit, as numbers that grow; undefined where that
   * is not known. Equal numbers are of one commit.
   */
  readonly arrivalOf: (directory: string) => number | undefined;
}

export type Choice =
  | {
      readonly chosen: TagCandidate;
      readonly by: 'only' | 'newest' | 'list';
    }
  /** `manifests`: it is not known which of them are lists. `tie`: they were signed in the same second. */
  | { readonly chosen: undefined; readonly why: 'manifests' | 'tie'; readonly wanted: Wanted };

const NOTHING_WANTED: Wanted = { manifests: [], commits: [] };

/** `candidates` has at least one. */
export function chooseCandidate(
  candidates: readonly TagCandidate[],
  evidence: ChoiceEvidence,
): Choice {
  const [only] = candidates;
  if (only && candidates.length === 1) return { chosen: only, by: 'only' };
  const rest = withoutInstances(candidates, evidence);
  const best = rest[0];
  if (!best) throw new Error('no list holds itself');
  if (rest.length === 1) return { chosen: best, by: 'list' };
  const know = ({ digestHex }: TagCandidate): KnownManifest | undefined =>
    evidence.manifests.find(digestHex);
  const unknown = rest.filter((one) => know(one) === undefined);
  const top = rest.filter(({ signedAt }) => signedAt === best.signedAt);
  // A list is no instance. What is none may be an instance of whatever is not known.
  const others = unknown.filter((one) => one !== best);
  const isSure = know(best)?.kind === 'list' || others.length === 0;
  if (top.length === 1 && isSure) return { chosen: best, by: 'newest' };
  // The newest first: if it is a list, the registry need not be asked about all that came before.
  const first = unknown.filter((one) => top.includes(one));
  if (unknown.length > 0) return waitFor(first.length > 0 ? first : unknown);
  return chooseLast(top, evidence);
}

function waitFor(unknown: readonly TagCandidate[]): Choice {
  const manifests = unknown.map(({ digestHex }) => digestHex);
  return { chosen: undefined, why: 'manifests', wanted: { ...NOTHING_WANTED, manifests } };
}

/** Of those that were signed in the same second, the one that the last commit brought. */
function chooseLast(top: readonly TagCandidate[], { arrivalOf }: ChoiceEvidence): Choice {
  const arrivals = top.map(({ directory }) => arrivalOf(directory));
  if (arrivals.includes(undefined)) {
    const commits = top.map(({ directory }) => directory);
    return { chosen: undefined, why: 'tie', wanted: { ...NOTHING_WANTED, commits } };
  }
  const last = Math.max(...arrivals.map(Number));
  const [chosen, ...same] = top.filter((_, at) => arrivals[at] === last);
  return chosen && same.length === 0
    ? { chosen, by: 'newest' }
    : { chosen: undefined, why: 'tie', wanted: NOTHING_WANTED };
}

/** The newest first; without what is in a list that is signed, or whose instances all are. */
function withoutInstances(
  candidates: readonly TagCandidate[],
  evidence: ChoiceEvidence,
): readonly TagCandidate[] {
  const { manifests } = evidence;
  const inLists = new Set<string>();
  for (const { digestHex } of candidates) {
    for (const one of instancesOf(manifests.find(digestHex))) inLists.add(one);
  }
  const rest = candidates.filter(({ digestHex }) => !inLists.has(digestHex));
  const lists = findUnsignedLists(rest, evidence);
  const isHidden = ({ digestHex, signedAt }: TagCandidate): boolean =>
    lists.some((list) => list.instances.has(digestHex) && signedAt <= list.signedAt);
  return [...rest.filter((one) => !isHidden(one)), ...lists].toSorted(
    (a, b) => b.signedAt - a.signedAt,
  );
}

interface UnsignedList extends TagCandidate {
  readonly instances: ReadonlySet<string>;
}

/**
 * Lists that are not signed, while all their instances are. Whoever can push to the registry makes as many of
 * these as he likes, of old and new instances. So a list is as new as the oldest of them and hides none that is
 * newer, and one that has no more than a part of what another has, which is as new, does not count.
 */
function findUnsignedLists(
  candidates: readonly TagCandidate[],
  { manifests }: ChoiceEvidence,
): readonly UnsignedList[] {
  const signed = new Map(candidates.map((one) => [one.digestHex, one]));
  const lists = new Map<string, UnsignedList>();
  for (const candidate of candidates) {
    const place = parseDirectory(candidate.directory);
    for (const digestHex of manifests.listsWith(candidate.digestHex)) {
      if (!place || signed.has(digestHex) || lists.has(digestHex)) continue;
      const instances = new Set(instancesOf(manifests.find(digestHex)));
      const parts = [...instances].flatMap((one) => signed.get(one) ?? []);
      if (parts.length < instances.size) continue;
      const directory = formatDirectory(place.repository, digestHex);
      const signedAt = Math.min(...parts.map((part) => part.signedAt));
      lists.set(digestHex, { digestHex, directory, signedAt, instances });
    }
  }
  const isPart = ({ instances, signedAt }: UnsignedList): boolean =>
    [...lists.values()].some(
      (other) =>
        other.signedAt >= signedAt &&
        other.instances.size > instances.size &&
        [...instances].every((one) => other.instances.has(one)),
    );
  return [...lists.values()].filter((list) => !isPart(list));
}

function instancesOf(known: KnownManifest | undefined): readonly string[] {
  return known?.kind === 'list' ? known.instances.map(({ digestHex }) => digestHex) : [];
}
