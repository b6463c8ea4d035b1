// Work that takes turns, so that many readers cost no more than one at a time.

/** Too much waits for its turn. */
export class TooBusyError extends Error {}

/** Work that has its place, and its answer. */
export interface Turn<Value> {
  readonly answer: Promise<Value>;
  /** Gives the place up; false if the work has begun. */
  readonly drop: () => boolean;
}

/** Throws `TooBusyError` if no more may wait. */
export type Lane = <Value>(work: () => Promise<Value>) => Turn<Value>;

/** One at a time runs, and at most `most` wait. */
export function createLane(most: number): Lane {
  const waiting = new Set<() => Promise<void>>();
  let isRunning = false;
  const run = async (): Promise<void> => {
    isRunning = true;
    for (const job of waiting) {
      waiting.delete(job);
      await job();
    }
    isRunning = false;
  };
  return <Value>(work: () => Promise<Value>): Turn<Value> => {
    if (waiting.size >= most) throw new TooBusyError('too many searches wait');
    let drop: (() => boolean) | undefined;
    const answer = new Promise<Value>((resolve, reject) => {
      const job = async (): Promise<void> => {
        try {
          resolve(await work());
        } catch (error) {
          // Whatever the work does, those behind it have their turn.
          reject(error);
        }
      };
      waiting.add(job);
      drop = () => {
        const isDropped = waiting.delete(job);
        if (isDropped) reject(new Error('nobody waits for this search'));
        return isDropped;
      };
    });
    if (!isRunning) void run();
    return { answer, drop: () => drop?.() ?? false };
  };
}
