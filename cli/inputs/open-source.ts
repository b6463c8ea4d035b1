import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { messageOf } from '../../generator/terms/errors.ts';
import { parseSource } from '../../generator/sources/parse-source.ts';
import type { Source } from '../../generator/sources/source.ts';
import { MOST_TEXT_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { makeScratchDirectory } from '../../generator/system/scratch-directory.ts';
import type { Budgets } from '../../generator/terms/budgets.ts';
import { toBudgets } from '../base/budget-options.ts';
import { UsageError } from '../base/usage-error.ts';
import type { Settings } from '../base/options.ts';
import type { Environment } from '../base/read-settings.ts';
import { explainDirectory, explainTemporary } from './unusable-directory.ts';
import { readGitAccess } from './git-access.ts';
import type { ProcessIo } from '../base/process-io.ts';

/** Signals that end the program. */
export const STOPS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Opens SOURCE; a git source keeps its clone in `stateDirectory`, a directory is opened by
 * `openDirectory`. `ending` ends the work of either early.
 */
export async function openSource<DirectorySource>(
  location: string,
  settings: Settings,
  stateDirectory: string,
  environment: Environment,
  ending: AbortSignal,
  openDirectory: (
    path: string,
    subtree: string,
    ending: AbortSignal,
    budgets: Budgets,
  ) => Promise<DirectorySource>,
): Promise<DirectorySource | Source> {
  const address = parseSource(location);
  const budgets = toBudgets(settings);
  const tokenFile = settings['git-token-file'];
  const url = address.kind === 'directory' ? '' : address.url;
  if (tokenFile !== undefined) await assertTokenFile(tokenFile, url);
  const access = await readGitAccess(url, settings, environment);
  if (address.kind === 'directory') {
    return openDirectory(address.path, settings.path, ending, budgets);
  }
  const { createGitSource } = await import('../../generator/sources/git/git.ts');
  try {
    return await createGitSource({
      ...access,
      url,
      isBundle: address.isBundle === true,
      branch: settings.branch,
      path: settings.path,
      stateDirectory,
      tokenFile,
      environment,
      ending,
      budgets,
    });
  } catch (error) {
    throw explainDirectory(error, stateDirectory);
  }
}

/** Over plain HTTP a token would be read by anybody on the way; on the loopback nobody is. */
function isSafeForToken(url: string): boolean {
  if (!/^https?:/i.test(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

/**
 * Sees that a token file can be used for a URL.
 * @throws UsageError for a URL to which no token goes, and a file without a token
 */
export async function assertTokenFile(file: string, url: string): Promise<void> {
  if (!isSafeForToken(url)) {
    const message = '--git-token-file is for https:// sources, got another one';
    throw new UsageError(message, 'leave it out');
  }
  await readTokenFile(file);
}

/**
 * Reads a token: the first line of its file, as `token-helper.sh` does.
 * @throws UsageError for a file that cannot be read, or has none
 */
export async function readTokenFile(file: string): Promise<string> {
  const bytes = await readBounded(file, MOST_TEXT_BYTES).catch((cause: unknown) => {
    const hint = 'make it readable for the user that runs lookaside';
    throw new UsageError(`--git-token-file: ${messageOf(cause)}`, hint, { cause });
  });
  const text = bytes.toString();
  const token = text.split('\n', 1)[0]?.trim() ?? '';
  if (token !== '') return token;
  const fault = text.trim() === '' ? `${file} is empty` : `the first line of ${file} is empty`;
  throw new UsageError(`--git-token-file: ${fault}`, 'put the token on its first line');
}

/**
 * Runs an action with a state directory that is there for this one run only. A signal to stop
 * aborts the action, so that the directory goes then too: once the action has ended, as whoever
 * still works in it would make it anew.
 */
export async function withTemporaryState<Result>(
  signals: ProcessIo['signals'],
  action: (directory: string, ending: AbortSignal) => Promise<Result>,
): Promise<Result> {
  let directory: string | undefined;
  try {
    // Listened for before there is anything to remove.
    return await untilStopped(
      signals,
      async (ending) => {
        directory = await makeScratchDirectory(tmpdir(), 'clone').catch((error: unknown) => {
          throw explainTemporary(error);
        });
        ending.throwIfAborted();
        return action(directory, ending);
      },
      STOP_TIME,
    );
  } finally {
    if (directory !== undefined) {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    }
  }
}

/** How long an action that works in a temporary directory may take to stop. Milliseconds. */
const STOP_TIME = 5000;

/**
 * Runs an action that a signal to stop aborts; waits for its end then for `patience` milliseconds.
 * @throws UsageError once there was such a signal.
 */
export async function untilStopped<Result>(
  signals: ProcessIo['signals'],
  action: (ending: AbortSignal) => Promise<Result>,
  patience = 0,
): Promise<Result> {
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  let timer: NodeJS.Timeout | undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    ending.signal.addEventListener('abort', () => {
      timer = setTimeout(() => reject(new UsageError('interrupted')), patience);
    });
  });
  for (const name of STOPS) signals.once(name, stop);
  try {
    return await Promise.race([action(ending.signal), interrupted]);
  } catch (error) {
    throw ending.signal.aborted ? new UsageError('interrupted') : error;
  } finally {
    clearTimeout(timer);
    // What follows may be ended the usual way.
    for (const name of STOPS) signals.off(name, stop);
  }
}
