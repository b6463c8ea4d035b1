import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../process/serve-lookaside.ts';
import type { Asked } from './ask-at-rate.ts';
import { openConnection } from './connection.ts';
import { localAddress } from './hold-connections.ts';
import { type Lookup, isRight } from './lookups.ts';

/** Opens `count` connections at `rate` a second, each for one lookup. */
export async function connectAtRate(
  server: Server,
  lookups: readonly Lookup[],
  { rate, count }: { readonly rate: number; readonly count: number },
): Promise<Asked & { readonly perSecond: number }> {
  const latencies: number[] = [];
  let wrong = 0;
  const lookUp = async (number: number): Promise<void> => {
    const lookup = lookups[number % lookups.length];
    const started = performance.now();
    try {
      const connection = await openConnection(server.baseUrl, localAddress(number));
      const answer = lookup && (await connection.ask(lookup.path));
      latencies.push(performance.now() - started);
      if (!lookup || !answer || !isRight(lookup, answer)) wrong++;
      connection.close();
    } catch {
      wrong++;
    }
  };
  const running: Promise<void>[] = [];
  const started = performance.now();
  while (running.length < count) {
    const due = Math.min(count, Math.ceil(((performance.now() - started) / 1000) * rate));
    while (running.length < due) running.push(lookUp(running.length));
    await sleep(1);
  }
  const seconds = (performance.now() - started) / 1000;
  await Promise.all(running);
  return { latencies, wrong, perSecond: count / seconds };
}
