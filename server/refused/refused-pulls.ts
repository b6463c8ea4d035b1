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
import type { RememberedPull } from './repository-pulls.ts';

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

/** The record of refused pulls. */
export class RefusedPulls {
  readonly #now: () => number;
  readonly #memory: PullMemory;
  #resolved: readonly ResolvedPull[];
  #version = 0;
  #appeared = 0;

  constructor({ isKnown, now = Date.now, saved, limits = LIMITS }: RefusedPullsOptions) {
    this.#now = now;
    this.#memory = new PullMemory(isKnown, limits, saved?.dropped ?? 0);
    for (const pull of saved?.others ?? []) this.#memory.restore(pull, false);
    for (const pull of saved?.known ?? []) this.#memory.restore(pull, true);
    this.#resolved = (saved?.resolved ?? []).slice(0, MAX_RESOLVED);
  }

  /** Counts a lookup; `path` is the location that was asked for. */
  record(path: string, client: string): void {
    this.#version++;
    const directory = path.slice(0, path.lastIndexOf('/'));
    const pull = this.#memory.find(directory);
    if (pull) {
      this.#memory.see(pull, client, this.#now());
      return;
    }
    this.#appeared++;
    this.#memory.seeFirst(directory, client, this.#now());
  }

  find(directory: string): RefusedPull | undefined {
    return this.#memory.find(directory)?.toPull();
  }

  /** The one that was seen last first. */
  list(): readonly RefusedPull[] {
    this.#forgetUnseen();
    return newestFirst(this.#pulls()).map((pull) => pull.toPull());
  }

  /** The newest arrival first; bounded. */
  resolved(): readonly ResolvedPull[] {
    return this.#resolved;
  }

  /** How many are remembered. */
  count(): number {
    this.#forgetUnseen();
    return this.#memory.size;
  }

  /** How often an image was asked for that was not remembered, since the start. */
  appeared(): number {
    return this.#appeared;
  }

  /** How many were forgotten for lack of room, since the record began; not those of a week ago. */
  dropped(): number {
    return this.#memory.dropped;
  }

  /**
   * Moves the pulls whose directory has a signature now to the resolved ones, and gives them. To be
   * called after each refresh, as repositories become known by it, or unknown.
   */
  settle(isSigned: (directory: string) => boolean, commit: string | null): readonly ResolvedPull[] {
    this.#forgetUnseen();
    const settledAt = this.#now();
    const signed = newestFirst(this.#pulls().filter(({ directory }) => isSigned(directory)));
    for (const pull of signed) this.#memory.remove(pull);
    const arrived = signed.map((remembered) => {
      const pull = remembered.toPull();
      // Clocks are set back.
      const arrivedAt = Math.max(settledAt, pull.firstSeen);
      return Object.assign(pull, { arrivedAt, commit });
    });
    const hasSorted = this.#memory.sortRepositories();
    if (!hasSorted && arrived.length === 0) return [];
    this.#resolved = [...arrived, ...this.#resolved].slice(0, MAX_RESOLVED);
    this.#version++;
    return arrived;
  }

  save(): SavedPulls {
    this.#forgetUnseen();
    return {
      dropped: this.#memory.dropped,
      known: Array.from(this.#memory.pulls(true), (pull) => pull.toPull()),
      others: Array.from(this.#memory.pulls(false), (pull) => pull.toPull()),
      resolved: this.#resolved,
    };
  }

  /** Another number after each change of what `save` gives. */
  version(): number {
    return this.#version;
  }

  #pulls(): readonly RememberedPull[] {
    return [...this.#memory.pulls(true), ...this.#memory.pulls(false)];
  }

  #forgetUnseen(): void {
    const oldest = this.#now() - MAX_UNSEEN;
    for (const pull of this.#pulls()) {
      if (pull.lastSeen > oldest) continue;
      this.#memory.remove(pull);
      this.#version++;
    }
  }
}

function newestFirst(pulls: readonly RememberedPull[]): readonly RememberedPull[] {
  return pulls.toSorted((one, other) => other.lastSeen - one.lastSeen);
}
