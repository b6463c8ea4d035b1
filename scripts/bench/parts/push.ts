import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fastImport } from '../data/fast-import.ts';
import { git } from '../data/git.ts';
import { imageAt } from '../data/images.ts';
import { BRANCH } from '../data/open-data.ts';
import { signImage } from '../data/sign-image.ts';
import type { Bench, Part } from '../part.ts';
import { type CountedGitHttp, serveCountedGit } from '../peers/counted-git-http.ts';
import { OURS } from '../process/serve-lookaside.ts';
import { runLookaside } from '../process/run-lookaside.ts';
import { atMost } from '../report/goals.ts';
import type { Goal, Row } from '../report/result.ts';
import { toRow } from '../report/rows.ts';
import { median } from '../report/statistics.ts';
import { formatCount, sizesOf } from '../sizes.ts';
import { type CleanupScope, withCleanup } from '../with-cleanup.ts';

const BY_HAND = 'git clone --depth 1, add, commit, push';
/** Signatures of one push, as of a release of some images for some platforms. */
const PUSHED = 20;
const RUNS = 5;
/** A work tree of a million files takes minutes. */
const RUNS_BY_HAND = 1;
const MOST_SECONDS = 10;
const MIB = 1024 ** 2;
const MOST_MIB = 20;
/** Far from the images of any store. */
const FIRST_PUSHED = 8_000_000;
const STRIDE = 1_117;
const IDENTITY = {
  GIT_AUTHOR_NAME: 'Bench',
  GIT_AUTHOR_EMAIL: 'bench@example.test',
  GIT_COMMITTER_NAME: 'Bench',
  GIT_COMMITTER_EMAIL: 'bench@example.test',
};

interface Cost {
  readonly seconds: number;
  readonly mib: number;
}

/** A push into a large repository, beside the same by hand. */
export const push: Part = {
  name: 'push',
  title: 'Pushing signatures into a large repository',
  tools: ['git'],
  measure: async (bench) => {
    const rows: Row[] = [];
    const goals: Goal[] = [];
    for (const size of sizesOf([1_000, 100_000], bench.isFull)) {
      const { ours, peaks, byHand } = await withCleanup(async (scope) =>
        measurePushes(bench, scope, size),
      );
      const of = `into ${formatCount(size)}`;
      rows.push(...toRows(OURS, of, ours), toRow(OURS, `memory, ${of}`, 'MiB', peaks));
      rows.push(...toRows(BY_HAND, of, byHand));
      const [seconds, mib] = [ours.map((cost) => cost.seconds), ours.map((cost) => cost.mib)];
      goals.push(
        atMost(`a push ${of}`, median(seconds), MOST_SECONDS, 's'),
        atMost(`bytes of a push ${of}`, median(mib), MOST_MIB, 'MiB'),
      );
    }
    return { rows, goals, notes: NOTES, charts: [] };
  },
};

const NOTES = [
  `${PUSHED} signatures a push, for images of as many repositories, over HTTP from git's own http-backend with \`uploadpack.allowFilter\`, on the same machine. Bytes are those of the connections, in both directions, without encryption. The time is that of the client with the server's share in it, which checks what it gets.`,
  'By hand it is a shallow clone, the files copied into it, and a commit pushed.',
];

function toRows(subject: string, of: string, costs: readonly Cost[]): readonly Row[] {
  return [
    toRow(
      subject,
      `time, ${of}`,
      's',
      costs.map((cost) => cost.seconds),
    ),
    toRow(
      subject,
      `bytes, ${of}`,
      'MiB',
      costs.map((cost) => cost.mib),
    ),
  ];
}

async function measurePushes(bench: Bench, scope: CleanupScope, size: number) {
  const { data, say } = bench;
  const host = scope.keep(await serveRepository(bench, scope, size));
  const [ours, byHand]: [Cost[], Cost[]] = [[], []];
  const peaks: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const home = await scope.directory();
    const staging = await stage(data, join(home, 'staging'), size, run);
    const args = ['push', staging, '--to', host.url, '--format', 'json'];
    const { stdout, seconds, peak } = await runLookaside(args, home, {
      environment: IDENTITY,
    });
    const { summary } = JSON.parse(stdout) as { readonly summary: { readonly new: number } };
    if (summary.new !== PUSHED) throw new Error(`expected ${PUSHED} to be pushed: ${stdout}`);
    ours.push({ seconds, mib: host.takeBytes() / MIB });
    peaks.push(peak / MIB);
  }
  for (let run = RUNS; run < RUNS + RUNS_BY_HAND; run++) {
    const home = await scope.directory();
    const staging = await stage(data, join(home, 'staging'), size, run);
    byHand.push(await pushByHand(host, staging, join(home, 'clone')));
  }
  const [first] = byHand;
  say(`${formatCount(size)}: ${formatCost(ours[0])}, by hand ${formatCost(first)}`);
  return { ours, peaks, byHand };
}

function formatCost(cost: Cost | undefined): string {
  return `${cost?.seconds.toFixed(1)} s and ${cost?.mib.toFixed(1)} MiB`;
}

/** A copy of the repository, which says itself who may sign. */
async function serveRepository(
  { data }: Bench,
  scope: CleanupScope,
  size: number,
): Promise<CountedGitHttp> {
  const path = join(await scope.directory(), 'signatures.git');
  await cp(await data.repository(size), path, { recursive: true });
  const files = [
    { path: 'lookaside.yaml', bytes: Buffer.from('keys: keys\n') },
    { path: 'keys/bench.gpg', bytes: await readFile(data.keyFile) },
  ];
  const from = await git(['rev-parse', BRANCH], { cwd: path });
  await fastImport(path, [{ ref: BRANCH, from, message: 'Say who may sign', files }]);
  for (const setting of ['uploadpack.allowFilter', 'http.receivepack']) {
    await git(['config', setting, 'true'], { cwd: path });
  }
  return serveCountedGit(path);
}

/** New images, in repositories that are there. */
async function stage(
  { key }: Bench['data'],
  directory: string,
  size: number,
  run: number,
): Promise<string> {
  for (let index = 0; index < PUSHED; index++) {
    const image = imageAt(FIRST_PUSHED + run * PUSHED + index, (index * STRIDE) % size);
    const file = join(directory, image.location);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, (await signImage(key, image)).message);
  }
  return directory;
}

async function pushByHand(host: CountedGitHttp, staging: string, clone: string): Promise<Cost> {
  const started = performance.now();
  await git(['clone', '--quiet', '--depth=1', host.url, clone]);
  await cp(staging, clone, { recursive: true });
  await git(['add', '--all'], { cwd: clone });
  const identity = ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.test'];
  await git([...identity, 'commit', '--quiet', '--message=Sign'], { cwd: clone });
  await git(['push', '--quiet', 'origin', 'HEAD'], { cwd: clone });
  const seconds = (performance.now() - started) / 1000;
  return { seconds, mib: host.takeBytes() / MIB };
}
