// Whether a push would make the branch larger than its own configuration allows: nodes would take the
// signatures, and the server refuse the whole state. Told before anything is pushed, in the words of the hook.
import { dirname } from 'node:path/posix';
import { StateRefusedError } from '../../generator/sources/source.ts';
import { StateCounter } from '../../generator/sources/state-counter.ts';
import type { RefusedState } from '../../generator/store/report.ts';
import type { StateBudgets } from '../../generator/terms/budgets.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import { stripSubtree } from './published-signatures.ts';

/** What is published of a repository, and how much that may be. */
export interface PublishedLimits {
  /** '' for all of it. */
  readonly subtree: string;
  /** Only what the repository says itself, as it costs to count a large one; undefined for nothing. */
  readonly limits?: StateBudgets | undefined;
}

/**
 * Why the state that new files lead to would be refused; undefined if it would not. Paths are from the root.
 * @throws RepositoryError
 */
export async function foreseeExcess(
  repository: SignatureRepository,
  paths: readonly string[],
  { subtree, limits }: PublishedLimits,
): Promise<RefusedState | undefined> {
  if (!limits || paths.length === 0) return undefined;
  const counter = new StateCounter(limits);
  try {
    const ways = new Set(paths.flatMap((path) => listParents(stripSubtree(subtree, path))));
    const inRepository = [...ways].map((way) => (subtree === '' ? way : `${subtree}/${way}`));
    const found = await repository.tree.find(inRepository);
    for (const [at, way] of [...ways].entries()) {
      if (found.has(inRepository[at] ?? '')) continue;
      counter.add('directories', Buffer.byteLength(way));
    }
    for (const path of paths) counter.add('files', Buffer.byteLength(stripSubtree(subtree, path)));
    await repository.countPaths(subtree, counter);
    return undefined;
  } catch (error) {
    if (!(error instanceof StateRefusedError)) throw error;
    const { message, hint = '' } = error;
    return { code: 'state-refused', message, hint };
  }
}

/** The directories on the way to a file. */
function listParents(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === '.' ? [] : [...listParents(parent), parent];
}
