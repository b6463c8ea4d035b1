import type { Entry } from '../../source.ts';
import { type CatFile, ObjectMissingError } from './cat-file.ts';
import type { GitObjects } from './git-objects.ts';
import { NO_SIZE, completeSizes } from './left-out.ts';
import { hasBlob, toEntry, toRemoved } from './tree-entry.ts';

/** A path that is not as it was in another tree; neither path is a tree's. */
export interface Change {
  readonly name: Uint8Array;
  /** What stands there now, if anything does; the mode has six digits. */
  readonly now: { readonly mode: string; readonly id: string } | undefined;
  /** Whether something stood there before. */
  readonly wasThere: boolean;
}

/** Finds out how large the files are that changed. Throws as completeSizes does. */
export async function toEntries(changes: readonly Change[], objects: GitObjects): Promise<Entry[]> {
  const entries = await Promise.all(
    changes.map(async ({ name, now, wasThere }) => {
      if (now === undefined) return toRemoved(name);
      const size = hasBlob(now.mode) ? await sizeOf(now.id, objects.sizes) : 0;
      return toEntry(now.mode, now.id, size, name, wasThere);
    }),
  );
  return completeSizes(entries, objects);
}

async function sizeOf(id: string, sizes: CatFile): Promise<number> {
  try {
    return (await sizes.ask(id)).size;
  } catch (error) {
    if (error instanceof ObjectMissingError) return NO_SIZE;
    throw error;
  }
}
