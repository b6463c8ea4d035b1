import { keepNewest } from '../../generator/terms/keep-newest.ts';
import type { Lane, Turn } from './lane.ts';

interface SharedTurn<Value> extends Turn<Value> {
  waiting: number;
}

/** The answers that are remembered; beyond, the one that was asked for longest ago is forgotten. */
const REMEMBERED = 16;

/** Answers to searches of one kind: a failure is not remembered. */
export class SearchMemory<Value> {
  readonly #lane: Lane;
  readonly #stamp: () => unknown;
  readonly #answers = new Map<string, SharedTurn<Value>>();
  #stampBefore: unknown;

  /** When `stamp` gives another value than before, all answers are forgotten. */
  constructor(lane: Lane, stamp: () => unknown) {
    this.#lane = lane;
    this.#stamp = stamp;
  }

  /**
   * The answer to a search, remembered or found in its turn. Equal searches are one; when the
   * signals of all who wait for one have fired before its turn, it is dropped.
   */
  async ask(key: string, search: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
    signal.throwIfAborted();
    const shared = this.#share(key, search);
    shared.waiting++;
    const forget = (): void => {
      if (this.#answers.get(key) === shared) this.#answers.delete(key);
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
  }

  #share(key: string, search: () => Promise<Value>): SharedTurn<Value> {
    const stamp = this.#stamp();
    if (this.#stampBefore !== stamp) this.#answers.clear();
    this.#stampBefore = stamp;
    const shared = this.#answers.get(key) ?? { ...this.#lane.take(search), waiting: 0 };
    keepNewest(this.#answers, key, shared, REMEMBERED);
    return shared;
  }
}
