// Searches through the whole store, for pages that ask again every few seconds: one runs at a time,
// and each runs once for a generation.
import { setImmediate } from 'node:timers/promises';
import {
  type ExplainOptions,
  type ExplainedImage,
  explainImage,
} from '../../generator/explain/explain-image.ts';
import { findReasons } from '../../generator/explain/find-reasons.ts';
import {
  type FoundImages,
  findImages,
  findNewestOfAll,
} from '../../generator/explain/newest-images.ts';
import type { Reason } from '../../generator/explain/reason.ts';
import type { RejectedFile } from '../../generator/store/report.ts';
import { SignatureStore } from '../../generator/store/store.ts';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { type DockerReference, parseDockerReference } from '../../generator/terms/image-name.ts';
import {
  type Forecast,
  type ForecastOptions,
  forecastStore,
} from '../../generator/forecast/forecast.ts';
import { type KeyReport, reportAllKeys } from '../../generator/forecast/key-report.ts';
import { keepNewest } from '../../generator/terms/keep-newest.ts';
import type { Refresher } from '../follow/refresher.ts';
import {
  type FoundPage,
  type FoundRepository,
  findDigests,
  findRejected,
  findRepositories,
  findSignedBy,
} from './find-page.ts';
import { Lane, type Turn } from './lane.ts';

/** A page shows at most this many of each kind. */
export const ON_A_PAGE = 50;
const MOST_HITS = 100;
/** Images that are named of those that would be lost. */
export const MOST_LOST = 1000;
const NEWEST = 8;
/** Each may go through the whole store. */
const MOST_WAITING = 8;
/** Answers of each kind that are remembered; the one that was asked for longest ago goes first. */
const REMEMBERED = 16;
/** In milliseconds. */
const MINUTE = 60_000;
const NONE = { total: 0, items: [], hasMore: false };

type SearchedState = Pick<Refresher, 'store' | 'status' | 'rejected' | 'rejectedOf'>;

/** The accepted keys, and what they are of use for. */
export interface ForeseenKeys {
  readonly keys: readonly KeyReport[];
  readonly forecast: Forecast;
}

/** Each search ends early when its signal fires, and may throw `TooBusyError`. */
export class Searches {
  readonly #state: SearchedState;
  readonly #lane = new Lane(MOST_WAITING);
  /** Whoever searches does not keep others from seeing whether all is well. */
  readonly #overviewLane = new Lane(MOST_WAITING);
  readonly #newest: SearchMemory<readonly string[]>;
  readonly #firstRejected: SearchMemory<FoundPage<RejectedFile>>;
  readonly #rejected: SearchMemory<FoundPage<RejectedFile>>;
  readonly #images: SearchMemory<FoundImages>;
  readonly #repositories: SearchMemory<FoundPage<FoundRepository>>;
  readonly #digests: SearchMemory<FoundPage<string>>;
  readonly #signedBy: SearchMemory<FoundPage<string>>;
  readonly #reasons: SearchMemory<Reason | undefined>;
  readonly #explained: SearchMemory<ExplainedImage>;
  readonly #foreseen: SearchMemory<ForeseenKeys>;

  constructor(state: SearchedState) {
    this.#state = state;
    const generation = (): number | undefined => state.status().generation?.number;
    // A state that is refused has rejected files of its own.
    const judged = (): string => `${generation()} ${state.status().lastError?.at}`;
    this.#newest = new SearchMemory(this.#overviewLane, generation);
    this.#firstRejected = new SearchMemory(this.#overviewLane, judged);
    this.#rejected = new SearchMemory(this.#lane, judged);
    this.#images = new SearchMemory(this.#lane, generation);
    this.#repositories = new SearchMemory(this.#lane, generation);
    this.#digests = new SearchMemory(this.#lane, generation);
    this.#signedBy = new SearchMemory(this.#lane, generation);
    this.#reasons = new SearchMemory(this.#lane, judged);
    this.#explained = new SearchMemory(this.#lane, judged);
    this.#foreseen = new SearchMemory(this.#lane, generation);
  }

