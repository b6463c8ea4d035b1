// The store of an earlier run: an image of it in the state directory, from which a start goes on
// with what was pushed since. Git says what that is, so neither the tree is listed nor a file read
// again. An image that is not whole, or of no use, costs no more than the time that it spares.
import type { Judge, Signature } from '../../gate/judge.ts';
import { hasCode } from '../../terms/errors.ts';
import type { Policy } from '../../policy/policy.ts';
import type { Effort } from '../../openpgp/open-message.ts';
import type { Memory } from './remembering-judge.ts';
import type { Snapshot } from '../../sources/source.ts';
import type { SignatureStore } from '../store.ts';
import { holdsAt } from '../../terms/validity.ts';
import { type VerdictTerms, isLasting } from './shared-verdict.ts';
import { formatHeader } from './header.ts';
import type { ImageWriter } from './image-writer.ts';
import { formatRecords } from './records.ts';
import { restoreStore } from './restore.ts';

/** What a judge has beside that goes on from an earlier run. */
export interface StoreMemory {
  /** The store of a snapshot, by an image; undefined if there is none that can be used. */
  readonly restore: (
    snapshot: Snapshot,
    now: Date,
    onChecked?: () => void,
  ) => Promise<SignatureStore | undefined>;
  /**
   * To be told of each snapshot whose store is in force, and how many files changed. Where that is
   * worth it, writes an image; settles when that is done, and never rejects.
   */
  readonly keep: (store: SignatureStore, snapshot: Snapshot, changes: number) => Promise<void>;
}

/** Where images are written and read. */
export interface ImageFile {
  readonly path: string;
  readonly writer: ImageWriter;
}

export interface StoreMemoryOptions extends ImageFile {
  readonly judge: Judge & Partial<Memory>;
  /** The judge's. */
  readonly policy: Policy;
  readonly verdictTerms: VerdictTerms;
  /** The judge's. Milliseconds. */
  readonly expiryWarning: number;
  /** What the verdict on a file may cost that the image does not tell. */
  readonly effort: Effort;
  /**
   * Whether signatures whose time is over are in the store that is restored, for the caller to judge
   * again; else they are judged like files without a verdict.
   */
  readonly leavesLapsed: boolean;
  /** Told why an image that is there was of no use. */
  readonly onUnused: (reason: unknown) => void;
}

/** Changes that are judged anew at a start before they are worth a new image: so many, or a share. */
const FEW = 1000;
const SHARE = 0.02;

export function createStoreMemory(options: StoreMemoryOptions): StoreMemory {
  const { path, writer, judge, policy, verdictTerms, expiryWarning, onUnused } = options;
  const { effort, leavesLapsed } = options;
  /** Since the image was written. */
  let changed = Infinity;

  return {
    restore: async (snapshot, now, onChecked = () => undefined) => {
      changed = Infinity;
      const holds = (signature: Signature): boolean =>
        leavesLapsed || !isStale(signature, now, expiryWarning);
      try {
        const restored = await restoreStore({
          path,
          snapshot,
          judge,
          verdictTerms,
          effort,
          holds,
          now,
          onChecked,
        });
        changed = restored.changes;
        return restored.store;
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) onUnused(error);
        return undefined;
      }
    },
    keep: async (store, { tree }, changes) => {
      changed += changes;
      if (!tree || !writer.isFree() || changed <= Math.max(FEW, SHARE * store.signatures)) return;
      changed = 0;
      const files = store.freeze();
      const { ignored } = store.summary;
      await writer.write(
        (function* () {
          yield formatHeader(tree.id);
          yield* formatRecords(files, ignored, verdictTerms, (signature) =>
            isLasting(signature, policy),
          );
        })(),
      );
    },
  };
}

/** Whether another judge, or this one at another time, might say something else. */
function isStale(signature: Signature, now: Date, expiryWarning: number): boolean {
  const { validFrom, validUntil, warnings } = signature;
  if (!holdsAt({ from: validFrom, until: validUntil }, now)) return true;
  const left = validUntil - now.getTime();
  return left <= expiryWarning && warnings.every(({ code }) => code !== 'expires-soon');
}
