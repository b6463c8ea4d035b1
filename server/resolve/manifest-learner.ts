// Learns what manifests are, in the background: nobody who asks about an image waits for a registry. A registry
// that fails is asked again later, each time less often; what it has told once is kept for the next start.
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { type FetchManifest, learnManifests } from '../../generator/resolve/learn-wanted.ts';
import type { ManifestFile, ManifestMemory } from '../../generator/resolve/manifest-memory.ts';
import { formatReference, nameOf } from '../../generator/policy/signed-identity.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { toLine } from '../../generator/terms/text.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';

/** What became of a question. */
export type ManifestResult = 'learnt' | 'missing' | 'unknown' | 'failed';

export interface ManifestLearnerOptions {
  readonly memory: ManifestMemory;
  readonly fetchManifest: FetchManifest;
  /** Keeps what is learnt; undefined for nowhere. */
  readonly file: Pick<ManifestFile, 'keep'> | undefined;
  readonly log: ProgramLog;
  readonly now: () => Date;
  /** A clock that never jumps, in milliseconds. */
  readonly elapsed: () => number;
  /** Called when all that was wanted has been asked for. */
  readonly onIdle?: () => void;
}

/** Questions at the same time, each a process. */
const CONCURRENCY = 2;
/** Digests that wait for their turn; what is wanted beyond that is wanted again later. */
const MOST_WAITING = 1000;
/** Digests that are not asked for again yet. */
const MOST_POSTPONED = 5000;
/** The first and the longest time before a digest is asked for again. Milliseconds. */
const FIRST_PAUSE = 5000;
const LONGEST_PAUSE = 10 * 60_000;

interface Wanted {
  readonly image: DockerReference;
  readonly digestHex: string;
}

interface Postponed {
  readonly until: number;
  readonly pause: number;
}

export class ManifestLearner {
  readonly #options: ManifestLearnerOptions;
  /** These three by the name of the repository and the digest. */
  readonly #waiting = new Map<string, Wanted>();
  readonly #asking = new Set<string>();
  readonly #postponed = new Map<string, Postponed>();
  /** Registries whose failure was told, until they answer. */
  readonly #told = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  readonly #counts: Record<ManifestResult, number> = {
    learnt: 0,
    missing: 0,
    unknown: 0,
    failed: 0,
  };
  #stopped = false;

  constructor(options: ManifestLearnerOptions) {
    this.#options = options;
  }

  /** Questions since the start, by what became of them. */
  get counts(): Readonly<Record<ManifestResult, number>> {
    return this.#counts;
  }

  /** Asks for manifests of an image, by their digests in hexadecimal digits; gives how many are new. */
  want(image: DockerReference, hexes: readonly string[]): number {
    const { memory, now, elapsed } = this.#options;
    let count = 0;
    for (const digestHex of hexes) {
      const key = keyOf(image, digestHex);
      const isKnown =
        memory.find(digestHex, nameOf(image), now()) !== undefined || this.#asking.has(key);
      const isLate = (this.#postponed.get(key)?.until ?? -Infinity) > elapsed();
      if (this.#stopped || isKnown || isLate || this.#waiting.has(key)) continue;
      if (this.#waiting.size >= MOST_WAITING) break;
      this.#waiting.set(key, { image, digestHex });
      count++;
    }
    this.#go();
    return count;
  }

  /** Settles when nothing is asked any more. Who fetches must be stopped too. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    await Promise.all(this.#running);
  }

  #go(): void {
    while (this.#running.size < CONCURRENCY && this.#waiting.size > 0) {
      const worker = this.#work();
      this.#running.add(worker);
      void worker.then(() => this.#running.delete(worker));
    }
  }

  async #work(): Promise<void> {
    for (const [key, wanted] of this.#waiting) {
      this.#waiting.delete(key);
      this.#asking.add(key);
      await this.#ask(wanted);
      this.#asking.delete(key);
      if (this.#stopped) return;
    }
    if (this.#asking.size > 0) return;
    await this.#options.file?.keep(this.#options.memory);
    if (!this.#stopped) this.#options.onIdle?.();
  }

  async #ask({ image, digestHex }: Wanted): Promise<void> {
    const { memory, now, log } = this.#options;
    const key = keyOf(image, digestHex);
    try {
      await learnManifests(image, [digestHex], { ...this.#options, manifests: memory, now: now() });
      this.#told.delete(image.host);
      const known = memory.find(digestHex, nameOf(image), now());
      const result = known ? (known.kind === 'missing' ? 'missing' : 'learnt') : 'unknown';
      this.#counts[result]++;
      if (known) this.#postponed.delete(key);
      else this.#postpone(key);
    } catch (error) {
      if (this.#stopped) return;
      this.#counts.failed++;
      this.#postpone(key);
      const words = { image: toLine(formatReference(image)), error: toLine(messageOf(error)) };
      if (!this.#told.has(image.host))
        log.warn(words, 'a registry does not tell what a manifest is');
      this.#told.add(image.host);
    }
  }

  #postpone(key: string): void {
    const before = this.#postponed.get(key)?.pause ?? FIRST_PAUSE / 2;
    const pause = Math.min(2 * before, LONGEST_PAUSE);
    this.#postponed.delete(key);
    this.#postponed.set(key, { until: this.#options.elapsed() + pause, pause });
    const [oldest] = this.#postponed.keys();
    if (this.#postponed.size > MOST_POSTPONED && oldest !== undefined) {
      this.#postponed.delete(oldest);
    }
  }
}

/** A digest is asked for at each repository that it is wanted of: what one registry lacks another may have. */
function keyOf(image: DockerReference, digestHex: string): string {
  return `${nameOf(image)}@${digestHex}`;
}