  /** Why an image has no signature, as far as that can be told without git. */
  async reason(directory: string, signal: AbortSignal): Promise<Reason | undefined> {
    const { rejectedOf } = this.#state;
    const trouble = this.#state.status().lastError?.message;
    const search = this.#inStore(undefined, async (store) => {
      const evidence = { store, rejectedOf, lastChange: withoutGit, trouble };
      return (await findReasons([directory], evidence)).get(directory);
    });
    return this.#reasons.ask(directory, search, signal);
  }

  /** What `explain` says of a manifest of an image; the same for a minute. */
  async explained(
    image: DockerReference,
    digestHex: string,
    {
      signal,
      ...question
    }: Pick<ExplainOptions, 'policy' | 'now' | 'lastChange'> & {
      readonly signal: AbortSignal;
    },
  ): Promise<ExplainedImage> {
    const { rejectedOf, status, store } = this.#state;
    const key = JSON.stringify([
      question.policy.id,
      Math.floor(question.now.getTime() / MINUTE),
      formatReference(image),
      digestHex,
    ]);
    const search = async (): Promise<ExplainedImage> =>
      explainImage(image, digestHex, {
        ...question,
        store: store() ?? new SignatureStore(),
        rejectedOf,
        trouble: status().lastError?.message,
      });
    return this.#explained.ask(key, search, signal);
  }

  /** Directories that were signed last. */
  async newest(signal: AbortSignal): Promise<readonly string[]> {
    const search = this.#inStore([], async (store) => findNewestOfAll(store, NEWEST));
    return this.#newest.ask('', search, signal);
  }

  /** Signed directories of a repository that come after one of them, the newest first. */
  async imagesOf(
    repository: string,
    after: string | undefined,
    signal: AbortSignal,
  ): Promise<FoundImages> {
    const search = this.#inStore({ before: 0, directories: [] }, async (store) =>
      findImages(store, repository, { after, limit: ON_A_PAGE }),
    );
    return this.#images.ask(JSON.stringify([repository, after]), search, signal);
  }

  /** Directories of a repository with a signature for one of some references, the newest first, at most `limit`. */
  async imagesSignedAs(
    repository: string,
    references: readonly string[],
    { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
  ): Promise<FoundImages> {
    // Most are of another tag, and need not be read.
    const ends = references.map((name) => name.slice(name.lastIndexOf('/') + 1));
    const search = this.#inStore({ before: 0, directories: [] }, async (store) => {
      const matches = (directory: string): boolean =>
        store.signaturesIn(directory).some(({ claims: { dockerReference } }) => {
          if (!ends.some((end) => dockerReference.endsWith(end))) return false;
          const signed = parseDockerReference(dockerReference);
          return signed !== undefined && references.includes(formatReference(signed));
        });
      return findImages(store, repository, { after: undefined, limit, matches });
    });
    return this.#images.ask(JSON.stringify([repository, 'as', references, limit]), search, signal);
  }

  /** Rejected files whose path comes after another, of a repository or of all ('' each). */
  async rejected(
    after: string,
    repository: string,
    signal: AbortSignal,
  ): Promise<FoundPage<RejectedFile>> {
    const memory = after === '' && repository === '' ? this.#firstRejected : this.#rejected;
    const matches = ({ path }: RejectedFile): boolean =>
      repository === '' || isOf(repository, path);
    // Before the first store there may be a state that is refused.
    const search = async (): Promise<FoundPage<RejectedFile>> =>
      findRejected(this.#state.rejected(), { matches, after, limit: ON_A_PAGE });
    return memory.ask(JSON.stringify([after, repository]), search, signal);
  }

  /** Rejected files with one of some texts, in lower case, in their path. */
  async rejectedNamed(
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<FoundPage<RejectedFile>> {
    const matches = ({ path }: RejectedFile): boolean => {
      const lower = path.toLowerCase();
      return texts.some((text) => lower.includes(text));
    };
    const search = async (): Promise<FoundPage<RejectedFile>> =>
      findRejected(this.#state.rejected(), { matches, limit: ON_A_PAGE });
    return this.#rejected.ask(JSON.stringify(['named', texts]), search, signal);
  }

  /** Rejected files of a whole digest: few, and looked up at once. */
  async rejectedOf(hex: string, after = ''): Promise<FoundPage<RejectedFile>> {
    return findRejected(this.#state.rejectedOf(hex), { after, limit: ON_A_PAGE });
  }

  /** Repositories with one of some texts, in lower case, in their name. */
  async repositories(
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<FoundPage<FoundRepository>> {
    const matches = (name: string): boolean => {
      const lower = name.toLowerCase();
      return texts.some((text) => lower.includes(text));
    };
    const search = this.#inStore<FoundPage<FoundRepository>>(NONE, async (store) =>
      findRepositories(store, { matches, limit: MOST_HITS }),
    );
    return this.#repositories.ask(JSON.stringify(texts), search, signal);
  }

  /** Directories that a key has signed, by the fingerprint of the primary key. */
  async signedBy(fingerprint: string, signal: AbortSignal): Promise<FoundPage<string>> {
    const search = this.#inStore<FoundPage<string>>(NONE, async (store) =>
      findSignedBy(store, fingerprint, MOST_HITS),
    );
    return this.#signedBy.ask(fingerprint, search, signal);
  }

  /** What keys cover, and what nodes would refuse under a supposition; the same for a minute. */
  async foreseen(
    { policy, now, supposition }: Omit<ForecastOptions, 'most'>,
    signal: AbortSignal,
  ): Promise<ForeseenKeys> {
    const { at = now, without = [] } = supposition ?? {};
    const minute = Math.floor(now.getTime() / MINUTE);
    const then = at.getTime() === now.getTime() ? 'now' : at.getTime();
    const asked = supposition && [then, ...[...without].toSorted()];
    const key = JSON.stringify([policy.id, minute, asked]);
    const options = { policy, now, supposition, most: MOST_LOST };
    const search = async (): Promise<ForeseenKeys> => {
      const store = this.#state.store() ?? new SignatureStore();
      const forecast = await forecastWithPauses(store, options);
      return { keys: reportAllKeys(policy, (subkey) => store.hasSigned(subkey), now), forecast };
    };
    return this.#foreseen.ask(key, search, signal);
  }

  /** Directories whose digest begins with some digits. */
  async digests(beginning: string, signal: AbortSignal): Promise<FoundPage<string>> {
    const search = this.#inStore<FoundPage<string>>(NONE, async (store) =>
      findDigests(store, beginning, MOST_HITS),
    );
    return this.#digests.ask(beginning, search, signal);
  }

  /** `empty` is the answer while there is no store. */
  #inStore<Value>(
    empty: Value,
    search: (store: SignatureStore) => Promise<Value>,
  ): () => Promise<Value> {
    return async () => {
      const store = this.#state.store();
      return store ? search(store) : empty;
    };
  }
}

