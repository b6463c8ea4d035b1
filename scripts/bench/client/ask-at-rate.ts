import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from './connection.ts';
import { type Lookup, isRight } from './lookups.ts';

export interface Asked {
  /** Milliseconds from when a request was due to its answer, of those that got one. */
  readonly latencies: readonly number[];
  /** Wrong answers, and requests without one. */
  readonly wrong: number;
}

interface Waiting {
  readonly lookup: Lookup;
  readonly due: number;
}

/**
 * Sends `count` lookups at `rate` a second over connections in turn, whether or not the answers
 * keep up: what has to wait for a free connection waits in the figure too.
 */
export async function askAtRate(
  connections: readonly Connection[],
  lookups: readonly Lookup[],
  { rate, count }: { readonly rate: number; readonly count: number },
): Promise<Asked> {
  const idle = [...connections];
  const waiting: Waiting[] = [];
  const latencies: number[] = [];
  let wrong = 0;
  const ask = async (connection: Connection, { lookup, due }: Waiting): Promise<void> => {
    try {
      const answer = await connection.ask(lookup.path);
      latencies.push(performance.now() - due);
      if (!isRight(lookup, answer)) wrong++;
    } catch {
      wrong++;
    }
    const next = waiting.shift();
    if (next) await ask(connection, next);
    else idle.push(connection);
  };

  const running: Promise<void>[] = [];
  const started = performance.now();
  for (let sent = 0; sent < count;) {
    const now = performance.now();
    // Timers are good for a millisecond: what became due meanwhile is due now.
    const dueCount = Math.min(count, Math.ceil(((now - started) / 1000) * rate));
    for (; sent < dueCount; sent++) {
      const lookup = lookups[sent % lookups.length];
      const connection = idle.shift();
      if (!lookup) throw new Error('there is nothing to ask for');
      if (connection) running.push(ask(connection, { lookup, due: now }));
      else waiting.push({ lookup, due: now });
    }
    await sleep(1);
  }
  await Promise.all(running);
  return { latencies, wrong };
}
