import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GoodWorld } from '../../../test/kit/good-world.ts';
import { MemoryGuard } from '../../../test/kit/process/memory-guard.ts';
import { Served } from '../../../test/kit/program/served.ts';
import { serveWell, SmartHttp } from '../../../test/kit/remote/smart-http.ts';
import { SteadyLookups } from '../../../test/kit/program/steady-lookups.ts';
import { lookasideEnvironment } from '../process/lookaside-environment.ts';
import type { Part } from '../part.ts';
import { atMost } from '../report/goals.ts';
import type { Findings, Row } from '../report/result.ts';
import { toRow } from '../report/rows.ts';
import { quantile } from '../report/statistics.ts';
import { type CleanupScope, withCleanup } from '../with-cleanup.ts';
import { HOSTILE_INPUTS, type HostileInput } from './hostile-inputs.ts';

const SIGNATURES = 100;
const CLIENTS = 20;
/** Of one client between two lookups. Milliseconds. */
const EVERY = 100;
/** Each input is measured for so long, whether it has ended or not. Milliseconds. */
const LASTS = 15_000;
/** Clients are there before the input. Milliseconds. */
const WARM_UP = 1_000;
const READY = 20_000;
const MEGABYTE = 1e6;
/** A server that takes more is ended, lest the machine goes down. Bytes. */
const MOST_MEMORY = 4_000 * MEGABYTE;
const SLOWEST_ALLOWED = 1_000;
const MEMORY_ALLOWED = 400;

interface Measured {
  readonly name: string;
  /** MB. */
  readonly peak: number;
  /** Milliseconds. */
  readonly p99: number;
  readonly slowest: number;
  readonly wrong: number;
  readonly hasEnded: boolean;
}

/** What hostile inputs cost those who look up, and in memory. */
export const hostile: Part = {
  name: 'hostile',
  title: 'Hostile inputs, beside idle',
  tools: ['git', 'gpg', 'gpgv', 'bzip2'],
  measure: async ({ say }) => {
    const measured: Measured[] = [];
    for (const input of HOSTILE_INPUTS) {
      const result = await withCleanup(async (scope) => measureInput(scope, input));
      say(
        `${result.name}: ${result.peak.toFixed(0)} MB, slowest ${result.slowest.toFixed(1)} ms, ` +
          `${result.wrong} wrong${result.hasEnded ? ', and the server ended' : ''}`,
      );
      measured.push(result);
    }
    return toFindings(measured);
  },
};

/** A world and a server of its own, so that nothing of one input is left for the next. */
async function measureInput(scope: CleanupScope, input: HostileInput): Promise<Measured> {
  const world = await GoodWorld.make({ steady: SIGNATURES });
  scope.keep({ stop: async () => world.destroy() });
  const host = scope.keep(await SmartHttp.start(world.bare));
  host.behave(serveWell);
  const home = await scope.directory();
  const served = await Served.prepare({
    source: host.url,
    args: [
      `--keys=${world.keyFile}`,
      `--webhook-secret-file=${world.secretFile}`,
      `--state-dir=${join(home, 'state-dir')}`,
      '--poll=0s',
      '--access-log=none',
    ],
    env: lookasideEnvironment(home),
  });
  await served.start();
  scope.keep({ stop: async () => void (await served.process.stop('SIGKILL')) });
  await served.waitUntilReady(READY);
  await input.prepare?.({ world, host, served });

  const { baseUrl } = served;
  const lookups = await SteadyLookups.start({
    baseUrl,
    files: world.steady,
    clients: CLIENTS,
    every: EVERY,
  });
  scope.keep({ stop: async () => lookups.stop() });
  await sleep(WARM_UP);
  await lookups.take();
  const { pid } = served.process;
  const guard = new MemoryGuard(() => (served.isRunning ? pid : undefined), MOST_MEMORY);
  const clients = input.begin({ world, host, served });
  const lasts = input.lasts ?? LASTS;
  await sleep(lasts);
  const seen = await lookups.take();
  const { peak } = guard.take();
  guard.stop();
  await clients?.stop();
  // Where nobody was answered, the whole time is the figure.
  const slowest = seen.right === 0 ? lasts : Math.max(seen.slowest, seen.waiting);
  return {
    name: input.name,
    peak: peak / MEGABYTE,
    p99: seen.right === 0 ? lasts : quantile(seen.latencies, 0.99),
    slowest,
    wrong: seen.wrong.length,
    hasEnded: !served.isRunning,
  };
}

function toFindings(measured: readonly Measured[]): Findings {
  const rows = measured.flatMap(({ name, peak, p99, slowest }): readonly Row[] => [
    toRow(name, 'peak resident memory', 'MB', [peak]),
    toRow(name, 'p99 of lookups', 'ms', [p99]),
    toRow(name, 'slowest lookup', 'ms', [slowest]),
  ]);
  const most = (of: (each: Measured) => number): number => Math.max(...measured.map(of));
  const wrong = measured.reduce((sum, each) => sum + each.wrong, 0);
  const ended = measured.filter(({ hasEnded }) => hasEnded).map(({ name }) => name);
  return {
    rows,
    goals: [
      atMost('wrong or missing answers, all inputs together', wrong, 0, ''),
      atMost('inputs that ended the server', ended.length, 0, ''),
      atMost(
        'the slowest lookup under any input',
        most((each) => each.slowest),
        SLOWEST_ALLOWED,
        'ms',
      ),
      atMost(
        'peak memory under any input',
        most((each) => each.peak),
        MEMORY_ALLOWED,
        'MB',
      ),
    ],
    notes: [
      `Each input meets a server of its own with ${SIGNATURES} signatures, and lasts ${LASTS / 1000} s or, for a huge commit, 30 s. ${CLIENTS} clients, half of them with a new connection for each lookup, ask ${(CLIENTS * 1000) / EVERY} times a second meanwhile; p99 counts from when a lookup was due. Memory is that of the process and its children.`,
      ...(ended.length > 0 ? [`The server ended under: ${ended.join(', ')}.`] : []),
    ],
    charts: [],
  };
}