interface SharedTurn<Value> extends Turn<Value> {
  waiting: number;
}

/** Remembers the answers to searches of one kind, but no failures. */
class SearchMemory<Value> {
  readonly #lane: Lane;
  readonly #stamp: () => unknown;
  readonly #answers = new Map<string, SharedTurn<Value>>();
  #stampBefore: unknown;

  /** When `stamp` gives another value than before, all answers are forgotten. */
  constructor(lane: Lane, stamp: () => unknown) {
    this.#lane = lane;
    this.#stamp = stamp;
  }

  /**
   * The answer to a search, remembered or found in its turn. Equal searches are one; when the
   * signals of all who wait for one have fired before its turn, it is dropped.
   */
  async ask(key: string, search: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
    signal.throwIfAborted();
    const shared = this.#share(key, search);
    shared.waiting++;
    const forget = (): void => {
      if (this.#answers.get(key) === shared) this.#answers.delete(key);
    };
    const leave = (): void => {
      shared.waiting--;
      if (shared.waiting === 0 && shared.drop()) forget();
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await shared.answer;
    } catch (error) {
      forget();
      throw error;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #share(key: string, search: () => Promise<Value>): SharedTurn<Value> {
    const stamp = this.#stamp();
    if (this.#stampBefore !== stamp) this.#answers.clear();
    this.#stampBefore = stamp;
    const shared = this.#answers.get(key) ?? { ...this.#lane.take(search), waiting: 0 };
    keepNewest(this.#answers, key, shared, REMEMBERED);
    return shared;
  }
}

/** Directories that are looked at between two pauses. */
const FORESEEN_AT_ONCE = 200;

async function forecastWithPauses(
  store: SignatureStore,
  options: ForecastOptions,
): Promise<Forecast> {
  const steps = forecastStore(store, options);
  for (let taken = 1; ; taken++) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (taken % FORESEEN_AT_ONCE === 0) await setImmediate();
  }
}

async function withoutGit(): Promise<undefined> {
  return undefined;
}

/** Whether a file lies in a repository, or was meant to. */
function isOf(repository: string, path: string): boolean {
  if (!path.startsWith(repository)) return false;
  return path[repository.length] === '@' || path.lastIndexOf('/') === repository.length;
}
