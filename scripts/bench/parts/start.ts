import type { Part } from '../part.ts';
import { serveLookaside } from '../process/serve-lookaside.ts';
import { repeatWithin } from '../repeat-within.ts';
import { atMost } from '../report/goals.ts';
import { toRow } from '../report/rows.ts';
import { median } from '../report/statistics.ts';
import { formatCount } from '../sizes.ts';
import { withCleanup } from '../with-cleanup.ts';

const SIGNATURES = 100_000;
const MOST_SHARE = 0.1;
/** Begun within. Seconds. */
const BUDGET = 40;
const TIMES = 3;

/** How long the server takes until it serves, for the first time and again. */
export const start: Part = {
  name: 'start',
  title: 'Start, cold and warm',
  tools: ['git'],
  measure: async ({ data, say }) => {
    const options = {
      source: await data.repository(SIGNATURES),
      keyFile: data.keyFile,
      expected: SIGNATURES,
    };
    const pairs = await repeatWithin({ times: TIMES, seconds: BUDGET }, async () =>
      withCleanup(async (scope) => {
        const home = await scope.directory();
        const seconds: number[] = [];
        for (const kind of ['cold', 'warm']) {
          const server = scope.keep(await serveLookaside({ ...options, home }));
          seconds.push(server.startSeconds);
          say(`${kind}: ${server.startSeconds.toFixed(1)} s`);
          await server.stop();
        }
        return seconds;
      }),
    );
    const [cold, warm] = [0, 1].map((index) => pairs.map((pair) => pair[index] ?? NaN));
    if (!cold || !warm) throw new Error('there is nothing measured');
    return {
      rows: [
        toRow('lookaside', 'cold start', 's', cold),
        toRow('lookaside', 'warm start', 's', warm),
      ],
      goals: [
        atMost(
          'warm start, in times of the cold one',
          median(warm) / median(cold),
          MOST_SHARE,
          '×',
        ),
      ],
      notes: [
        `\`serve\` on a git repository of ${formatCount(SIGNATURES)} signatures, from the start of the process to the line that says that it serves; warm: once more with the same --state-dir. The files are in the page cache both times.`,
      ],
      charts: [],
    };
  },
};
