// Which digest images are, by what is served at this moment. The answer is worked out from what is in memory,
// in microseconds, and asks nobody; what would make it better is learnt in the background.
import { setImmediate } from 'node:timers/promises';
import type { Policy } from '../../generator/policy/policy.ts';
import { Arrivals } from '../../generator/resolve/arrivals.ts';
import type { ManifestMemory } from '../../generator/resolve/manifest-memory.ts';
import { resolveReference } from '../../generator/resolve/resolve-reference.ts';
import type { ResolvedReference } from '../../generator/resolve/resolved-reference.ts';
import type { HistoryChange } from '../../generator/sources/source.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import { type DockerReference, parseDockerReference } from '../../generator/terms/image-name.ts';
import type { ManifestLearner } from './manifest-learner.ts';

export interface ResolutionsOptions {
  /** The store in force; undefined before the first generation. */
  readonly store: () => SignatureStore | undefined;
  readonly policy: () => Policy;
  readonly memory: ManifestMemory;
  /** Undefined where no registry is asked, and no directory looked at. */
  readonly learner: Pick<ManifestLearner, 'want'> | undefined;
  readonly lastChange: (path: string) => Promise<HistoryChange | undefined>;
  readonly now: () => Date;
}

const VERDICTS = { resolved: 0, refused: 0, unknown: 0 };
/** Directories that are indexed between two pauses. */
const INDEXED_AT_ONCE = 2000;

export class Resolutions {
  readonly #options: ResolutionsOptions;
  readonly #arrivals = new Arrivals();
  readonly #counts: Record<ResolvedReference['verdict'], number> = { ...VERDICTS };
  #indexing: { readonly store: SignatureStore; readonly done: Promise<void> } | undefined;

  constructor(options: ResolutionsOptions) {
    this.#options = options;
  }

  /** Answers since the start, by verdict. */
  get counts(): Readonly<Record<ResolvedReference['verdict'], number>> {
    return this.#counts;
  }

  /**
   * Settles when images can be resolved by the store in force: it is indexed when somebody asks for the first
   * time, while lookups go on, and follows all changes from then on. False before the first generation.
   */
  async ready(): Promise<boolean> {
    for (;;) {
      const store = this.#options.store();
      if (!store) return false;
      if (store.tags) return true;
      if (this.#indexing?.store !== store) this.#indexing = { store, done: index(store) };
      await this.#indexing.done;
    }
  }

  /** Undefined where `ready` has not said yes. `image` has a tag, a digest or both. */
  resolve(image: DockerReference): ResolvedReference | undefined {
    const store = this.#options.store();
    const tags = store?.tags;
    if (!store || !tags) return undefined;
    const { policy, memory, now } = this.#options;
    const resolved = resolveReference(image, {
      store,
      tags,
      policy: policy(),
      manifests: memory,
      arrivalOf: (directory) => this.#arrivals.arrivalOf(store, directory),
      now: now(),
    });
    this.#counts[resolved.verdict]++;
    if (mayAsk(resolved)) this.#options.learner?.want(image, resolved.wanted.manifests);
    return resolved;
  }

  /** Asks git for what decides between digests that were signed in the same second. */
  async learnCommits(directories: readonly string[]): Promise<void> {
    const store = this.#options.store();
    if (store) await this.#arrivals.learn(store, directories, this.#options.lastChange);
  }

  /** The commit that brought a directory, where it was asked for. */
  commitOf(directory: string): string | undefined {
    const store = this.#options.store();
    return store && this.#arrivals.commitOf(store, directory);
  }

  /** Asks for the manifests of all tags that several digests are signed for, before anybody asks about these. */
  async lookAhead(): Promise<void> {
    const { learner } = this.#options;
    if (!learner || !(await this.ready())) return;
    const tags = this.#options.store()?.tags;
    let looked = 0;
    for (const name of tags?.contested() ?? []) {
      if (++looked % INDEXED_AT_ONCE === 0) await setImmediate();
      const image = parseDockerReference(name);
      const hexes = [...(tags?.directoriesOf(name) ?? [])].map((directory) => directory.slice(-64));
      if (image) learner.want(image, hexes);
    }
  }
}

async function index(store: SignatureStore): Promise<void> {
  let indexed = 0;
  for (const _ of store.indexTags()) {
    if (++indexed % INDEXED_AT_ONCE === 0) await setImmediate();
  }
}

/**
 * Whether a registry may be asked on behalf of a stranger: for digests that are signed for the very name, and
 * for others only in a scope that somebody has named, lest anybody makes the server ask any host.
 */
function mayAsk({ by, scope }: ResolvedReference): boolean {
  return by !== 'given' || (scope?.name ?? '') !== '';
}
