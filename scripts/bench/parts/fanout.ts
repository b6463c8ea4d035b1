import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Replicas } from '../../../test/kit/program/replicas.ts';
import { formatPush } from '../../../test/kit/program/send-push.ts';
import { SteadyLookups } from '../../../test/kit/program/steady-lookups.ts';
import { startHaproxy } from '../../../test/kit/web/haproxy.ts';
import { type Connection, openConnection } from '../client/connection.ts';
import { formatPost } from '../client/request.ts';
import { type Push, type Remote, makeRemote } from '../data/pushes.ts';
import type { Bench, Part } from '../part.ts';
import { MAIN_FILE } from '../process/main-file.ts';
import { OURS } from '../process/serve-lookaside.ts';
import { atLeast, atMost } from '../report/goals.ts';
import { toRow } from '../report/rows.ts';
import { median, quantile } from '../report/statistics.ts';
import { formatCount } from '../sizes.ts';
import { type CleanupScope, withCleanup } from '../with-cleanup.ts';

const SERVERS = 4;
const SIZE = 10_000;
const WARM_UP = 4;
const PUSHES = 200;
const POLLED = 20;
const TELL_EVERY = 50;
/** Seconds. */
const POLL = 2;
const [MOST_P99, CLIENTS, ROUNDS, LOOKUP_EVERY] = [1_000, 50, 2, 200];
/** Of the balancer, between two looks, in milliseconds, and of the servers. */
const [CHECK_EVERY, DRAIN] = [300, '4s'];
/** What servers do after a push is served must not be measured with the next one. Milliseconds. */
const SETTLE = 100;
/** Between two looks whether a push is served: without a pause they would take a core. Milliseconds. */
const LOOK_EVERY = 2;
const PATIENCE = 60_000;

/** From a push to four servers that serve it, and four servers that are restarted under load. */
export const fanout: Part = {
  name: 'fanout',
  title: 'Four servers: a push that reaches all, and a rolling restart',
  tools: ['git', 'haproxy', 'unshare'],
  measure: async (bench) => {
    const { told, seen } = await withCleanup(async (scope) => measureTold(bench, scope));
    const polled = await withCleanup(async (scope) => measurePolled(bench, scope));
    const times = told.map(({ took }) => took);
    const p99 = quantile(times, 0.99);
    bench.say(`told ${median(times).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`);
    const failed = seen.wrong.length;
    return {
      rows: [
        toRow(
          OURS,
          'webhook at one to first 200 of that one',
          'ms',
          told.map(({ own }) => own),
        ),
        toRow(OURS, 'webhook at one to first 200 of all four', 'ms', times),
        toRow(OURS, 'the same, 99th percentile', 'ms', [p99]),
        toRow(`polling alone, every ${POLL} s`, 'push to first 200 of all four', 'ms', polled),
        toRow(OURS, 'lookups during two rolling restarts', '', [seen.right + failed]),
        toRow(OURS, 'of these, failed or wrong', '', [failed]),
        toRow(OURS, 'of these, the slowest', 'ms', [seen.slowest]),
      ],
      goals: [
        atMost('all four serve a push, 99th percentile', p99, MOST_P99, 'ms'),
        atMost('failed lookups during two rolling restarts', failed, 0, ''),
        atLeast('lookups during two rolling restarts', seen.right, 1_000, ''),
      ],
      notes: NOTES,
      charts: [],
    };
  },
};

const NOTES = [
  `${SERVERS} servers with ${formatCount(SIZE)} signatures each, on one machine, which find each other by a name with four addresses (\`--peers\`). ${PUSHES} pushes of one signature after ${WARM_UP} for warming up, told to each server in turn. The clock runs from the 202; every server is asked each ${LOOK_EVERY} ms. All four fetch and judge at the same time, and share the cores with whoever asks them.`,
  `Beside it the same servers without webhook and peers, with \`--poll ${POLL}s\`; the clock runs from the push. With the default of 60 s it takes thirty times as long: about 50 s in the median for the last of four.`,
  `Rolling restart: HAProxy asks \`/readyz\` every ${CHECK_EVERY} ms and tries no request again. ${CLIENTS} clients, half of them with a new connection for each lookup, ask ${(CLIENTS * 1000) / LOOKUP_EVERY} times a second. Meanwhile all four are stopped with SIGTERM (\`--drain ${DRAIN}\`) and started again, one after the other, twice.`,
];

