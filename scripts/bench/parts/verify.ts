import { createPublicKey, verify as verifyBare } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { imageAt } from '../data/images.ts';
import { readAll } from '../data/read-all.ts';
import { signImage } from '../data/sign-image.ts';
import { HASH } from '../data/sign-message.ts';
import type { BenchKey } from '../data/signing-key.ts';
import type { Bench, Part } from '../part.ts';
import { runGpgv } from '../peers/gpgv.ts';
import { runSkopeo } from '../peers/skopeo.ts';
import { runLookaside } from '../process/run-lookaside.ts';
import { repeatWithin } from '../repeat-within.ts';
import { atLeast, below } from '../report/goals.ts';
import { toRow } from '../report/rows.ts';
import type { Findings } from '../report/result.ts';
import { median } from '../report/statistics.ts';
import { formatCount } from '../sizes.ts';
import { type CleanupScope, withCleanup } from '../with-cleanup.ts';

const SIGNATURES = 20_000;
const GPGV_SAMPLE = 2_000;
const SKOPEO_SAMPLE = 60;
const BARE_SAMPLE = 1_000;
const ROUNDS = 3;
/** Rounds are begun within. Seconds. */
const BUDGET = 40;
/** How many times as many signatures a second we want to check. */
const TIMES = { gpgv: 10, skopeo: 200 } as const;
const MOST_MEMORY = 300;
const MEGABYTE = 1e6;
/** How long the bare operation is repeated. Milliseconds. */
const BARE_TIME = 1_000;

const report = z.object({
  summary: z.object({
    accepted: z.int(),
    unverified: z.int(),
    rejected: z.int(),
    ignored: z.int(),
  }),
});

/** A cold `check`, beside the programs that people check with otherwise. */
export const verify: Part = {
  name: 'verify',
  title: 'Checking signatures, beside gpgv and skopeo',
  tools: ['gpgv', 'gpg', 'skopeo', 'xargs'],
  measure: async (bench) => withCleanup(async (scope) => measure(bench, scope)),
};

async function measure({ data, say }: Bench, scope: CleanupScope): Promise<Findings> {
  const tree = await data.tree(SIGNATURES);
  const bare = await prepareBare(data.key);
  const rates = {
    lookaside: new Array<number>(),
    gpgv: new Array<number>(),
    skopeo: new Array<number>(),
    'skopeo, one a core': new Array<number>(),
  };
  const bareRates: number[] = [];
  const peaks: number[] = [];
  await repeatWithin({ times: ROUNDS, seconds: BUDGET }, async () => {
    await readAll(tree);
    const { seconds, peak } = await checkAll(tree, data.keyFile, await scope.directory());
    rates.lookaside.push(SIGNATURES / seconds);
    peaks.push(peak / MEGABYTE);
    const home = await scope.directory();
    await readAll(tree);
    rates.gpgv.push(GPGV_SAMPLE / (await runGpgv(tree, data.keyFile, GPGV_SAMPLE)));
    const { oneByOne, together } = await runSkopeo(tree, data, SKOPEO_SAMPLE, home);
    rates.skopeo.push(SKOPEO_SAMPLE / oneByOne);
    rates['skopeo, one a core'].push(SKOPEO_SAMPLE / together);
    bareRates.push(bare());
    const [ours, gpgv, skopeo] = [rates.lookaside, rates.gpgv, rates.skopeo].map((values) =>
      Math.round(values.at(-1) ?? 0),
    );
    say(`lookaside ${ours}, gpgv ${gpgv}, skopeo ${skopeo} signatures a second`);
  });
  const ours = median(rates.lookaside);
  const share = (ours / median(bareRates) / availableParallelism()) * 100;
  return {
    rows: [
      ...Object.entries(rates).map(([name, values]) =>
        toRow(name, 'signatures a second', '1/s', values),
      ),
      toRow('node:crypto, one thread', 'RSA-2048 verifications alone', '1/s', bareRates),
      toRow('lookaside', 'peak memory', 'MB', peaks),
    ],
    goals: [
      atLeast('signatures a second, in times of gpgv', ours / median(rates.gpgv), TIMES.gpgv, '×'),
      atLeast(
        'signatures a second, in times of skopeo',
        ours / median(rates.skopeo),
        TIMES.skopeo,
        '×',
      ),
      below('peak memory', Math.max(...peaks), MOST_MEMORY, 'MB'),
    ],
    notes: [
      `lookaside: a whole run of \`check\` over ${formatCount(SIGNATURES)} RSA-2048 signatures in a directory, start of the process and JSON report included. gpgv over ${formatCount(GPGV_SAMPLE)} of the same files, ${availableParallelism()} at a time by xargs, and \`skopeo standalone-verify\` over ${SKOPEO_SAMPLE}, one after the other and ${availableParallelism()} at a time; a process for each file. The goal is against one after the other.`,
      `That is ${share.toFixed(0)} % of what the RSA operation alone would allow on all ${availableParallelism()} cores.`,
    ],
    charts: [],
  };
}

async function checkAll(tree: string, keyFile: string, home: string) {
  const run = await runLookaside(['check', tree, `--keys=${keyFile}`, '--format=json'], home);
  const { summary } = report.parse(JSON.parse(run.stdout));
  if (summary.accepted !== SIGNATURES || summary.rejected > 0) {
    throw new Error(`check: expected all to be accepted, got ${JSON.stringify(summary)}`);
  }
  return run;
}

/** The RSA operation with nothing around it: gives a function that tells how many a second it does. */
async function prepareBare(key: BenchKey): Promise<() => number> {
  const [secret] = key.secrets;
  if (!secret) throw new Error('the key has no secret');
  const publicKey = createPublicKey(secret);
  const signed = await Promise.all(
    Array.from({ length: BARE_SAMPLE }, async (_, index) => signImage(key, imageAt(index))),
  );
  return () => {
    const started = performance.now();
    let done = 0;
    while (performance.now() - started < BARE_TIME) {
      for (const { signedBytes, rsa } of signed) {
        if (!verifyBare(HASH, signedBytes, publicKey, rsa)) throw new Error('a bad signature');
      }
      done += signed.length;
    }
    return (done / (performance.now() - started)) * 1000;
  };
}
