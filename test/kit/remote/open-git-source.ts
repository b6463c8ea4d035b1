import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createGitSource } from '../../../generator/sources/git/git.ts';
import type { Source } from '../../../generator/sources/source.ts';
import { type Budgets, DEFAULT_BUDGETS } from '../../../generator/terms/budgets.ts';

/** Opens the default branch of a remote, all of it; budgets are the defaults unless told. */
export async function openGitSource(
  url: string,
  stateDirectory: string,
  budgets: Partial<Budgets> = {},
): Promise<Source> {
  return createGitSource({
    url,
    branch: undefined,
    path: '',
    stateDirectory,
    tokenFile: undefined,
    environment: process.env,
    budgets: { ...DEFAULT_BUDGETS, ...budgets },
  });
}

/** The clone of the only source that was opened with a state directory. */
export async function findClone(stateDirectory: string): Promise<string> {
  const [name = ''] = await readdir(stateDirectory);
  return join(stateDirectory, name, 'clone.git');
}
