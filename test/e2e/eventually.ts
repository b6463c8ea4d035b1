import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats a check until it no longer throws; after `limit` ms, throws what it threw last. */
export async function eventually<T>(check: () => Promise<T> | T, limit = 5_000): Promise<T> {
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
