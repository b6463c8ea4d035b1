import type { StoreUrl } from '../generator/nodes/store-url.ts';
import type { Source } from '../generator/sources/source.ts';
import type { ManifestLearnerOptions } from './resolve/manifest-learner.ts';
import type { SignatureStore } from '../generator/store/store.ts';
import type { EventSettings } from './events/create-events.ts';
import type { Generation } from './follow/generations.ts';
import type { Reloadable } from './reload/in-force.ts';
import type { JudgeMemory } from './follow/judge-with-memory.ts';
import type { PeersName } from './follow/peers/peers.ts';
import type { RefresherOptions } from './follow/refresher.ts';
import type { WebhookForge } from './follow/webhook/proofs/webhook-forges.ts';
import type { ListenPlace } from './listen/bound-addresses.ts';
import type { AccessLogForm, LineSink } from './lookups/access-log.ts';
import type { ProgramFacts } from './metrics/program-facts.ts';
import type { RefusedFile } from './refused/refused-file.ts';
import type { Failures } from './troubles/failures.ts';
import type { Troubles } from './troubles/troubles.ts';

/** What is known of manifests, who brings more, and where they are kept. */
export type ManifestSupply = Pick<ManifestLearnerOptions, 'memory' | 'fetchManifest' | 'file'>;

/** All that a server is started with. */
export interface ServerOptions
  extends
    Reloadable,
    JudgeMemory,
    Pick<
      RefresherOptions,
      'now' | 'tried' | 'older' | 'numbers' | 'lostFile' | 'lookForGpgv' | 'hasGpgv'
    > {
  readonly source: Source;
  /** Keeps refused pulls between runs; undefined for nowhere. */
  readonly refusedFile: RefusedFile | undefined;
  /** What decides which of several digests a tag is; undefined where nobody tells. */
  readonly manifests?: ManifestSupply | undefined;
  /** What is wrong with the server, for operators. */
  readonly troubles: Troubles;
  /** Told of what fails unexpectedly. */
  readonly failures: Failures;
  /** Milliseconds after which a refresh counts as hanging; ten minutes by default. */
  readonly hangingAfter?: number;
  readonly onInvalid: 'quarantine' | 'refuse';
  readonly listen: ListenPlace;
  readonly statusListen: ListenPlace;
  /** At once, to the store; the system may allow fewer. */
  readonly maxConnections?: number;
  /** Milliseconds between two polls, on average; 0 for none. */
  readonly poll: number;
  /** Other servers of the same store, which are told of pushes; undefined for none. */
  readonly peers?: PeersName | undefined;
  /** How long caches may hold the 404 of a location, in milliseconds; 0 for not at all. */
  readonly cacheMissing: number;
  /** Says how far apart polls and retries are, from 0 to less than 1; Math.random if left out. */
  readonly random?: () => number;
  readonly accessLog: AccessLogForm;
  readonly accessLogSink: LineSink;
  readonly trustedProxies: readonly string[];
  /** Whose webhooks are taken. */
  readonly webhookForges: readonly WebhookForge[];
  /** Where nodes find the store; undefined if that is not configured. */
  readonly url: StoreUrl | undefined;
  /** Where commits are shown, with `{commit}` in it; undefined if nobody knows. */
  readonly commitUrl: string | undefined;
  readonly program: ProgramFacts;
  /** Who is told of publications and missing signatures; undefined for nobody. */
  readonly events?: EventSettings | undefined;
  /** Called once, when the first generation is served at `url`. */
  readonly onServing: (url: string, store: SignatureStore, generation: Generation) => void;
}
