// What kind of store is mirrored: one for nodes, or one of releases. All that differs between them is here.
import type { MirroredName, WantedDigest } from '../../signing/mirror/mirror-names.ts';
import type { MirroredDigest } from '../../signing/mirror/mirror-report.ts';
import type { StoreRules } from '../../signing/mirror/store-rules.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import type { OpenTarget } from '../inputs/open-target.ts';
import type { ListedDigest } from './read-digest-list.ts';

/** What is wanted of what people name. */
export interface WantedRule {
  /**
   * Undefined for what is left out.
   * @throws UsageError for a digest that does not say enough
   */
  readonly fromList: (listed: ListedDigest) => WantedDigest | undefined;
  readonly fromName: (image: MirroredName, digestHex: string) => WantedDigest;
}

/** A kind of store, with the keys that count there. */
export interface OpenKind {
  readonly wanted: WantedRule;
  readonly rules: StoreRules;
  /** What to add to the configuration of the repository; undefined where that would not help. */
  readonly advise: (digests: readonly MirroredDigest[]) => string | undefined;
  readonly close: () => Promise<void>;
}

/** With what a kind is opened. `directory` is for what comes. */
export interface KindResources {
  readonly target: OpenTarget;
  readonly settings: Settings;
  readonly io: ProcessIo;
  readonly directory: string;
}

/** A kind of store by the settings of a run, which have been looked at. */
export interface StoreKind {
  /** For a repository that does not say who may sign. */
  readonly rulesHint: string;
  /** What the report says of entries of lists that are left out: so many images are … */
  readonly leftOutAs: string;
  /** @throws UsageError where the repository has no place for it */
  readonly open: (resources: KindResources) => Promise<OpenKind>;
}
