import { countOf } from '../html/facts.ts';
import { type OverviewFacts, urgencyOf } from './overview-facts.ts';

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
  const { served, status, refused } = facts;
  if (!served) {
    return status.lastError
      ? { level: 'trouble', headline: 'Nothing is served: the signatures cannot be loaded.' }
      : { level: 'notice', headline: 'The signatures are being loaded.' };
  }
  const troubles = [
    status.lastError ? 'the newest state is not served' : undefined,
    refused.lately > 0
      ? `${countOf(refused.lately, 'image was', 'images were')} refused in the last hour`
      : undefined,
  ].filter((trouble) => trouble !== undefined);
  const notices = findNotices(facts);
  if (troubles.length > 0) {
    const more = notices.length > 0 ? { more: toSentence(notices) } : {};
    return { level: 'trouble', headline: toSentence(troubles), ...more };
  }
  if (notices.length > 0) return { level: 'notice', headline: toSentence(notices) };
  const { signatures, images } = served;
  const counts = `${countOf(signatures, 'signature')} of ${countOf(images, 'image')}`;
  return {
    level: 'well',
    headline: `All is well: ${counts}, and none was missing in the last hour.`,
  };
}

function findNotices({ served, rejected, keys = [], now }: OverviewFacts): readonly string[] {
  const ended = keys.filter(({ state }) => urgencyOf(state, now) === 'ended').length;
  const soon = keys.filter(({ state }) => urgencyOf(state, now) === 'soon').length;
  const { total } = rejected;
  return [
    served?.signatures === 0 ? 'the source has no signatures' : undefined,
    total > 0 ? `${countOf(total, 'file is', 'files are')} rejected` : undefined,
    ended > 0 ? `${countOf(ended, 'key is', 'keys are')} no good any more` : undefined,
    soon > 0 ? `${countOf(soon, 'key expires', 'keys expire')} within 30 days` : undefined,
  ].filter((notice) => notice !== undefined);
}

function toSentence(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  const text = parts.length > 1 ? `${parts.slice(0, -1).join(', ')}, and ${last}` : last;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
