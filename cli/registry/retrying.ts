// What may go well a moment later is tried again.
import { Backoff } from '../../signing/push/backoff.ts';
import { PassingError } from '../base/usage-error.ts';

/** How often something is tried. */
const TRIES = 5;
/** The first pause is as long as if so many had been before it: a registry that restarts takes its time. */
const FIRST_PAUSE = 4;
/** For all tries, without what they take themselves. Milliseconds. */
const PATIENCE = 3_600_000;

/** Does something, and again after a pause that grows, as long as it fails with a PassingError. */
export async function retrying<Result>(
  ending: AbortSignal,
  action: () => Promise<Result>,
): Promise<Result> {
  const backoff = new Backoff({ timeout: PATIENCE, ending });
  for (let tries = 1; ; tries++) {
    try {
      return await action();
    } catch (error) {
      const isOver = tries === TRIES || !(error instanceof PassingError) || ending.aborted;
      if (isOver || !(await backoff.pause(tries + FIRST_PAUSE))) throw error;
    }
  }
}
