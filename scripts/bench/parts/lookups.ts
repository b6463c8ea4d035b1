import { checkSample } from '../client/check-sample.ts';
import { compareServers } from '../client/compare-servers.ts';
import { listLookups } from '../client/lookups.ts';
import { type WrkRun, writeWrkScript } from '../client/wrk.ts';
import type { Bench, Part } from '../part.ts';
import { startApache } from '../peers/apache.ts';
import { startCaddy } from '../peers/caddy.ts';
import { startNginx } from '../peers/nginx.ts';
import { OURS, type Server, serveLookaside } from '../process/serve-lookaside.ts';
import { atLeast, atMost } from '../report/goals.ts';
import { toRow } from '../report/rows.ts';
import type { Findings, Goal } from '../report/result.ts';
import { median } from '../report/statistics.ts';
import { formatCount } from '../sizes.ts';
import { findTool } from '../tools.ts';
import { type CleanupScope, withCleanup } from '../with-cleanup.ts';

const SIGNATURES = 20_000;
const ROUNDS = 5;
const SECONDS = 2;
/** How many times as many lookups a CPU-second we want to answer. */
const TIMES = { nginx: 1, Apache: 2.8, Caddy: 3.3 } as const;
/** How many times nginx's 99th percentile ours may be. */
const P99_TIMES = 1.5;

/** Lookups beside web servers that serve the same files. */
export const lookups: Part = {
  name: 'lookups',
  title: 'Lookups, beside web servers',
  tools: ['git', 'nginx', 'apache2', 'wrk'],
  measure: async (bench) => withCleanup(async (scope) => measure(bench, scope)),
};

async function measure(bench: Bench, scope: CleanupScope): Promise<Findings> {
  const { data, say } = bench;
  const all = await listLookups(data, SIGNATURES);
  const script = await writeWrkScript(await scope.directory(), all);
  const servers = await startServers(bench, scope);
  for (const server of servers) await checkSample(server, all);
  const runsOf = await compareServers(servers, script, { rounds: ROUNDS, seconds: SECONDS, say });

  const middle = (name: string, pick: (run: WrkRun) => number): number | undefined => {
    const server = servers.find((one) => one.name === name);
    return server && median(runsOf(server).map(pick));
  };
  const goals: Goal[] = [];
  for (const [name, times] of Object.entries(TIMES)) {
    const ours = middle(OURS, (run) => run.perCpuSecond) ?? NaN;
    const theirs = middle(name, (run) => run.perCpuSecond);
    if (theirs === undefined) continue;
    goals.push(atLeast(`lookups a CPU-second, in times of ${name}`, ours / theirs, times, '×'));
  }
  const p99 = (middle(OURS, (run) => run.p99) ?? NaN) / (middle('nginx', (run) => run.p99) ?? NaN);
  goals.push(atMost('p99, in times of nginx', p99, P99_TIMES, '×'));
  const row = (figure: string, unit: string, pick: (run: WrkRun) => number) =>
    servers.map((server) => toRow(server.name, figure, unit, runsOf(server).map(pick)));
  return {
    rows: [
      ...row('lookups a CPU-second', '1/s', (run) => run.perCpuSecond),
      ...row('lookups a second', '1/s', (run) => run.perSecond),
      ...row('p99', 'ms', (run) => run.p99),
    ],
    goals,
    notes: notes(),
    charts: [],
  };
}

async function startServers({ data }: Bench, scope: CleanupScope): Promise<readonly Server[]> {
  const tree = await data.tree(SIGNATURES);
  const home = scope.directory;
  return [
    scope.keep(
      await serveLookaside({
        source: await data.repository(SIGNATURES),
        keyFile: data.keyFile,
        home: await home(),
        expected: SIGNATURES,
      }),
    ),
    scope.keep(await startNginx({ name: 'nginx', tree, home: await home() })),
    scope.keep(
      await startNginx({ name: 'nginx, log buffered', tree, home: await home(), logBuffer: '32k' }),
    ),
    scope.keep(await startApache(tree, await home())),
    ...(hasCaddy() ? [scope.keep(await startCaddy(tree, await home()))] : []),
  ];
}

function hasCaddy(): boolean {
  return findTool('caddy') !== undefined;
}

function notes(): string[] {
  return [
    `${formatCount(SIGNATURES)} signatures, half of the lookups 200 and half 404, 32 keep-alive connections, access log in combined form to a file on all sides${hasCaddy() ? ' (Caddy: JSON)' : ''}.`,
    'nginx has one worker, sendfile and tcp_nopush; without open_file_cache, which runs out of descriptors here. Lookaside writes its log in chunks, so nginx is shown with a log buffer too; the goal is against nginx as it is commonly set.',
    ...(hasCaddy() ? [] : ['Caddy is not installed here, and left out (Debian: caddy).']),
  ];
}
