// Brings the newest commit of a branch with nothing but what a transfer takes. `git fetch` then
// walks every directory of the store, old and new, to see that none is missing, which takes
// seconds where there are a million. Here, what is missing is found when it is read.
//
// Of what git and the remote say nothing is taken but the name of an object, in its exact form.
import type { GitLimits, GitResult, GitTalk } from './git/running-git.ts';
import type { GitRunner } from './git-runner.ts';

/** What comes is synced before a ref leads to it, not while a refresh waits for it. */
export const UNSYNCED: readonly string[] = ['-c', 'core.fsync=none'];

const HTTP = /^https?(?=:)/i;
/** `helper::address`, which only `git fetch` speaks. */
const FOREIGN = /^[a-z0-9+.-]+::/i;
/** The name of an object, in full. */
export const OBJECT_NAME = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/**
 * The address that the user's settings (`url.….insteadOf`) make of a URL; undefined where git cannot
 * tell.
 */
export async function resolveUrl(runner: GitRunner, url: string): Promise<string | undefined> {
  const { exitCode, stdout } = await runner.run(['ls-remote', '--get-url', '--', url]);
  return exitCode === 0 ? stdout.trim() : undefined;
}

/**
 * Transfers what is missing of a branch to where `runner` has git write objects, and gives its
 * commit. `url` is as resolveUrl gives it. No ref is set. Undefined when that does not work, for
 * whatever reason: then a fetch says why. Rejects as the runner does.
 */
export async function transferBranch(
  runner: GitRunner,
  url: string,
  branch: string,
  limits: Partial<GitLimits>,
): Promise<string | undefined> {
  // No option, nor what only `git fetch` speaks.
  if (url.startsWith('-') || FOREIGN.test(url)) return undefined;
  const ref = `refs/heads/${branch}`;
  if (isHttp(url)) {
    const { exitCode, commit } = await transferOverHttp(runner, url, ref, limits);
    return exitCode === 0 ? commit : undefined;
  }
  const args = [...UNSYNCED, 'fetch-pack', '--thin', url, ref];
  const { exitCode, stdout } = await runner.run(args, { limits });
  return exitCode === 0 ? findCommit(stdout.split('\n'), ref) : undefined;
}

/** Whether git speaks to a URL, as resolveUrl gives it, through its HTTP helper. */
export function isHttp(url: string): boolean {
  return HTTP.test(url);
}

/** How a helper ended, and the commit that it brought; undefined if the remote has no such ref. */
export interface HttpTransfer extends Pick<GitResult, 'exitCode' | 'stderr'> {
  readonly commit: string | undefined;
}

/**
 * The same for a ref over HTTP: we speak with git's helper ourselves, as gitremote-helpers(7) says.
 * `git fetch` would take what the remote says of its refs for words of the helper: a name with
 * line breaks in it makes git remove a file of the remote's choice. Here such words mean nothing.
 */
export async function transferOverHttp(
  runner: GitRunner,
  url: string,
  ref: string,
  limits: Partial<GitLimits>,
): Promise<HttpTransfer> {
  let commit: string | undefined;
  let isListing = true;
  // The second version of the protocol cannot be had this way.
  const talk: GitTalk = {
    start: 'option verbosity 1\noption progress true\nlist\n',
    answer: (line) => {
      if (isListing) commit ??= findCommit([line], ref);
      if (line !== '') return '';
      const isFirst = isListing;
      isListing = false;
      return isFirst && commit !== undefined ? `fetch ${commit} ${ref}\n\n` : '\n';
    },
  };
  const [helper = ''] = HTTP.exec(url) ?? [];
  const args = [...UNSYNCED, '-c', 'protocol.version=0', `remote-${helper.toLowerCase()}`];
  const { exitCode, stderr } = await runner.run([...args, url, url], {
    talk,
    onLine: ignore,
    limits,
  });
  return { exitCode, stderr, commit };
}

/** In a list of `OBJECT SP REF`. */
export function findCommit(lines: readonly string[], ref: string): string | undefined {
  for (const line of lines) {
    const [id = '', name] = line.split(' ');
    if (name === ref && OBJECT_NAME.test(id)) return id;
  }
  return undefined;
}

/** What was answered need not be kept. */
function ignore(): void {}
