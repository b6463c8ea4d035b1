import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { holdsTree } from './check-tree.ts';
import type { TreeFacts } from './tree-facts.ts';
import type { WantedTree } from './wanted-tree.ts';

const CONTENT_ID_LENGTH = 16;
/** A commit, or a name for the content; both where one does not do; and a number behind a damaged one. */
const GENERATION_ID = /^(?:[0-9a-f]{16}|[0-9a-f]{40}|[0-9a-f]{64})(?:-[0-9a-f]{16}(?:-[0-9]+)?)?$/;

/** Whether a name has the form that `generationId` gives. Others are not ours to remove. */
export function isGenerationId(name: string): boolean {
  return GENERATION_ID.test(name);
}

/**
 * A name below `generations` that is free, or that stands for the wanted tree already: the commit,
 * or without one a name for the content. The same commit gives another tree with other keys; then
 * the content tells them apart. What was damaged stays until it is pruned, as `current` may still
 * lead to it.
 */
export async function generationId(
  generations: string,
  commit: string | undefined,
  wanted: WantedTree,
  facts: TreeFacts,
): Promise<string> {
  const isFree = async (id: string): Promise<boolean> => {
    const generation = join(generations, id);
    const isThere = await lstat(generation).then(
      () => true,
      () => false,
    );
    return !isThere || holdsTree(generation, wanted, facts);
  };
  if (commit !== undefined && (await isFree(commit))) return commit;
  const content = contentId(wanted);
  if (commit === undefined && (await isFree(content))) return content;
  const id = `${commit ?? content}-${content}`;
  let free = id;
  for (let damaged = 1; !(await isFree(free)); damaged++) free = `${id}-${damaged}`;
  return free;
}

function contentId(wanted: WantedTree): string {
  const lines = wanted.files.map(([path, { hash }]) => `${path} ${hash}\n`);
  const hash = createHash('sha256').update(lines.toSorted().join(''));
  return hash.digest('hex').slice(0, CONTENT_ID_LENGTH);
}
