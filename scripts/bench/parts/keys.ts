import { z } from 'zod';
import type { Bench, Part } from '../part.ts';
import { runLookaside } from '../process/run-lookaside.ts';
import { repeatWithin } from '../repeat-within.ts';
import { atMost } from '../report/goals.ts';
import { toRow } from '../report/rows.ts';
import { median } from '../report/statistics.ts';
import { formatCount } from '../sizes.ts';
import { withCleanup } from '../with-cleanup.ts';

const SIGNATURES = 100_000;
const MOST_SHARE = 1.25;
/** Begun within. Seconds. */
const BUDGET = 90;
const TIMES = 3;
const MEGABYTE = 1e6;

const report = z.object({
  forecast: z.object({ lostImages: z.int(), images: z.array(z.object({ digest: z.string() })) }),
});

/** How long it takes to foresee what is lost, where that is everything. */
export const keys: Part = {
  name: 'keys',
  title: 'What would be refused without a key, beside check',
  tools: ['git'],
  measure: async (bench) => {
    const pairs = await repeatWithin({ times: TIMES, seconds: BUDGET }, async () => measure(bench));
    const checks = pairs.map((pair) => pair.check);
    const forecasts = pairs.map((pair) => pair.keys);
    const share = median(forecasts) / median(checks);
    return {
      rows: [
        toRow('lookaside', '`check`', 's', checks),
        toRow('lookaside', '`keys --without KEY`', 's', forecasts),
        toRow(
          'lookaside',
          'peak memory of `keys`',
          'MB',
          pairs.map(({ peak }) => peak / MEGABYTE),
        ),
      ],
      goals: [atMost('`keys`, in times of `check`', share, MOST_SHARE, '×')],
      notes: [
        `Both over a git repository of ${formatCount(SIGNATURES)} RSA-2048 signatures by one key, without which all images are lost and named; start of the process and JSON report included.`,
      ],
      charts: [],
    };
  },
};

async function measure({
  data,
  say,
}: Bench): Promise<{ check: number; keys: number; peak: number }> {
  return withCleanup(async (scope) => {
    const [source, home] = [await data.repository(SIGNATURES), await scope.directory()];
    const words = [source, `--keys=${data.keyFile}`, '--format=json'];
    const check = await runLookaside(['check', ...words], home);
    const without = `--without=${data.key.public.fingerprint.toString('hex')}`;
    const run = await runLookaside(['keys', ...words, without], home, { exitCode: 1 });
    const { forecast } = report.parse(JSON.parse(run.stdout));
    const told = [forecast.lostImages, forecast.images.length];
    if (told.some((images) => images !== SIGNATURES)) {
      throw new Error(`keys: expected ${SIGNATURES} lost images, got ${told.join(' and ')}`);
    }
    say(`check ${check.seconds.toFixed(1)} s, keys ${run.seconds.toFixed(1)} s`);
    return { check: check.seconds, keys: run.seconds, peak: run.peak };
  });
}
