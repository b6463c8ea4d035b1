// Searches through the whole store, for pages that ask again every few seconds: one at a time, and
// once for each generation.
import { findDigests } from '../../generator/explain/find-digests.ts';
import { type FoundRejected, findRejected } from '../../generator/explain/find-rejected.ts';
import {
  type FoundRepositories,
  findRepositories,
} from '../../generator/explain/find-repositories.ts';
import {
  type FoundImages,
  findImages,
  findNewestOfAll,
} from '../../generator/explain/newest-images.ts';
import type { SignatureStore } from '../../generator/store.ts';
import type { RefreshStatus, Refresher } from '../refresher.ts';

export interface Searches {
  /** Directories that were signed last. */
  readonly newest: () => Promise<readonly string[]>;
  /** Signed directories of a repository behind one of them, the newest first. */
  readonly imagesOf: (repository: string, after: string | undefined) => Promise<FoundImages>;
  /** Rejected files behind a path, of a repository or of all. */
  readonly rejected: (after: string, repository?: string) => Promise<FoundRejected>;
  /** Repositories with one of some texts, in lower case, in their name. */
  readonly repositories: (texts: readonly string[]) => Promise<FoundRepositories>;
  /** Directories whose digest begins with some digits. */
  readonly digests: (beginning: string) => Promise<readonly string[]>;
}

/** So much of each kind stands on a page. */
export const ON_A_PAGE = 50;
export const MOST_HITS = 100;
const NEWEST = 8;
/** So many answers of each kind are remembered; all of them are forgotten beyond. */
const REMEMBERED = 16;

type Remember<Value> = (
  key: string,
  search: (store: SignatureStore) => Promise<Value>,
) => Promise<Value>;

export function createSearches(
  refresher: Pick<Refresher, 'store' | 'status' | 'rejected'>,
): Searches {
  let turn: Promise<unknown> = Promise.resolve();

  /** `empty` is the answer while there is no store. What a new stamp does not cover is forgotten. */
  const createMemory = <Value>(
    empty: Value,
    stampOf = ({ generation }: RefreshStatus): unknown => generation?.number,
  ): Remember<Value> => {
    const answers = new Map<string, Promise<Value>>();
    let stamp: unknown;
    return async (key, search) => {
      const store = refresher.store();
      const now = stampOf(refresher.status());
      if (stamp !== now || answers.size >= REMEMBERED) answers.clear();
      stamp = now;
      if (!store) return empty;
      const known = answers.get(key);
      if (known) return known;
      const answer = turn.then(async () => search(store));
      turn = answer.catch(() => answers.delete(key));
      answers.set(key, answer);
      return answer;
    };
  };

  const newest = createMemory<readonly string[]>([]);
  const images = createMemory<FoundImages>({ before: 0, directories: [] });
  const rejected = createMemory<FoundRejected>(
    { total: 0, files: [], hasMore: false },
    // A state that is refused has rejected files of its own.
    ({ generation, lastError }) => `${generation?.number} ${lastError?.at}`,
  );
  const repositories = createMemory<FoundRepositories>({
    total: 0,
    repositories: [],
    hasMore: false,
  });
  const digests = createMemory<readonly string[]>([]);

  return {
    newest: async () => newest('', async (store) => findNewestOfAll(store, NEWEST)),
    imagesOf: async (repository, after) =>
      images(JSON.stringify([repository, after]), async (store) =>
        findImages(store, repository, { after, limit: ON_A_PAGE }),
      ),
    rejected: async (after, repository = '') =>
      rejected(JSON.stringify([after, repository]), async () =>
        findRejected(refresher.rejected(), {
          matches: ({ path }) => repository === '' || isOf(repository, path),
          after,
          limit: ON_A_PAGE,
        }),
      ),
    repositories: async (texts) =>
      repositories(JSON.stringify(texts), async (store) =>
        findRepositories(store, {
          matches: (name) => {
            const lower = name.toLowerCase();
            return texts.some((text) => lower.includes(text));
          },
          after: '',
          limit: MOST_HITS,
        }),
      ),
    digests: async (beginning) =>
      digests(beginning, async (store) => findDigests(store, beginning, MOST_HITS)),
  };
}

/** Whether a file lies in a repository, or was meant to. */
function isOf(repository: string, path: string): boolean {
  if (!path.startsWith(repository)) return false;
  return path[repository.length] === '@' || path.lastIndexOf('/') === repository.length;
}
