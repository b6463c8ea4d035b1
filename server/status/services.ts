import type { Policy } from '../../generator/policy/policy.ts';
import type { InForce } from '../reload/in-force.ts';
import type { Source } from '../../generator/sources/source.ts';
import type { Failures } from '../troubles/failures.ts';
import type { Troubles } from '../troubles/troubles.ts';
import type { Readiness } from '../health/readiness.ts';
import type { LookupCounts } from '../metrics/lookup-counts.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import type { Reasons } from '../refused/reasons.ts';
import type { RefusedPulls } from '../refused/refused-pulls.ts';
import type { Resolutions } from '../resolve/resolutions.ts';
import type { ProgramFacts } from '../metrics/program-facts.ts';
import type { Refresher } from '../follow/refresher.ts';

/** What the routes for operators, and the pages, tell of. */
export interface StatusServices {
  readonly source: Source;
  readonly refresher: Pick<
    Refresher,
    | 'store'
    | 'status'
    | 'rejectedCodes'
    | 'rejected'
    | 'rejectedOf'
    | 'newestCommit'
    | 'request'
    | 'lost'
  >;
  /** Whether new pulls should come here. */
  readonly readiness: Pick<Readiness, 'state'>;
  /** The policy in force. */
  readonly policy: () => Policy;
  readonly refused: Pick<RefusedPulls, 'find' | 'list' | 'resolved' | 'count' | 'dropped'>;
  readonly reasons: Pick<Reasons, 'of' | 'found' | 'lastChange'>;
  readonly resolutions: Pick<Resolutions, 'ready' | 'resolve' | 'learnCommits' | 'commitOf'>;
  /** Gives the time of day. */
  readonly now: () => Date;
  readonly metrics: Pick<Metrics, 'read'>;
  readonly lookups: Pick<LookupCounts, 'lastHour' | 'startedAt'>;
  readonly troubles: Pick<Troubles, 'list'>;
  /** How files were read last, by their kind. */
  readonly readings: InForce['readings'];
  /** When the kind of files was read with success that has not been for longest; milliseconds since 1970. */
  readonly reloadedAt: () => number;
  readonly program: Pick<ProgramFacts, 'version' | 'nodeVersion'>;
  /** Where commits are shown, with `{commit}` in it; undefined if nobody knows. */
  readonly commitUrl: string | undefined;
  /** Told of what failed unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
  readonly log: ProgramLog;
}
