import { setTimeout as sleep } from 'node:timers/promises';
import type { Data } from '../data/open-data.ts';
import type { Push, Remote } from '../data/pushes.ts';
import type { Server } from '../process/serve-lookaside.ts';
import { quantile } from '../report/statistics.ts';
import type { Asked } from './ask-at-rate.ts';
import { listLookups } from './lookups.ts';
import { openAsker } from './open-asker.ts';
import type { Delivery, Pusher } from './open-pusher.ts';

/** 99th percentiles in milliseconds, one of each round. */
export interface Latencies {
  readonly idle: readonly number[];
  readonly busy: readonly number[];
}

const ROUNDS = 5;
const SECONDS = 4;
const RATE = 1_000;
const IMAGES = 5_000;
/** What is asked, in words. */
export const LOAD = `${RATE} lookups a second for ${SECONDS} s`;
/** From the start of one push to that of the next, at least. Milliseconds. */
export const PUSH_EVERY = 250;
/** The most that are pushed. */
export const LOADED_PUSHES = (ROUNDS + 1) * Math.ceil((SECONDS * 1000) / PUSH_EVERY);
/** Between two looks whether a push is served: they must not be a load of their own. Milliseconds. */
const LOOK_EVERY = 50;

/**
 * Looks up at a moderate fixed rate: in turn while nothing happens, and while refreshes go on. The
 * first round warms up.
 */
export async function compareLatencies(
  data: Data,
  server: Server,
  pusher: Pusher,
  remote: Remote,
  pushes: readonly Push[],
): Promise<Latencies> {
  const asker = await openAsker(server.baseUrl, await listLookups(data, IMAGES));
  const ask = async (seconds: number): Promise<Asked> => asker.ask(RATE, RATE * seconds);
  const left = pushes.map(pusher.prepare);
  const [idle, busy]: [number[], number[]] = [[], []];
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const quiet = p99Of(await ask(SECONDS));
      const end = performance.now() + SECONDS * 1000;
      const [asked] = await Promise.all([ask(SECONDS), pushUntil(end, pusher, remote, left)]);
      const refreshing = p99Of(asked);
      if (round === 0) continue;
      idle.push(quiet);
      busy.push(refreshing);
    }
  } finally {
    asker.close();
  }
  return { idle, busy };
}

async function pushUntil(
  end: number,
  pusher: Pusher,
  remote: Remote,
  left: Delivery[],
): Promise<void> {
  while (performance.now() < end) {
    const next = sleep(PUSH_EVERY);
    const delivery = left.shift();
    if (!delivery) throw new Error('too few pushes were prepared');
    await remote.publish(delivery.push);
    await pusher.time(delivery, LOOK_EVERY);
    await next;
  }
}

function p99Of({ latencies, wrong }: Asked): number {
  if (wrong > 0) throw new Error(`${wrong} lookups were not answered right`);
  return quantile(latencies, 0.99);
}
