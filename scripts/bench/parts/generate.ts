import { readFile, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { parseLocation } from '../../../generator/terms/location.ts';
import { makeRemote } from '../data/pushes.ts';
import type { Bench, Part } from '../part.ts';
import { runLookaside } from '../process/run-lookaside.ts';
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

/** How long `generate` takes, for the first time and after one more signature. */
export const generate: Part = {
  name: 'generate',
  title: 'Writing the static tree, for the first time and again',
  tools: ['git'],
  measure: async (bench) => {
    const pairs = await repeatWithin({ times: TIMES, seconds: BUDGET }, async () => measure(bench));
    const first = pairs.map((pair) => pair.first);
    const second = pairs.map((pair) => pair.second);
    const share = median(second) / median(first);
    return {
      rows: [
        toRow('lookaside', 'first run', 's', first),
        toRow('lookaside', 'second run', 's', second),
      ],
      goals: [atMost('second run, in times of the first', share, MOST_SHARE, '×')],
      notes: [
        `\`generate\` of a git repository of ${formatCount(SIGNATURES)} signatures; the second run after one more signature was committed.`,
      ],
      charts: [],
    };
  },
};

async function measure({ data, say }: Bench): Promise<{ first: number; second: number }> {
  return withCleanup(async (scope) => {
    const remote = await makeRemote(data, SIGNATURES, await scope.directory(), 1);
    const [push] = remote.pushes;
    if (!push) throw new Error('there is no push');
    const home = await scope.directory();
    const out = join(home, 'out');
    const args = [remote.url, `--keys=${data.keyFile}`, `--out=${out}`];
    const state = (await takesStateDirectory(home)) ? [`--state-dir=${join(home, 'kept')}`] : [];
    const run = async (expected: number) => {
      const { seconds } = await runLookaside(['generate', ...args, ...state], home);
      const written = await countSignatures(join(out, 'current'));
      if (written === expected) return seconds;
      throw new Error(`generate: expected ${expected} signatures, got ${written}`);
    };
    const first = await run(SIGNATURES);
    await remote.publish(push);
    const second = await run(SIGNATURES + 1);
    const written = await readFile(join(out, 'current', push.location));
    if (!written.equals(push.signature))
      throw new Error('generate: the new signature is not there');
    say(`first ${first.toFixed(1)} s, second ${second.toFixed(1)} s`);
    return { first, second };
  });
}

async function countSignatures(tree: string): Promise<number> {
  const names = await readdir(await realpath(tree), { recursive: true });
  return names.filter((name) => parseLocation(name) !== undefined).length;
}

async function takesStateDirectory(home: string): Promise<boolean> {
  return (await runLookaside(['generate', '--help'], home)).stdout.includes('--state-dir');
}