interface Told {
  /** Until the server that was told serves it; milliseconds, as below. */
  readonly own: number;
  /** Until all do. */
  readonly took: number;
}

async function measureTold(bench: Bench, scope: CleanupScope) {
  const remote = await makeRemote(bench.data, SIZE, await scope.directory(), WARM_UP + PUSHES);
  const secret = randomBytes(16).toString('hex');
  const secretFile = join(await scope.directory(), 'secret');
  await writeFile(secretFile, secret, { mode: 0o600 });
  const args = [`--webhook-secret-file=${secretFile}`, '--poll=0s', `--drain=${DRAIN}`];
  const replicas = scope.keep(await startReplicas(bench, remote, args, true));
  const [askers, hooks] = [await connectAll(replicas, scope), await connectAll(replicas, scope)];
  const told: Told[] = [];
  for (const [index, push] of remote.pushes.entries()) {
    const request = formatPost('/webhook', formatPush({ secret, after: push.commit }));
    const chosen = index % SERVERS;
    await remote.publish(push);
    const answer = await hooks[chosen]?.send(request);
    if (answer?.status !== 202) throw new Error(`webhook: expected 202, got ${answer?.status}`);
    const since = performance.now();
    const each = await Promise.all(askers.map(async (one) => untilServed(one, push, since)));
    await sleep(SETTLE);
    if (index >= WARM_UP) told.push({ own: each[chosen] ?? NaN, took: Math.max(...each) });
    if (told.length > 0 && told.length % TELL_EVERY === 0) bench.say(`${told.length} pushes`);
  }
  return { told, seen: await restartUnderLoad(replicas, remote, scope) };
}

async function measurePolled(bench: Bench, scope: CleanupScope): Promise<readonly number[]> {
  const remote = await makeRemote(bench.data, SIZE, await scope.directory(), POLLED);
  const replicas = scope.keep(await startReplicas(bench, remote, [`--poll=${POLL}s`], false));
  const askers = await connectAll(replicas, scope);
  const times: number[] = [];
  for (const push of remote.pushes) {
    // Pushes come at any time between two polls.
    await sleep(Math.random() * POLL * 1000);
    await remote.publish(push);
    const since = performance.now();
    const each = await Promise.all(askers.map(async (one) => untilServed(one, push, since)));
    times.push(Math.max(...each));
  }
  return times;
}

async function startReplicas(
  { data }: Bench,
  remote: Remote,
  own: readonly string[],
  arePeers: boolean,
): Promise<Replicas> {
  const args = [`--keys=${data.keyFile}`, '--access-log=none', ...own];
  return Replicas.start({ main: MAIN_FILE, source: remote.url, count: SERVERS, args, arePeers });
}

async function connectAll({ all }: Replicas, scope: CleanupScope): Promise<readonly Connection[]> {
  const connections = await Promise.all(all.map(async ({ baseUrl }) => openConnection(baseUrl)));
  scope.keep({ stop: async () => connections.forEach((connection) => connection.close()) });
  return connections;
}

/** Gives the milliseconds from `since` to the first 200. Throws if that is another signature, or too late. */
async function untilServed(connection: Connection, push: Push, since: number): Promise<number> {
  for (;;) {
    const { status, body } = await connection.ask(`/${push.location}`);
    const took = performance.now() - since;
    if (status === 200 && body.equals(push.signature)) return took;
    if (status !== 404 || took > PATIENCE) {
      throw new Error(`${push.location}: got ${status} after ${Math.round(took)} ms`);
    }
    await sleep(LOOK_EVERY);
  }
}

async function restartUnderLoad(replicas: Replicas, { pushes }: Remote, scope: CleanupScope) {
  const balancer = scope.keep(
    await startHaproxy([
      'option httpchk GET /readyz',
      `default-server check inter ${CHECK_EVERY}ms fall 1 rise 1`,
      ...replicas.all.map(({ baseUrl }, index) => `server s${index} ${new URL(baseUrl).host}`),
    ]),
  );
  const files = pushes.map(({ location, signature }) => ({ location, bytes: signature }));
  const [baseUrl = ''] = balancer.urls;
  const options = { baseUrl, files, clients: CLIENTS, every: LOOKUP_EVERY };
  const lookups = await SteadyLookups.start(options);
  try {
    for (let round = 0; round < ROUNDS; round++) await replicas.restartInTurn(balancer);
    return await lookups.take();
  } finally {
    lookups.stop();
  }
}
