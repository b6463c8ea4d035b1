import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOADED_PUSHES, type Latencies, compareLatencies } from '../client/compare-latencies.ts';
import { type Followed, openPusher } from '../client/open-pusher.ts';
import { type Remote, makeRemote } from '../data/pushes.ts';
import type { Bench } from '../part.ts';
import { makeBareClone } from '../peers/bare-clone.ts';
import { serveLookaside } from '../process/serve-lookaside.ts';
import { median } from '../report/statistics.ts';
import { formatCount } from '../sizes.ts';
import type { CleanupScope } from '../with-cleanup.ts';

/** Milliseconds. */
export interface Refreshed {
  readonly ours: readonly number[];
  readonly fetches: readonly number[];
  /** Where lookups went on meanwhile. */
  readonly p99: Latencies | undefined;
}

export const PUSHES = 15;
export const WARM_UP = 2;
/** What the server does after a push is served must not slow the fetch down. Milliseconds. */
const SETTLE = 300;
/** Between two looks whether a push is served: without a pause they would take a core. Milliseconds. */
const LOOK_EVERY = 1;

/** Pushes to a store of a size, and times how soon each push is served and how long its fetch takes. */
export async function measureRefresh(
  bench: Bench,
  scope: CleanupScope,
  size: number,
  isLoaded: boolean,
): Promise<Refreshed> {
  const { data, say } = bench;
  const count = WARM_UP + PUSHES + (isLoaded ? LOADED_PUSHES : 0);
  const remote = await makeRemote(data, size, await scope.directory(), count);
  const clone = await makeBareClone(remote.url, await scope.directory());
  const server = await follow(bench, scope, remote, size);
  const pusher = scope.keep(await openPusher(server));
  const [ours, fetches]: [number[], number[]] = [[], []];
  for (const [index, push] of remote.pushes.slice(0, WARM_UP + PUSHES).entries()) {
    const delivery = pusher.prepare(push);
    await remote.publish(push);
    const fetchFirst = index % 2 === 1;
    const before = fetchFirst ? await clone.fetch(push) : undefined;
    const own = await pusher.time(delivery, LOOK_EVERY);
    await sleep(SETTLE);
    const fetch = before ?? (await clone.fetch(push));
    if (index < WARM_UP) continue;
    ours.push(own);
    fetches.push(fetch);
  }
  say(
    `${formatCount(size)}: ${median(ours).toFixed(0)} ms, git fetch ${median(fetches).toFixed(0)} ms`,
  );
  const left = remote.pushes.slice(WARM_UP + PUSHES);
  const p99 = isLoaded ? await compareLatencies(data, server, pusher, remote, left) : undefined;
  if (p99)
    say(`p99 ${median(p99.idle).toFixed(2)} ms, refreshing ${median(p99.busy).toFixed(2)} ms`);
  return { ours, fetches, p99 };
}

async function follow(
  { data }: Bench,
  scope: CleanupScope,
  remote: Remote,
  size: number,
): Promise<Followed> {
  const home = await scope.directory();
  const secret = randomBytes(16).toString('hex');
  const secretFile = join(home, 'secret');
  await writeFile(secretFile, secret, { mode: 0o600 });
  const args = [`--webhook-secret-file=${secretFile}`];
  const { keyFile } = data;
  const options = { source: remote.url, keyFile, home, args, expected: size };
  return { ...scope.keep(await serveLookaside(options)), secret };
}
