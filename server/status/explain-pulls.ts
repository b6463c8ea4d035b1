import type { RefusedPull } from '../refused/refused-pull.ts';
import type { ExplainedPull } from './parts/overview-facts.ts';
import type { StatusServices } from './services.ts';

/** A reader waits so long for git; what comes later is on the page the next time. Milliseconds. */
export const PATIENCE = 1000;

/** Puts reasons to refused pulls, as far as they are found out in time. */
export async function explainPulls(
  pulls: readonly RefusedPull[],
  { refresher, reasons }: Pick<StatusServices, 'refresher' | 'reasons'>,
): Promise<readonly ExplainedPull[]> {
  if (!refresher.store()) return pulls.map((pull) => ({ ...pull, reason: 'nothing-loaded' }));
  const known = await reasons.of(
    pulls.map(({ directory }) => directory),
    PATIENCE,
  );
  return pulls.map((pull) => ({ ...pull, reason: known.get(pull.directory) }));
}
