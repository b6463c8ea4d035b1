import type { Policy } from '../../generator/policy/policy.ts';
import type { Source } from '../../generator/sources/source.ts';
import type { Failures } from '../troubles/failures.ts';
import type { Troubles } from '../troubles/troubles.ts';
import type { Readiness } from '../health/readiness.ts';
import type { LookupCounts } from '../metrics/lookup-counts.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import type { Reasons } from '../refused/reasons.ts';
import type { RefusedPulls } from '../refused/refused-pulls.ts';
import type { Refresher } from '../follow/refresher.ts';

/** What the routes for operators, and the pages, tell of. */
export interface StatusServices {
  readonly source: Source;
  readonly refresher: Pick<
    Refresher,
    'store' | 'status' | 'rejectedCodes' | 'rejected' | 'rejectedOf' | 'newestCommit' | 'request'
  >;
  /** Whether new pulls should come here. */
  readonly readiness: Pick<Readiness, 'state'>;
  /** The policy in force. */
  readonly policy: () => Policy;
  readonly refused: Pick<RefusedPulls, 'find' | 'list' | 'resolved' | 'count' | 'dropped'>;
  readonly reasons: Pick<Reasons, 'of' | 'lastChange'>;
  readonly metrics: Pick<Metrics, 'read'>;
  readonly lookups: Pick<LookupCounts, 'lastHour' | 'startedAt'>;
  readonly troubles: Pick<Troubles, 'list'>;
  /** When keys, secrets and certificates were last read with success; milliseconds since 1970. */
  readonly reloadedAt: () => number;
  /** Told of what failed unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
  readonly log: ProgramLog;
}
