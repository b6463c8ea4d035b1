// What the page at `/` tells, before it is written down.
import type { Reason } from '../../../generator/explain/reason.ts';
import type { RejectedFile } from '../../../generator/store/report.ts';
import type { FoundPage } from '../../search/find-page.ts';
import type { KeyInfo } from '../../../generator/openpgp/keyring.ts';
import type { KeyState } from '../../../generator/openpgp/keys/key-state.ts';
import type { Source } from '../../../generator/sources/source.ts';
import type { SignerCount } from '../../../generator/store/store-tally.ts';
import type { Trouble } from '../../troubles/troubles.ts';
import type { LookupCounts } from '../../metrics/lookup-counts.ts';
import type { RefreshStatus } from '../../follow/refresher.ts';
import type { PageView } from './render-commit.ts';
import type { RefusedPull, ResolvedPull } from '../../refused/refused-pull.ts';

/** Undefined while it is not found out; before anything is loaded it cannot be. */
export type FoundReason = Reason | 'nothing-loaded' | undefined;

/** A refused pull with its reason, as far as that is found out. */
export interface ExplainedPull extends RefusedPull {
  readonly reason: FoundReason;
}

/** Some of all that there are. */
export interface ShownPulls {
  readonly total: number;
  readonly shown: readonly ExplainedPull[];
}

/** How much is served. */
export interface ServedCounts {
  readonly signatures: number;
  readonly images: number;
  readonly repositories: number;
  /** Keys by which something is signed; 0 where nobody checks. */
  readonly signers: number;
}

/** A key that is accepted. */
export interface StatusKey extends KeyInfo {
  readonly state: KeyState;
  /** Undefined where it has signed nothing that is served. */
  readonly signed: SignerCount | undefined;
}

export interface OverviewFacts extends PageView {
  readonly source: Pick<Source, 'kind' | 'location'> & { readonly branch: string | undefined };
  readonly status: RefreshStatus;
  /** Those that last, the oldest first. */
  readonly troubles: readonly Trouble[];
  /** How long the trouble `signatures-lost` is shown, which names what is to be acknowledged; ISO 8601. */
  readonly lostUntil: string | undefined;
  /** Undefined before the first generation. */
  readonly served: ServedCounts | undefined;
  /** Directories that were signed last. */
  readonly newest: readonly string[];
  readonly refused: {
    /** Those of which the store has, or had, anything; and names that it has never had. */
    readonly known: ShownPulls;
    readonly unknown: ShownPulls;
    /** Of the last hour: those that still have no signature, and those that have one now. */
    readonly lately: number;
    readonly unknownLately: number;
    readonly resolvedLately: number;
    readonly dropped: number;
  };
  readonly resolved: readonly ResolvedPull[];
  readonly rejected: FoundPage<RejectedFile>;
  /** Undefined where nobody checks who signed. */
  readonly keys: readonly StatusKey[] | undefined;
  readonly minutes: ReturnType<LookupCounts['lastHour']>;
  /** Since when lookups are counted; milliseconds since 1970. */
  readonly countedSince: number;
}

/** Whether a whole state is refused because of its rejected files. */
export function isStateRefused({
  status,
  served,
  rejected,
}: Pick<OverviewFacts, 'status' | 'rejected'> & { readonly served: unknown }): boolean {
  if (rejected.total === 0) return false;
  return !served || status.lastRefresh?.result === 'refused';
}

/** A key that is good for less than this wants to be extended. Milliseconds. */
const SOON = 30 * 86_400_000;

/** Whether a key is no longer good, soon will not be, or neither. */
export function urgencyOf(state: KeyState, now: Date): 'ended' | 'soon' | 'none' {
  switch (state.kind) {
    case 'expired':
    case 'revoked':
    case 'cannot-sign':
      return 'ended';
    case 'expires':
      return Date.parse(state.at) - now.getTime() <= SOON ? 'soon' : 'none';
    case 'good':
    case 'unknown':
      return 'none';
  }
}
