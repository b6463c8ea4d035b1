// The store of an earlier run, in a file from which a start goes on: only what has changed since is
// judged. Git tells what that is, so neither the tree is listed nor a file read; of a directory every
// file is read and compared byte by byte, as its dates prove nothing. A checkpoint that is not whole,
// or of no use, costs no more than the time that it spares.
import type { Judge, Signature } from '../../gate/judge.ts';
import { hasCode } from '../../terms/errors.ts';
import type { Policy } from '../../policy/policy.ts';
import type { Effort } from '../../openpgp/open-message.ts';
import type { Snapshot } from '../../sources/source.ts';
import type { SignatureStore } from '../store.ts';
import { holdsAt } from '../../terms/validity.ts';
import { type SharedVerdicts, isLasting } from './shared-verdict.ts';
import type { CheckpointFile } from './checkpoint-file.ts';
import { formatHeader, formatRecords } from './records.ts';
import { type Restored, restoreStore } from './restore.ts';

export interface CheckpointOptions {
  readonly file: CheckpointFile;
  readonly judge: Judge;
  /** The judge's. */
  readonly policy: Policy;
  readonly sharedVerdicts: SharedVerdicts;
  /** The judge's. Milliseconds. */
  readonly expiryWarning: number;
  /** What the verdict on a file may cost that the checkpoint does not tell. */
  readonly effort: Effort;
  /**
   * Whether signatures whose time is over are in the store that is restored, for the caller to judge
   * again; else they are judged like files without a verdict.
   */
  readonly leavesLapsed: boolean;
  /** Told why a checkpoint that is there was of no use. */
  readonly onUnused: (reason: unknown) => void;
}

export interface RestoreRequest {
  readonly now: Date;
  /** Counts files along. */
  readonly onChecked?: () => void;
  /** Files of earlier states, by path, on which a verdict is wanted too. */
  readonly older?: ReadonlyMap<string, Uint8Array>;
  /** Called with the store of the checkpoint, before what has changed since is brought in. */
  readonly onRestored?: (store: SignatureStore) => Promise<void>;
}

/** Changes that are judged anew at a start before they are worth a new checkpoint: so many, or a share. */
const FEW = 1000;
const SHARE = 0.02;

/** The checkpoint of a source as one judge writes and reads it. */
export class Checkpoint {
  readonly #options: CheckpointOptions;
  /** Files that have changed since the file was written. */
  #changed = Infinity;

  /** Touches nothing yet. */
  constructor(options: CheckpointOptions) {
    this.#options = options;
  }

  /** The store of a snapshot; undefined if there is no checkpoint that can be used. */
  async restore(snapshot: Snapshot, request: RestoreRequest): Promise<Restored | undefined> {
    const { file, judge, sharedVerdicts, effort, leavesLapsed, expiryWarning } = this.#options;
    const { now, onChecked = () => undefined, older = new Map(), onRestored } = request;
    this.#changed = Infinity;
    const holds = (signature: Signature): boolean =>
      leavesLapsed || !isStale(signature, now, expiryWarning);
    const { path } = file;
    const job = { path, snapshot, judge, sharedVerdicts, effort, holds, now, onChecked, older };
    try {
      const restored = await restoreStore({ ...job, onRestored });
      this.#changed = restored.changes;
      return restored;
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) this.#options.onUnused(error);
      return undefined;
    }
  }

  /**
   * To be told of each snapshot whose store is in force, and how many files changed. Where that is
   * worth it, writes a checkpoint; settles when that is done, and never rejects.
   */
  async keep(store: SignatureStore, snapshot: Snapshot, changes: number): Promise<void> {
    this.#changed += changes;
    if (this.#changed <= Math.max(FEW, SHARE * store.signatures)) return;
    await this.#write(store, snapshot);
  }

  /**
   * Writes a checkpoint if anything has changed since the last one, which it lets come to its end. For
   * the end; as `keep`.
   */
  async keepLast(store: SignatureStore, snapshot: Snapshot): Promise<void> {
    await this.#options.file.idle();
    if (this.#changed > 0) await this.#write(store, snapshot);
  }

  async #write(store: SignatureStore, { tree }: Snapshot): Promise<void> {
    const { file, policy, sharedVerdicts } = this.#options;
    if (!file.isFree) return;
    this.#changed = 0;
    const files = store.freeze();
    const { ignored } = store.summary;
    await file.write(
      (function* () {
        yield formatHeader(tree?.id);
        yield* formatRecords(files, ignored, sharedVerdicts, (signature) =>
          isLasting(signature, policy),
        );
      })(),
    );
  }
}

/** Whether another judge, or this one at another time, might say something else. */
function isStale(signature: Signature, now: Date, expiryWarning: number): boolean {
  const { validFrom, validUntil, warnings } = signature;
  if (!holdsAt({ from: validFrom, until: validUntil }, now)) return true;
  const left = validUntil - now.getTime();
  return left <= expiryWarning && warnings.every(({ code }) => code !== 'expires-soon');
}
