import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Repeats a check until it no longer throws; after `limit` ms, throws what it threw last. The limit
 * is long, for a machine with much to do: only what fails waits for it. An `assert.ok` in it needs a message:
 * without one Node reads the test's source to make one, each time.
 */
export async function eventually<T>(check: () => Promise<T> | T, limit = 30_000): Promise<T> {
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
