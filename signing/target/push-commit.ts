// Pushes a commit to one ref, never by force, and tells what became of it.
import { ProcessLimitError } from '../../generator/system/process-limits.ts';
import { toLine } from '../../generator/terms/text.ts';
import { REMOTE } from './remote-objects.ts';
import { PROGRESS_LINE, RepositoryError, toRepositoryError } from './repository-error.ts';
import type { UserGit, UserGitResult } from './user-git.ts';

export type PushOutcome =
  /** With what the remote said, line by line. */
  | { readonly kind: 'pushed'; readonly said: readonly string[] }
  /** Somebody else was faster: from the new tip it may work. */
  | { readonly kind: 'overtaken' }
  /** Another push holds the ref, or did not let go of it when it died. With what the remote said. */
  | { readonly kind: 'locked'; readonly reason: string }
  /** The connection broke, or the remote fell silent: nobody knows whether it came through. */
  | { readonly kind: 'broken'; readonly error: RepositoryError }
  /** It would be refused again. */
  | { readonly kind: 'refused'; readonly error: RepositoryError };

/** Turns off what the user's settings add to a push. */
const SETTINGS: readonly string[] = ['-c', 'push.negotiate=false', '-c', 'pack.useSparse=true'];

/** What git says of a ref that another push has moved, */
const OVERTAKEN =
  /\[rejected\] \((?:fetch first|non-fast-forward|stale info)\)|\((?:incorrect old value provided|reference already exists)\)/;
/** the remote's git of the same, */
const IS_ELSEWHERE = /is at [0-9a-f]+ but expected/;
/** and git of one that could not be moved, be it that another push holds it. */
const LOCKED =
  /\[remote rejected\] \((?:failed to update ref|cannot lock ref.*|failed to lock.*|failed to write)\)/;
/**
 * Git packs all that hangs from a commit if the remote names none of the commits below it any more: what
 * we left out is missing then.
 */
const BASE_GONE = /could not fetch [0-9a-f]+ from promisor remote/;
/** What git says of a connection that breaks, and of a server that is busy. */
const BROKEN =
  /hung up unexpectedly|early EOF|unexpected disconnect|RPC failed|Connection (?:reset|refused|timed out|closed)|Failed to connect|Couldn't connect|Empty reply|Could not resolve host|error: 5\d\d|error: 429|Operation timed out|HTTP 5\d\d|HTTP 429/i;
/** What no other attempt changes, whatever else git says of the connection. */
const LASTING =
  /(?:HTTP|error:) 4(?!08|29)\d\d|denied|read.only|does not support (?:push options|--signed push)|aborted by hook/i;
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
  const how = [...modestly, ...(isDryRun ? ['--dry-run'] : []), ...words];
  const call = { isRemote: true, settings: SETTINGS };
  try {
    return toOutcome(await git.run(directory, ['push', ...how, REMOTE, `${commit}:${ref}`], call));
  } catch (error) {
    const isCutOff = error instanceof RepositoryError && error.cause instanceof ProcessLimitError;
    if (isCutOff) return { kind: 'broken', error };
    throw error;
  }
}

function toOutcome({ exitCode, stdout, stderr }: UserGitResult): PushOutcome {
  if (exitCode === 0) return { kind: 'pushed', said: remoteLines(stderr) };
  const line = stdout
    .toString()
    .split('\n')
    .find((one) => one.startsWith('!\t'));
  const summary = line?.split('\t').at(-1) ?? '';
  const isLocked = LOCKED.test(summary);
  const isBehind = isLocked ? IS_ELSEWHERE.test(stderr) : BASE_GONE.test(stderr);
  if (OVERTAKEN.test(summary) || isBehind) {
    return { kind: 'overtaken' };
  }
  if (isLocked && !LASTING.test(stderr)) return { kind: 'locked', reason: readFault(stderr) };
  const error = toRepositoryError('push', `${stderr}\n${summary}`);
  const isBroken = line === undefined && BROKEN.test(stderr) && !LASTING.test(stderr);
  return { kind: isBroken ? 'broken' : 'refused', error };
}

/** The first error of the remote; what its git says below it is advice. */
function readFault(stderr: string): string {
  const said = remoteLines(stderr);
  return said.find((line) => line.startsWith('error: ')) ?? said[0] ?? 'it does not say why';
}

function remoteLines(stderr: string): readonly string[] {
  return [...stderr.matchAll(/^remote: *(.*?)[ \r]*$/gm)]
    .map(([, line = '']) => toLine(line))
    .filter((line) => line !== '' && !PROGRESS_LINE.test(line));
}
