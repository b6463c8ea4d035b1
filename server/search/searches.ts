// Searches through the whole store, for pages that ask again every few seconds: one at a time, and
// once for each generation.
import { type FoundDigests, findDigests } from './find-digests.ts';
import { findReasons } from '../../generator/explain/find-reasons.ts';
import { type FoundRejected, findRejected } from './find-rejected.ts';
import { type FoundRepositories, findRepositories } from './find-repositories.ts';
import {
  type FoundImages,
  findImages,
  findNewestOfAll,
} from '../../generator/explain/newest-images.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import type { Reason } from '../../generator/explain/reason.ts';
import type { RejectedFile } from '../../generator/store/report.ts';
import type { Refresher } from '../follow/refresher.ts';
import { createLane } from './lane.ts';
import { createSearchMemory } from './search-memory.ts';

export interface Searches {
  /** Why there is no signature, without asking git. */
  readonly reason: (directory: string) => Promise<Reason | undefined>;
  /** Directories that were signed last. */
  readonly newest: () => Promise<readonly string[]>;
  /** Signed directories of a repository behind one of them, the newest first. */
  readonly imagesOf: (repository: string, after: string | undefined) => Promise<FoundImages>;
  /** Rejected files behind a path, of a repository or of all. */
  readonly rejected: (after: string, repository?: string) => Promise<FoundRejected>;
  /** Repositories with one of some texts, in lower case, in their name. */
  readonly repositories: (texts: readonly string[]) => Promise<FoundRepositories>;
  /** Directories whose digest begins with some digits. */
  readonly digests: (beginning: string) => Promise<FoundDigests>;
}

/** So much of each kind stands on a page. */
export const ON_A_PAGE = 50;
export const MOST_HITS = 100;
const NEWEST = 8;
/** Each may go through the whole store. */
const MOST_WAITING = 8;

/** The searches of one request, until its signal fires. They throw `TooBusyError`. */
export type SearchesOf = (signal: AbortSignal) => Searches;

export function createSearches(
  refresher: Pick<Refresher, 'store' | 'status' | 'rejected' | 'rejectedOf'>,
): SearchesOf {
  const lane = createLane(MOST_WAITING);
  // Whoever searches does not keep others from seeing whether all is well.
  const overviewLane = createLane(MOST_WAITING);
  const generation = (): number | undefined => refresher.status().generation?.number;
  // A state that is refused has rejected files of its own.
  const judged = (): unknown => `${generation()} ${refresher.status().lastError?.at}`;
  const newest = createSearchMemory<readonly string[]>(overviewLane, generation);
  const firstRejected = createSearchMemory<FoundRejected>(overviewLane, judged);
  const images = createSearchMemory<FoundImages>(lane, generation);
  const rejected = createSearchMemory<FoundRejected>(lane, judged);
  const repositories = createSearchMemory<FoundRepositories>(lane, generation);
  const digests = createSearchMemory<FoundDigests>(lane, generation);

  const reasons = createSearchMemory<Reason | undefined>(lane, judged);

  /** `empty` is the answer while there is no store. */
  const inStore =
    <Value>(empty: Value, search: (store: SignatureStore) => Promise<Value>) =>
    async (): Promise<Value> => {
      const store = refresher.store();
      return store ? search(store) : empty;
    };

  return (signal) => ({
    reason: async (directory) => {
      const { rejectedOf } = refresher;
      const trouble = refresher.status().lastError?.message;
      return reasons(
        directory,
        inStore(undefined, async (store) => {
          const evidence = { store, rejectedOf, lastChange: notAsked, trouble };
          return (await findReasons([directory], evidence)).get(directory);
        }),
        signal,
      );
    },
    newest: async () =>
      newest(
        '',
        inStore([], async (store) => findNewestOfAll(store, NEWEST)),
        signal,
      ),
    imagesOf: async (repository, after) =>
      images(
        JSON.stringify([repository, after]),
        inStore({ before: 0, directories: [] }, async (store) =>
          findImages(store, repository, { after, limit: ON_A_PAGE }),
        ),
        signal,
      ),
    rejected: async (after, repository = '') => {
      const ask = after === '' && repository === '' ? firstRejected : rejected;
      const matches = ({ path }: RejectedFile): boolean =>
        repository === '' || isOf(repository, path);
      return ask(
        JSON.stringify([after, repository]),
        // Before the first store there may be a state that is refused.
        async () => findRejected(refresher.rejected(), { matches, after, limit: ON_A_PAGE }),
        signal,
      );
    },
    repositories: async (texts) => {
      const matches = (name: string): boolean => {
        const lower = name.toLowerCase();
        return texts.some((text) => lower.includes(text));
      };
      return repositories(
        JSON.stringify(texts),
        inStore({ total: 0, repositories: [], hasMore: false }, async (store) =>
          findRepositories(store, { matches, after: '', limit: MOST_HITS }),
        ),
        signal,
      );
    },
    digests: async (beginning) =>
      digests(
        beginning,
        inStore({ total: 0, directories: [] }, async (store) =>
          findDigests(store, beginning, MOST_HITS),
        ),
        signal,
      ),
  });
}

async function notAsked(): Promise<undefined> {
  return undefined;
}

/** Whether a file lies in a repository, or was meant to. */
function isOf(repository: string, path: string): boolean {
  if (!path.startsWith(repository)) return false;
  return path[repository.length] === '@' || path.lastIndexOf('/') === repository.length;
}
