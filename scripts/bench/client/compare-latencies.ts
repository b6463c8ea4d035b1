import { setTimeout as sleep } from 'node:timers/promises';
import type { Data } from '../data/open-data.ts';
import type { Push, Remote } from '../data/pushes.ts';
import { quantile } from '../report/statistics.ts';
import type { Asked } from './ask-at-rate.ts';
import { listLookups } from './lookups.ts';
import { openAsker } from './open-asker.ts';
import { type Followed, timePush } from './time-push.ts';

/** 99th percentiles in milliseconds, one of each round. */
export interface Latencies {
  readonly idle: readonly number[];
  readonly busy: readonly number[];
}

const ROUNDS = 4;
const SECONDS = 4;
const RATE = 1_000;
const IMAGES = 5_000;
/** From the start of one push to that of the next, at least. Milliseconds. */
const PUSH_EVERY = 250;

/** Looks up at a moderate fixed rate: in turn while nothing happens, and while refreshes go on. */
export async function compareLatencies(
  data: Data,
  server: Followed,
  remote: Remote,
  pushes: readonly Push[],
): Promise<Latencies> {
  const asker = await openAsker(server.baseUrl, await listLookups(data, IMAGES));
  const ask = async (seconds: number): Promise<Asked> => asker.ask(RATE, RATE * seconds);
  const left = [...pushes];
  const [idle, busy]: [number[], number[]] = [[], []];
  try {
    await ask(1);
    for (let round = 0; round < ROUNDS; round++) {
      idle.push(p99Of(await ask(SECONDS)));
      const end = performance.now() + SECONDS * 1000;
      const [asked] = await Promise.all([ask(SECONDS), pushUntil(end, server, remote, left)]);
      busy.push(p99Of(asked));
    }
  } finally {
    asker.close();
  }
  return { idle, busy };
}

async function pushUntil(
  end: number,
  server: Followed,
  remote: Remote,
  left: Push[],
): Promise<void> {
  while (performance.now() < end) {
    const next = sleep(PUSH_EVERY);
    const push = left.shift();
    if (!push) throw new Error('too few pushes were prepared');
    await remote.publish(push);
    await timePush(server, push);
    await next;
  }
}

function p99Of({ latencies, wrong }: Asked): number {
  if (wrong > 0) throw new Error(`${wrong} lookups were not answered right`);
  return quantile(latencies, 0.99);
}
