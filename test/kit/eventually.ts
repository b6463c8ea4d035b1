import { setTimeout as sleep } from 'node:timers/promises';

/**
 * How long tests wait for what must come, in milliseconds. Long, because a shared machine may be fifty times
 * slower for a minute: only what fails waits for it.
 */
export const PATIENCE = 120_000;

/**
 * Repeats a check until it no longer throws; after `limit` ms, throws what it threw last. An `assert.ok`
 * in it needs a message: without one Node reads the test's source to make one, each time.
 */
export async function eventually<T>(check: () => Promise<T> | T, limit = PATIENCE): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(20);
    }
  }
}
