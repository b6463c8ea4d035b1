// What operators see of refused pulls. To record one is cheap, as lookups are many. Those that nobody
// has asked for in a week are forgotten before any are shown, counted or written.
import { type IsKnown, type PullLimits, PullMemory } from './pull-memory.ts';
import {
  MAX_RESOLVED,
  MAX_UNSEEN,
  type RefusedPull,
  type ResolvedPull,
  type SavedPulls,
} from './refused-pull.ts';
import type { RememberedPull } from './remembered-pull.ts';

export interface RefusedPulls {
  /** Counts a lookup; `path` is the location that was asked for. */
  readonly record: (path: string, client: string) => void;
  readonly find: (directory: string) => RefusedPull | undefined;
  /** The one that was seen last first. */
  readonly list: () => readonly RefusedPull[];
  /** The newest arrival first; bounded. */
  readonly resolved: () => readonly ResolvedPull[];
  /** How many are remembered. */
  readonly count: () => number;
  /** How often an image was asked for that was not remembered, since the start. */
  readonly appeared: () => number;
  /** How many were forgotten for lack of room, since the record began; not those of a week ago. */
  readonly dropped: () => number;
  /**
   * Moves the pulls whose directory has a signature now to the resolved ones, and gives them. To be
   * called after each refresh, as repositories become known by it, or unknown.
   */
  readonly settle: (
    isSigned: (directory: string) => boolean,
    commit: string | null,
  ) => readonly ResolvedPull[];
  readonly save: () => SavedPulls;
  /** Another number after each change of what `save` gives. */
  readonly version: () => number;
}

export interface RefusedPullsOptions {
  /** Whether anything lies in a repository, served or not. */
  readonly isKnown: IsKnown;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** What an earlier run remembered. */
  readonly saved?: SavedPulls | undefined;
  readonly limits?: PullLimits;
}

/** Some megabytes, however long the names are. */
const LIMITS: PullLimits = { known: 4096, others: 1024, ofRepository: 256 };

/** Makes the record of refused pulls. */
export function createRefusedPulls({
  isKnown,
  now = Date.now,
  saved,
  limits = LIMITS,
}: RefusedPullsOptions): RefusedPulls {
  const memory = new PullMemory(isKnown, limits, saved?.dropped ?? 0);
  let resolved: readonly ResolvedPull[] = [];
  let version = 0;
  let appeared = 0;
  if (saved) {
    for (const pull of saved.others) memory.restore(pull, false);
    for (const pull of saved.known) memory.restore(pull, true);
    resolved = saved.resolved.slice(0, MAX_RESOLVED);
  }
  const pulls = (): readonly RememberedPull[] => [...memory.pulls(true), ...memory.pulls(false)];
  const forgetUnseen = (): void => {
    const oldest = now() - MAX_UNSEEN;
    for (const pull of pulls()) {
      if (pull.lastSeen > oldest) continue;
      memory.remove(pull);
      version++;
    }
  };

  return {
    record: (path, client) => {
      version++;
      const directory = path.slice(0, path.lastIndexOf('/'));
      const pull = memory.find(directory);
      if (pull) memory.see(pull, client, now());
      else {
        appeared++;
        memory.seeFirst(directory, client, now());
      }
    },
    find: (directory) => memory.find(directory)?.toPull(),
    list: () => {
      forgetUnseen();
      return newestFirst(pulls()).map((pull) => pull.toPull());
    },
    resolved: () => resolved,
    count: () => {
      forgetUnseen();
      return memory.size;
    },
    appeared: () => appeared,
    dropped: () => memory.dropped,
    settle: (isSigned, commit) => {
      forgetUnseen();
      const settledAt = now();
      const signed = newestFirst(pulls().filter(({ directory }) => isSigned(directory)));
      for (const pull of signed) memory.remove(pull);
      const arrived = signed.map((remembered) => {
        const pull = remembered.toPull();
        // Clocks are set back.
        const arrivedAt = Math.max(settledAt, pull.firstSeen);
        return Object.assign(pull, { arrivedAt, commit });
      });
      const hasSorted = memory.sortRepositories();
      if (!hasSorted && arrived.length === 0) return [];
      resolved = [...arrived, ...resolved].slice(0, MAX_RESOLVED);
      version++;
      return arrived;
    },
    save: () => {
      forgetUnseen();
      return {
        dropped: memory.dropped,
        known: Array.from(memory.pulls(true), (pull) => pull.toPull()),
        others: Array.from(memory.pulls(false), (pull) => pull.toPull()),
        resolved,
      };
    },
    version: () => version,
  };
}

function newestFirst(pulls: readonly RememberedPull[]): readonly RememberedPull[] {
  return pulls.toSorted((one, other) => other.lastSeen - one.lastSeen);
}
