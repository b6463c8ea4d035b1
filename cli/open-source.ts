import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDirectorySource } from '../generator/sources/directory.ts';
import { createGitSource } from '../generator/sources/git.ts';
import { parseSource } from '../generator/sources/parse-source.ts';
import type { Source } from '../generator/sources/source.ts';
import { Complaint } from './complaint.ts';
import type { Settings } from './options.ts';
import type { Environment } from './read-settings.ts';
import type { World } from './world.ts';

/** Signals that end the program. */
export const STOPS = ['SIGINT', 'SIGTERM'] as const;

/** Opens SOURCE; a git source keeps its clone in `stateDirectory`. `ending` ends its work early. */
export async function openSource(
  location: string,
  settings: Settings,
  stateDirectory: string,
  environment: Environment,
  ending?: AbortSignal,
): Promise<Source> {
  const address = parseSource(location);
  if (address.kind === 'directory') return createDirectorySource(address.path, settings.path);
  return createGitSource({
    url: address.url,
    branch: settings.branch,
    path: settings.path,
    stateDirectory,
    tokenFile: settings['git-token-file'],
    environment,
    ending,
  });
}

/**
 * Runs an action with a state directory that is there for this one run only. A signal to stop
 * aborts the action, so that the directory goes then too.
 */
export async function withTemporaryState<Result>(
  signals: World['signals'],
  action: (directory: string, ending: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'lookaside-'));
  const ending = new AbortController();
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const name of STOPS) {
      signals.once(name, () => {
        reject(new Complaint('interrupted'));
        ending.abort();
      });
    }
  });
  try {
    return await Promise.race([action(directory, ending.signal), interrupted]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
