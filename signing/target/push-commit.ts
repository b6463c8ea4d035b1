// Pushes a commit to one ref, never by force, and tells what became of it.
import { toLine } from '../../generator/terms/text.ts';
import { REMOTE } from './remote-objects.ts';
import { PROGRESS_LINE, type RepositoryError, toRepositoryError } from './repository-error.ts';
import type { UserGit } from './user-git.ts';

export type PushOutcome =
  /** With what the remote said, line by line. */
  | { readonly kind: 'pushed'; readonly said: readonly string[] }
  /** Somebody else was faster, or is at it: from the new tip it may work. */
  | { readonly kind: 'overtaken'; readonly reason: string }
  /** The connection broke: nobody knows whether it came through. */
  | { readonly kind: 'broken'; readonly error: RepositoryError }
  /** It would be refused again. */
  | { readonly kind: 'refused'; readonly error: RepositoryError };

/**
 * What git does at a push beside it, if the user has configured so: hooks for all repositories would look
 * for a work tree.
 */
const SETTINGS: readonly string[] = [
  '-c',
  'push.negotiate=false',
  '-c',
  'pack.useSparse=true',
  '-c',
  'core.hooksPath=/dev/null',
];

/** What git says of a ref that another push holds or has moved. */
const OVERTAKEN =
  /\[rejected\] \((?:fetch first|non-fast-forward|stale info)\)|\[remote rejected\] \((?:failed to update ref|cannot lock ref.*|failed to lock.*|incorrect old value provided|reference already exists|failed to write)\)/;
/** What git says of a connection that breaks, and of a server that is busy. */
const BROKEN =
  /hung up unexpectedly|early EOF|unexpected disconnect|RPC failed|Connection (?:reset|refused|timed out|closed)|Failed to connect|Couldn't connect|Empty reply|Could not resolve host|error: 5\d\d|error: 429|Operation timed out|HTTP 5\d\d|HTTP 429/i;
/** What no other attempt changes, whatever else git says of the connection. */
const LASTING = /(?:HTTP|error:) 4(?!08|29)\d\d|denied|read.only|does not support push options/i;
const OPTIONS_REFUSED = /does not support push options/;

/** Whether a push failed only because the remote takes no push options. */
export function refusesOptions({ message }: RepositoryError): boolean {
  return OPTIONS_REFUSED.test(message);
}

/** How a commit is pushed. */
export interface PushManner {
  /** Push options. */
  readonly options?: readonly string[];
  /** Goes as far as it can without sending anything: the remote says whether this user may push. */
  readonly isDryRun?: boolean;
}

/** Pushes a commit to `ref` of the remote. */
export async function pushCommit(
  git: UserGit,
  directory: string,
  commit: string,
  ref: string,
  { options = [], isDryRun = false }: PushManner = {},
): Promise<PushOutcome> {
  const modestly = ['--porcelain', '--progress', '--no-follow-tags', '--recurse-submodules=no'];
  const words = options.flatMap((option) => ['-o', option]);
  const { exitCode, stdout, stderr } = await git.run(
    directory,
    ['push', ...modestly, ...(isDryRun ? ['--dry-run'] : []), ...words, REMOTE, `${commit}:${ref}`],
    { isRemote: true, settings: SETTINGS },
  );
  if (exitCode === 0) return { kind: 'pushed', said: remoteLines(stderr) };
  const line = stdout
    .toString()
    .split('\n')
    .find((one) => one.startsWith('!\t'));
  const summary = line?.split('\t').at(-1) ?? '';
  if (OVERTAKEN.test(summary)) return { kind: 'overtaken', reason: toLine(summary) };
  const error = toRepositoryError('push', `${stderr}\n${summary}`);
  const isBroken = line === undefined && BROKEN.test(stderr) && !LASTING.test(stderr);
  return { kind: isBroken ? 'broken' : 'refused', error };
}

function remoteLines(stderr: string): readonly string[] {
  return [...stderr.matchAll(/^remote: *(.*?) *$/gm)]
    .map(([, line = '']) => toLine(line))
    .filter((line) => line !== '' && !PROGRESS_LINE.test(line));
}
