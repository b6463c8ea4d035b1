import assert from 'node:assert/strict';
import { describeState } from '../../../server/status/parts/describe-state.ts';
import { type OverviewFacts, urgencyOf } from '../../../server/status/parts/overview-facts.ts';
import { renderRates } from '../../../server/status/parts/rate-chart.ts';
import { describeDuration, renderTime } from '../../../server/status/parts/render-time.ts';
import type { TroubleKind } from '../../../server/troubles/troubles.ts';

const NOW = new Date('2026-11-22T12:00:00Z');
const DAY = 86_400_000;
const WELL: OverviewFacts = {
  now: NOW,
  commitUrl: undefined,
  source: { kind: 'git', location: 'r.git', branch: 'main' },
  status: { generation: null, lastRefresh: null, lastError: null, runningSince: null },
  troubles: [],
  lostUntil: undefined,
  served: { signatures: 1200, images: 1, repositories: 1, signers: 1 },
  newest: [],
  refused: {
    known: { total: 0, shown: [] },
    unknown: { total: 0, shown: [] },
    lately: 0,
    unknownLately: 0,
    resolvedLately: 0,
    dropped: 0,
  },
  resolved: [],
  rejected: { total: 0, items: [], hasMore: false },
  keys: [],
  minutes: [],
  countedSince: 0,
};
const TROUBLE = { ...WELL.status, lastError: { at: NOW.toISOString(), message: 'no' } };
const NONE = { signatures: 0, images: 0, repositories: 0, signers: 0 };
const REFUSED = { ...WELL.refused, lately: 2 };
const REJECTED = { ...WELL.rejected, total: 1 };
const keyUntil = (time: number) => ({
  fingerprint: 'A',
  userIds: [],
  expires: null,
  signed: { signatures: 1, images: 1, soleImages: 0 },
  state: { kind: 'expires', at: new Date(time).toISOString() } as const,
});
const revoked = { ...keyUntil(0), state: { kind: 'revoked' } as const };

const trouble = (kind: TroubleKind) => ({ kind, since: NOW.toISOString(), message: 'no' });

