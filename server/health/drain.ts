import { setTimeout as sleep } from 'node:timers/promises';
import type { Readiness } from './readiness.ts';

export interface Drained {
  readonly readiness: Pick<Readiness, 'state' | 'beginDraining'>;
  /** Of the store; once it retires, each connection ends with its next answer. */
  readonly listener: { readonly retire: () => void };
}

/**
 * Lets a server that is about to stop go on for `duration` milliseconds, so that balancers see in time
 * that they should send new connections elsewhere. By then they had the first half to look; in the second
 * half each connection ends with its next answer, so that hardly any is in use when the server stops. A
 * server that has no state, to which nobody sends pulls, has nothing to wait for.
 */
export async function drain({ readiness, listener }: Drained, duration: number): Promise<void> {
  if (readiness.state !== 'ready') return;
  readiness.beginDraining();
  await sleep(duration / 2);
  listener.retire();
  await sleep(duration / 2);
}
