import type { Reasons } from '../refused/reasons.ts';
import type { RefusedPull } from '../refused/refused-pull.ts';
import type { ExplainedPull } from './overview-facts.ts';

/** A reader waits so long for git; what comes later is on the page the next time. Milliseconds. */
export const PATIENCE = 1000;

/** Puts reasons to refused pulls, as far as they are found out in time. */
export async function explainPulls(
  pulls: readonly RefusedPull[],
  reasons: Pick<Reasons, 'of'>,
): Promise<readonly ExplainedPull[]> {
  const known = await reasons.of(
    pulls.map(({ directory }) => directory),
    PATIENCE,
  );
  return pulls.map((pull) => ({ ...pull, reason: known.get(pull.directory) }));
}
