import { LOAD, PUSH_EVERY } from '../client/compare-latencies.ts';
import type { Part } from '../part.ts';
import { atMost, below } from '../report/goals.ts';
import type { Goal, Row } from '../report/result.ts';
import { toRow } from '../report/rows.ts';
import { median } from '../report/statistics.ts';
import { formatCount, sizesOf } from '../sizes.ts';
import { PUSHES, WARM_UP, measureRefresh } from './measure-refresh.ts';
import { withCleanup } from '../with-cleanup.ts';

/** Of the store that is looked up while it is refreshed. */
const LOADED_SIZE = 100_000;
const FETCH_TIMES = 2;
const FETCH_MORE = 50;
const MOST_GROWTH = 1.5;
const MOST_P99_TIMES = 2;

/** From a push to its signature being served, beside the fetch alone. */
export const refresh: Part = {
  name: 'refresh',
  title: 'From the webhook to the new signature, beside a bare git fetch',
  tools: ['git'],
  measure: async (bench) => {
    const rows: Row[] = [];
    const goals: Goal[] = [];
    const medians: { size: number; ours: number; fetch: number }[] = [];
    for (const size of sizesOf([1_000, 10_000, 100_000], bench.isFull)) {
      const { ours, fetches, p99 } = await withCleanup(async (scope) =>
        measureRefresh(bench, scope, size, size === LOADED_SIZE),
      );
      const of = `at ${formatCount(size)}`;
      rows.push(toRow('lookaside', `webhook to first 200, ${of}`, 'ms', ours));
      rows.push(toRow('git fetch', `fetch of the same commit, ${of}`, 'ms', fetches));
      medians.push({ size, ours: median(ours), fetch: median(fetches) });
      const limit = FETCH_TIMES * median(fetches) + FETCH_MORE;
      goals.push(atMost(`webhook to first 200, ${of}`, median(ours), limit, 'ms'));
      if (!p99) continue;
      rows.push(toRow('lookaside', `p99 of lookups, ${of}, idle`, 'ms', p99.idle));
      rows.push(toRow('lookaside', `p99 of lookups, ${of}, refreshing`, 'ms', p99.busy));
      const times = median(p99.busy) / median(p99.idle);
      goals.push(
        below('p99 of lookups while refreshing, in times of idle', times, MOST_P99_TIMES, '×'),
      );
    }
    const growth = (medians.at(-1)?.ours ?? NaN) / (medians[0]?.ours ?? NaN);
    goals.push(below('growth from the smallest to the largest store', growth, MOST_GROWTH, '×'));
    return { rows, goals, notes: NOTES, charts: [toChart(medians)] };
  },
};

const NOTES = [
  `One signature a push, ${PUSHES} pushes to each store after ${WARM_UP} for warming up. The clock runs from the webhook's 202 to the first 200; the signature is looked up every millisecond on a keep-alive connection.`,
  'Beside it `git fetch` of the same commit with the same options into a bare clone of the same size, one after the other, and each first in turn.',
  `The goal is ${FETCH_TIMES} times the fetch and ${FETCH_MORE} ms more.`,
  `For the p99 a process of its own sends ${LOAD}, without pushes and with one every ${PUSH_EVERY} ms in turn; the first round of each warms up. Deliveries are signed ahead and come on a connection that is kept, as through a proxy.`,
];

function toChart(medians: readonly { size: number; ours: number; fetch: number }[]) {
  return {
    name: 'refresh',
    title: 'From the push to the served signature',
    xLabel: 'signatures in the store',
    yLabel: 'milliseconds, median',
    series: [
      { name: 'lookaside', points: medians.map(({ size, ours }) => ({ x: size, y: ours })) },
      {
        name: 'git fetch alone',
        points: medians.map(({ size, fetch }) => ({ x: size, y: fetch })),
      },
    ],
  };
}
