import { countOf } from '../../html/facts.ts';
import type { TroubleKind } from '../../troubles/troubles.ts';
import {
  type OverviewFacts,
  type ServedCounts,
  type StatusKey,
  isStateRefused,
  urgencyOf,
} from './overview-facts.ts';

/** What stands at the top of the page, to be seen at one look. */
export interface StateWords {
  /** `trouble`: pulls fail, or what was pushed does not arrive. `notice`: somebody should look. */
  readonly level: 'well' | 'notice' | 'trouble';
  readonly headline: string;
  /** What is less urgent. */
  readonly more?: string;
}

/** Whether something is wrong, in a sentence. */
export function describeState(facts: OverviewFacts): StateWords {
  const { served, status } = facts;
  const lasting = describeTroubles(facts);
  if (!served) {
    if (isStateRefused(facts)) return { level: 'trouble', headline: NOTHING_REFUSED };
    if (status.lastError) {
      const more = lasting.length > 0 ? { more: toSentence(lasting) } : {};
      return { level: 'trouble', headline: NOTHING_LOADED, ...more };
    }
    if (lasting.length > 0) {
      return { level: 'trouble', headline: toSentence(['nothing is served yet', ...lasting]) };
    }
    return { level: 'notice', headline: 'The signatures are being loaded.' };
  }
  const troubles = findTroubles(facts, served);
  const notices = findNotices(facts, served);
  if (troubles.length > 0) {
    const more = notices.length > 0 ? { more: toSentence(notices) } : {};
    return { level: 'trouble', headline: toSentence(troubles), ...more };
  }
  if (notices.length > 0) return { level: 'notice', headline: toSentence(notices) };
  const { signatures, images } = served;
  const are = signatures === 1 ? 'is' : 'are';
  const span =
    facts.countedSince > facts.now.getTime() - HOUR ? 'since the start' : 'of the last hour';
  return {
    level: 'well',
    headline: `${countOf(signatures, 'signature')} of ${countOf(images, 'image')} ${are} served, and no lookup ${span} missed one.`,
    more: 'No fault is known here. What nodes make of a signature depends on their own policy: they can still refuse an image that was signed under another name or by another key.',
  };
}

/** In milliseconds. */
const HOUR = 3_600_000;
const NOTHING_LOADED = 'Nothing is served: the signatures cannot be loaded.';
const NOTHING_REFUSED = 'Nothing is served: the state is refused because of its rejected files.';

function findTroubles(facts: OverviewFacts, { signatures }: ServedCounts): readonly string[] {
  const { status, refused, rejected } = facts;
  const unsafe = endedKeys(facts).filter(({ signed }) => (signed?.soleImages ?? 0) > 0);
  const images = unsafe.reduce((sum, { signed }) => sum + (signed?.soleImages ?? 0), 0);
  const unserved = isStateRefused(facts) ? 'is refused' : 'is not served';
  return [
    status.lastError ? `the newest state ${unserved}` : undefined,
    ...describeTroubles(facts),
    refused.lately > 0
      ? `${countOf(refused.lately, 'image was', 'images were')} looked up without a signature in the last hour`
      : undefined,
    signatures === 0 && rejected.total > 0 ? 'no signature could be accepted' : undefined,
    unsafe.length > 0
      ? `${countOf(images, 'image is', 'images are')} signed only by keys that are no longer good`
      : undefined,
  ].filter((trouble) => trouble !== undefined);
}

const WORDS: Readonly<Record<TroubleKind, string>> = {
  'refresh-failed': 'the source cannot be read',
  'state-refused': 'the newest state is refused',
  'refresh-hanging': 'a refresh does not end',
  'peers-failing': 'other servers cannot be told of pushes',
  'reload-failed': 'a policy, secret or certificate cannot be read',
  'keys-unusable': 'key files cannot be used',
  'tls-certificate': 'the TLS certificate is not valid now',
  'no-process': 'no process can be started',
  'signatures-lost': 'signatures were taken away',
  'undecided-files': 'some files wait for a verdict',
  'state-directory': 'the state directory cannot be used',
  'access-log': 'the access log cannot be written',
  'audit-log': 'the audit log cannot be written',
  events: 'events cannot be delivered',
  'clock-jumped': 'the clock was set to another time',
  'background-failure': 'a part of the server failed',
};

/** But for what the last refresh says itself. */
function describeTroubles({ troubles, status }: OverviewFacts): readonly string[] {
  const isSaid = (kind: TroubleKind): boolean =>
    status.lastError !== null && (kind === 'refresh-failed' || kind === 'state-refused');
  return troubles.flatMap(({ kind }) => (isSaid(kind) ? [] : [WORDS[kind]]));
}

function findNotices(facts: OverviewFacts, { signatures }: ServedCounts): readonly string[] {
  const { rejected, refused, keys = [], now } = facts;
  const { total } = rejected;
  const { resolvedLately, unknownLately } = refused;
  // One that has signed nothing is missed by nobody.
  const ended = endedKeys(facts).filter(({ signed }) => signed?.soleImages === 0).length;
  const soon = keys.filter(({ state }) => urgencyOf(state, now) === 'soon').length;
  return [
    resolvedLately > 0
      ? `${countOf(resolvedLately, 'image was', 'images were')} looked up in the last hour before ${resolvedLately === 1 ? 'its signature' : 'their signatures'} came`
      : undefined,
    unknownLately > 0
      ? `${countOf(unknownLately, 'image of a repository that this store has never had was', 'images of repositories that this store has never had were')} looked up in the last hour`
      : undefined,
    signatures === 0 && total === 0 ? 'the source has no signatures' : undefined,
    total > 0 ? `${countOf(total, 'file is', 'files are')} rejected` : undefined,
    facts.keys ? undefined : 'the server does not check who signed',
    ended > 0 ? `${countOf(ended, 'key is', 'keys are')} no longer good` : undefined,
    soon > 0 ? `${countOf(soon, 'key expires', 'keys expire')} within 30 days` : undefined,
  ].filter((notice) => notice !== undefined);
}

function endedKeys({ keys = [], now }: OverviewFacts): readonly StatusKey[] {
  return keys.filter(({ state }) => urgencyOf(state, now) === 'ended');
}

function toSentence(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  const text = parts.length > 1 ? `${parts.slice(0, -1).join(', ')}, and ${last}` : last;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
