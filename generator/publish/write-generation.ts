import { randomUUID } from 'node:crypto';
import { rename, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeTree, syncFileSystem, syncPath, syncPaths } from '../system/durable.ts';
import { linkTree, shapeTree } from './shape-tree.ts';
import type { TreeFacts } from './tree-facts.ts';
import type { WantedTree } from './wanted-tree.ts';

const TEMPORARY = '.tmp-';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A name that nothing in the directory has. */
export function temporaryIn(directory: string): string {
  return join(directory, `${TEMPORARY}${randomUUID()}`);
}

/** Whether a name is one that `temporaryIn` gives: left behind by a killed run, and not somebody else's. */
export function isTemporary(name: string): boolean {
  return name.startsWith(TEMPORARY) && UUID.test(name.slice(TEMPORARY.length));
}

/**
 * Turns the spare tree into the generation, or makes it anew with what `previous` has; tells
 * whether it was the spare. Nothing has the generation's name before all of it is on the disk.
 */
export async function writeGeneration(
  generation: string,
  spare: string,
  wanted: WantedTree,
  previous: string | undefined,
  facts: TreeFacts,
  now: Date,
): Promise<boolean> {
  const temporary = temporaryIn(dirname(generation));
  const isRecycled = await rename(spare, temporary).then(
    () => true,
    () => false,
  );
  try {
    const touched = shapeTree(temporary, wanted, previous, facts);
    // A spare is old; killed before it is current, it must not be taken for replaced long ago.
    await utimes(temporary, now, now);
    await syncPaths(touched, temporary);
    await rename(temporary, generation);
  } catch (error) {
    // Half a tree must not go on filling the disk.
    removeTree(temporary);
    // Without the spare there is more room, and nothing in it that cannot be changed.
    if (isRecycled) return writeGeneration(generation, spare, wanted, previous, facts, now);
    throw error;
  }
  await syncPath(dirname(generation));
  return isRecycled;
}

/** Links a second tree for the next run to start from. Without it that run only takes longer. */
export async function makeSpare(
  generation: string,
  spare: string,
  wanted: WantedTree,
): Promise<void> {
  const temporary = temporaryIn(dirname(spare));
  try {
    linkTree(generation, temporary, wanted);
    // What the next run finds unchanged in it is not synced again.
    if (!(await syncFileSystem(temporary))) throw new Error('cannot sync at once');
    await rename(temporary, spare);
  } catch {
    removeTree(temporary);
  }
}
