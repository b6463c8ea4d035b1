import type { Lane, Turn } from './lane.ts';

/**
 * The answer to a search, remembered or found in its turn. Equal searches are one; when the signals
 * of all who wait for one have fired before its turn, it is dropped.
 */
export type Ask<Value> = (
  key: string,
  search: () => Promise<Value>,
  signal: AbortSignal,
) => Promise<Value>;

interface Shared<Value> extends Turn<Value> {
  waiting: number;
}

/** So many answers are remembered; beyond, the one that was asked for longest ago is forgotten. */
const REMEMBERED = 16;

/** Makes a memory; another `stamp` than before makes it forget all. A failure is not remembered. */
export function createSearchMemory<Value>(lane: Lane, stamp: () => unknown): Ask<Value> {
  const answers = new Map<string, Shared<Value>>();
  let known: unknown;
  return async (key, search, signal) => {
    signal.throwIfAborted();
    const now = stamp();
    if (known !== now) answers.clear();
    known = now;
    const shared = answers.get(key) ?? { ...lane(search), waiting: 0 };
    shared.waiting++;
    answers.delete(key);
    answers.set(key, shared);
    const [oldest] = answers.keys();
    if (answers.size > REMEMBERED && oldest !== undefined) answers.delete(oldest);
    const forget = (): void => {
      if (answers.get(key) === shared) answers.delete(key);
    };
    const leave = (): void => {
      shared.waiting--;
      if (shared.waiting === 0 && shared.drop()) forget();
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await shared.answer;
    } catch (error) {
      forget();
      throw error;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  };
}
