// Brings the newest commit of a branch, and does nothing else. `git fetch` then walks through every
// directory of the store, old and new, to check that none is missing, which takes seconds where there
// are a million. Here, a missing object is found when it is read.
//
// Of what git and the remote say, only object names are used, and only in their exact form.
import type { GitLimits, GitResult, GitTalk } from '../processes/running-git.ts';
import type { RestartingRunner } from '../processes/restarting-runner.ts';

/** What comes is synced before a ref is set (CloneRefs), not while a refresh waits for it. */
export const UNSYNCED: readonly string[] = ['-c', 'core.fsync=none'];

const HTTP = /^https?(?=:)/i;
/** `helper::address`, which only `git fetch` speaks. */
const FOREIGN = /^[a-z0-9+.-]+::/i;
/** A full object name. */
export const OBJECT_NAME = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** Applies the user's settings (`url.….insteadOf`) to a URL; undefined where git cannot read them. */
export async function resolveUrl(
  runner: RestartingRunner,
  url: string,
): Promise<string | undefined> {
  const { exitCode, stdout } = await runner.run(['ls-remote', '--get-url', '--', url]);
  return exitCode === 0 ? stdout.trim() : undefined;
}

/** What a transfer may take and leave out. */
export interface TransferOptions {
  readonly limits: Partial<GitLimits>;
  /** What the remote may leave out, if it can, as git-rev-list(1) has it for `--filter`. */
  readonly filter?: string | undefined;
  /** Brings everything again: the remote is not told what is here already. */
  readonly isAnew?: boolean;
}

/**
 * Transfers what is missing of a ref to where `runner` has git write objects, and gives its commit. No
 * ref is set. `url` is one that resolveUrl gave. Undefined when that does not work, for whatever reason:
 * then a fetch says why. Rejects as the runner does.
 */
export async function transferBranch(
  runner: RestartingRunner,
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
 * Transfers blobs by their object names. The remote may refuse that: which ones have come must be checked
 * afterwards. Rejects as the runner does.
 */
export async function transferBlobs(
  runner: RestartingRunner,
  url: string,
  ids: readonly string[],
  limits: Partial<GitLimits>,
): Promise<void> {
  const options = { limits, isAnew: true };
  if (isHttp(url)) await talkOverHttp(runner, url, options, () => ids.map((id) => `${id} ${id}`));
  else await fetchPack(runner, url, ids, options);
}

/** Gives what git prints of what it has brought: lines of `OBJECT SP REF`. */
async function fetchPack(
  runner: RestartingRunner,
  url: string,
  wanted: readonly string[],
  { limits, filter, isAnew }: TransferOptions,
): Promise<readonly string[]> {
  // It must not be taken for an option, and some addresses only `git fetch` speaks.
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
 * Does what transferBranch does for a ref over HTTP, by talking to git's helper as gitremote-helpers(7)
 * has it. `git fetch` would take what the remote says of its refs for words of the helper: a name with
 * line breaks makes git remove a file of the remote's choice. Here such words mean nothing.
 */
export async function transferOverHttp(
  runner: RestartingRunner,
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

/** Gives each ref of the remote to `onRef`, and then asks for what `want` gives. */
async function talkOverHttp(
  runner: RestartingRunner,
  url: string,
  { limits, filter, isAnew }: TransferOptions,
  want: () => readonly string[],
  onRef: (line: string) => void = ignore,
): Promise<Pick<GitResult, 'exitCode' | 'stderr'>> {
  let isListing = true;
  const settings = ['verbosity 1', 'progress true'];
  if (filter !== undefined) settings.push(`filter ${filter}`);
  if (isAnew) settings.push('refetch true');
  // The helper does not speak version 2 of the protocol in this way.
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

/** The commit of a ref in lines of `OBJECT SP REF`; undefined if it is not there. */
export function findCommit(lines: readonly string[], ref: string): string | undefined {
  for (const line of lines) {
    const [id = '', name] = line.split(' ');
    if (name === ref && OBJECT_NAME.test(id)) return id;
  }
  return undefined;
}

/** For lines that nobody needs: with a listener the runner does not keep them. */
function ignore(): void {}
