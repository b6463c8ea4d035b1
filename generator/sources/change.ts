import type { CatFile } from './cat-file.ts';
import type { Entry } from './source.ts';
import { isFileMode, toEntry, toRemoved } from './tree-entry.ts';

/** A path that is not as it was in another tree; neither path is a tree's. */
export interface Change {
  readonly name: Uint8Array;
  /** What stands there now, if anything does; the mode has six digits. */
  readonly now: { readonly mode: string; readonly id: string } | undefined;
  /** Whether something stood there before. */
  readonly wasThere: boolean;
}

/** Asks `sizes`, a `git cat-file --batch-check`, how large the files are that changed. */
export async function toEntries(changes: readonly Change[], sizes: CatFile): Promise<Entry[]> {
  return Promise.all(
    changes.map(async ({ name, now, wasThere }) => {
      if (now === undefined) return toRemoved(name);
      const size = isFileMode(now.mode) ? (await sizes.ask(now.id)).size : 0;
      return toEntry(now.mode, now.id, size, name, wasThere);
    }),
  );
}