describe('the words of the status pages', () => {
  const states: readonly (readonly [Partial<OverviewFacts>, string, string])[] = [
    [
      {},
      'well',
      '1,200 signatures of 1 image are served, and no lookup of the last hour missed one.',
    ],
    [{ served: undefined }, 'notice', 'The signatures are being loaded.'],
    [
      { served: undefined, status: TROUBLE },
      'trouble',
      'Nothing is served: the signatures cannot be loaded.',
    ],
    [{ status: TROUBLE }, 'trouble', 'The newest state is not served.'],
    [
      { troubles: [trouble('reload-failed')] },
      'trouble',
      'A policy, secret or certificate cannot be read.',
    ],
    [
      { status: TROUBLE, troubles: [trouble('refresh-failed'), trouble('no-process')] },
      'trouble',
      'The newest state is not served, and no process can be started.',
    ],
    [
      { served: undefined, troubles: [trouble('refresh-hanging')] },
      'trouble',
      'Nothing is served yet, and a refresh does not end.',
    ],
    [
      { refused: REFUSED },
      'trouble',
      '2 images were looked up without a signature in the last hour.',
    ],
    [
      { refused: { ...REFUSED, lately: 1 }, status: TROUBLE },
      'trouble',
      'The newest state is not served, and 1 image was looked up without a signature in the last hour.',
    ],
    [{ served: NONE }, 'notice', 'The source has no signatures.'],
    [{ rejected: REJECTED }, 'notice', '1 file is rejected.'],
    [
      { rejected: REJECTED, keys: [keyUntil(NOW.getTime() + 30 * DAY), revoked] },
      'notice',
      '1 file is rejected, 1 key is no longer good, and 1 key expires within 30 days.',
    ],
    [
      { refused: { ...WELL.refused, resolvedLately: 1 } },
      'notice',
      '1 image was looked up in the last hour before its signature came.',
    ],
    [
      { refused: { ...WELL.refused, unknownLately: 150 } },
      'notice',
      '150 images of repositories that this store has never had were looked up in the last hour.',
    ],
    [
      { keys: [{ ...revoked, signed: { signatures: 7, images: 5, soleImages: 3 } }] },
      'trouble',
      '3 images are signed only by keys that are no longer good.',
    ],
    [{ keys: undefined }, 'notice', 'The server does not check who signed.'],
    [
      { served: undefined, rejected: REJECTED, status: TROUBLE },
      'trouble',
      'Nothing is served: the state is refused because of its rejected files.',
    ],
  ];
  for (const [facts, level, headline] of states) {
    it(`say: ${headline}`, () => {
      const said = describeState({ ...WELL, ...facts });
      assert.deepEqual([said.level, said.headline], [level, headline]);
      if (level !== 'well') assert.equal(said.more, undefined);
    });
  }

  it('claim no more than what is known', () => {
    const { headline, more = '' } = describeState(WELL);
    assert.doesNotMatch(headline, /well/);
    const { headline: fresh } = describeState({ ...WELL, countedSince: NOW.getTime() - 60_000 });
    assert.match(fresh, /no lookup since the start missed one/);
    assert.match(more, /can still refuse an image that was signed under another name/);
  });

  it('say that nothing could be accepted', () => {
    const said = describeState({ ...WELL, served: NONE, rejected: REJECTED });
    assert.deepEqual([said.level, said.headline], ['trouble', 'No signature could be accepted.']);
  });

  it('leave out keys that have signed nothing, though they are no longer good', () => {
    const said = describeState({ ...WELL, keys: [{ ...revoked, signed: undefined }] });
    assert.equal(said.level, 'well');
  });

  it('say that the newest state is refused, beside what is served', () => {
    const at = NOW.toISOString();
    const lastRefresh = { at, reason: 'poll', result: 'refused', durationMs: 1 } as const;
    const said = describeState({
      ...WELL,
      status: { ...TROUBLE, lastRefresh },
      rejected: REJECTED,
    });
    assert.equal(said.headline, 'The newest state is refused.');
    assert.equal(said.more, '1 file is rejected.');
  });

  it('say what is less urgent after what is urgent', () => {
    const said = describeState({ ...WELL, refused: REFUSED, rejected: REJECTED });
    assert.equal(said.more, '1 file is rejected.');
  });

  it('mark keys that end within 30 days', () => {
    const end = NOW.getTime() + 30 * DAY;
    assert.equal(urgencyOf(keyUntil(end).state, NOW), 'soon');
    assert.equal(urgencyOf(keyUntil(end + 1000).state, NOW), 'none');
    assert.equal(urgencyOf({ kind: 'unknown' }, NOW), 'none');
  });

  const durations: readonly (readonly [number, string])[] = [
    [0, '1 second'],
    [59_999, '59 seconds'],
    [60_000, '1 minute'],
    [3_599_999, '59 minutes'],
    [3_600_000, '1 hour'],
    [2 * DAY - 1, '47 hours'],
    [2 * DAY, '2 days'],
    [5000 * DAY, '5,000 days'],
  ];
  for (const [milliseconds, words] of durations) {
    it(`of ${milliseconds} milliseconds: ${words}`, () => {
      assert.equal(describeDuration(milliseconds), words);
    });
  }

  it('tell when something was, whatever they are given', () => {
    const tell = (moment: number | string): string =>
      renderTime(moment, NOW)
        .markup.replaceAll(/<[^>]*>/g, '')
        .replaceAll(/\s+/g, ' ');
    assert.equal(tell('2026-11-22T11:57:00Z'), '3 minutes ago (2026-11-22 11:57 UTC)');
    assert.equal(tell(NOW.getTime()), 'just now (2026-11-22 12:00 UTC)');
    assert.equal(tell(NOW.getTime() + 3 * DAY), 'in 3 days (2026-11-25 12:00 UTC)');
    assert.equal(tell('99999999999999'), '99999999999999');
    assert.equal(tell(1e300), '1e+300');
    assert.match(tell(8.64e15), /^in \d[\d,]* days/);
  });

  it('draw each minute of the last hour in proportion, and what is rare so that it is seen', () => {
    const minutes = [0, 1, 500, 1000].map((served, index) => ({
      at: `2026-11-22T11:0${index}:00.000Z`,
      served,
      end: 0,
      unsigned: index === 1 ? 2 : 0,
      unknown: 0,
      loading: 0,
    }));
    const { markup } = renderRates(minutes, 0);
    const heights = [...markup.matchAll(/ height="(\d+)"/g)].map(([, height]) => Number(height));
    assert.deepEqual(heights, [0, 2, 30, 60, 0, 60, 0, 0]);
    assert.match(markup, /1,503 lookups in the last hour, at most 1,000 in a minute/);
    assert.match(markup, /2 lookups without a signature in the last hour, at most 2 in a minute/);
    assert.equal(markup.match(/<tr\b/g)?.length, 5);
    assert.match(renderRates([], 0).markup, /None in the last hour/);
  });

  it('call minutes before the start not known, and count answers before the first state', () => {
    const minutes = [0, 1, 2].map((index) => ({
      at: `2026-11-22T11:0${index}:00.000Z`,
      served: 0,
      end: 0,
      unsigned: 0,
      unknown: 0,
      loading: index,
    }));
    const { markup } = renderRates(minutes, Date.parse('2026-11-22T11:01:30Z'));
    assert.equal(markup.match(/class="unknown"/g)?.length, 2);
    assert.equal(markup.match(/not known/g)?.length, 1);
    assert.match(markup, /3 lookups since the start, at most 2 in a minute/);
    assert.match(markup, /None since the start/);
  });
});
