// Brings the newest commit of a branch with nothing but what a transfer takes. `git fetch` then
// walks every directory of the store, old and new, to see that none is missing, which takes
// seconds where there are a million. Here, what is missing is found when it is read.
//
// Of what git and the remote say nothing is taken but the name of an object, in its exact form.
import type { GitLimits, GitResult, GitTalk } from '../processes/running-git.ts';
import type { GitRunner } from '../processes/git-runner.ts';

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

/** How something is brought. */
export interface TransferOptions {
  readonly limits: Partial<GitLimits>;
  /** What the remote may leave out, if it can, as git-rev-list(1) has it for `--filter`. */
  readonly filter?: string | undefined;
  /** Brings what is here already, too: the remote is not told of it. */
  readonly isAnew?: boolean;
}

/**
 * Transfers what is missing of a ref to where `runner` has git write objects, and gives its
 * commit. `url` is as resolveUrl gives it. No ref is set. Undefined when that does not work, for
 * whatever reason: then a fetch says why. Rejects as the runner does.
 */
export async function transferBranch(
  runner: GitRunner,
  url: string,
  ref: string,
  options: TransferOptions,
): Promise<string | undefined> {
  if (FOREIGN.test(url)) return undefined;
  if (isHttp(url)) {
    const { exitCode, commit } = await transferOverHttp(runner, url, ref, options);
    return exitCode === 0 ? commit : undefined;
  }
  return findCommit(await fetchPack(runner, url, [ref], options), ref);
}

/**
 * Transfers blobs by their names, whatever a remote has left out. It may refuse that, or fail: what has
 * come is seen afterwards. Rejects as the runner does.
 */
export async function transferBlobs(
  runner: GitRunner,
  url: string,
  ids: readonly string[],
  limits: Partial<GitLimits>,
): Promise<void> {
  const options = { limits, isAnew: true };
  if (isHttp(url)) await talkOverHttp(runner, url, options, () => ids.map((id) => `${id} ${id}`));
  else await fetchPack(runner, url, ids, options);
}

/** What git says that it has brought, in lines of `OBJECT SP REF`. */
async function fetchPack(
  runner: GitRunner,
  url: string,
  wanted: readonly string[],
  { limits, filter, isAnew }: TransferOptions,
): Promise<readonly string[]> {
  // No option, nor what only `git fetch` speaks.
  if (url.startsWith('-') || FOREIGN.test(url)) return [];
  const args = ['fetch-pack', ...(isAnew ? ['--refetch'] : ['--thin'])];
  if (filter !== undefined) args.push(`--filter=${filter}`);
  const { exitCode, stdout } = await runner.run([...UNSYNCED, ...args, url, ...wanted], { limits });
  return exitCode === 0 ? stdout.split('\n') : [];
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
  options: TransferOptions,
): Promise<HttpTransfer> {
  let commit: string | undefined;
  const want = (): readonly string[] => (commit === undefined ? [] : [`${commit} ${ref}`]);
  const result = await talkOverHttp(runner, url, options, want, (line) => {
    commit ??= findCommit([line], ref);
  });
  return { ...result, commit };
}

/** Asks for what `want` says once all refs were told, one after the other, to `onRef`. */
async function talkOverHttp(
  runner: GitRunner,
  url: string,
  { limits, filter, isAnew }: TransferOptions,
  want: () => readonly string[],
  onRef: (line: string) => void = ignore,
): Promise<Pick<GitResult, 'exitCode' | 'stderr'>> {
  let isListing = true;
  const settings = ['verbosity 1', 'progress true'];
  if (filter !== undefined) settings.push(`filter ${filter}`);
  if (isAnew) settings.push('refetch true');
  // The second version of the protocol cannot be had this way.
  const talk: GitTalk = {
    start: `${settings.map((one) => `option ${one}\n`).join('')}list\n`,
    answer: (line) => {
      if (isListing) onRef(line);
      if (line !== '') return '';
      const wanted = isListing ? want() : [];
      isListing = false;
      return `${wanted.map((one) => `fetch ${one}\n`).join('')}\n`;
    },
  };
  const [helper = ''] = HTTP.exec(url) ?? [];
  const args = [...UNSYNCED, '-c', 'protocol.version=0', `remote-${helper.toLowerCase()}`];
  return runner.run([...args, url, url], { talk, onLine: ignore, limits });
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
