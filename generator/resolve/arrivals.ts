// Which commit brought the signatures of a directory: what decides between digests that were signed for a tag
// in the same second. Git takes too long to be asked while somebody waits, so it is asked once and remembered.
import type { HistoryChange } from '../sources/source.ts';
import type { SignatureStore } from '../store/store.ts';

/** Ties are rare. */
const MOST = 1000;

type ReadStore = Pick<SignatureStore, 'servedFilesIn'>;

export class Arrivals {
  readonly #changes = new Map<string, Pick<HistoryChange, 'id' | 'date'>>();

  /** When the commit was made that brought the newest signature of a directory, in milliseconds since 1970. */
  arrivalOf(store: ReadStore, directory: string): number | undefined {
    const change = this.#changes.get(keyOf(store, directory) ?? '');
    return change && Date.parse(change.date);
  }

  /** That commit, in full; undefined where it was not asked for. */
  commitOf(store: ReadStore, directory: string): string | undefined {
    return this.#changes.get(keyOf(store, directory) ?? '')?.id;
  }

  /** Asks git; a directory of which it does not tell stays unknown. Throws what `lastChange` throws. */
  async learn(
    store: ReadStore,
    directories: readonly string[],
    lastChange: (path: string) => Promise<HistoryChange | undefined>,
  ): Promise<void> {
    for (const directory of directories) {
      const key = keyOf(store, directory);
      const file = findNewest(store, directory);
      const change = file && (await lastChange(file.path));
      if (key === undefined || !change) continue;
      this.#changes.set(key, { id: change.id, date: change.date });
      const [oldest] = this.#changes.keys();
      if (this.#changes.size > MOST && oldest !== undefined) this.#changes.delete(oldest);
    }
  }
}

/** Changes when another signature is the newest. */
function keyOf(store: ReadStore, directory: string): string | undefined {
  const file = findNewest(store, directory);
  return file && `${directory}/${file.signature.hash}`;
}

function findNewest(store: ReadStore, directory: string) {
  return store
    .servedFilesIn(directory)
    .toSorted((a, b) => b.signature.signedAt - a.signature.signedAt)[0];
}
