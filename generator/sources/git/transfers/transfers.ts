// What is brought from a remote into a clone, within the budgets of what a pusher may send. Where the
// clone allows it, the remote is asked to leave out what is too large to be served.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessLimits } from '../../../system/process-limits.ts';
import { type CloneRefs, FETCHED, PUBLISHED } from '../clone/clone-refs.ts';
import {
  FILTER,
  isPartial,
  makeWhole,
  markPacks,
  packArguments,
  packPath,
} from '../clone/partial-clone.ts';
import { type GitEnvironment, runGit } from '../processes/git-child.ts';
import { toGitError } from '../processes/git-error.ts';
import type { RestartingRunner } from '../processes/restarting-runner.ts';
import type { GitLimits } from '../processes/running-git.ts';
import type { Incoming } from './incoming.ts';
import type { Receiver } from './receiver.ts';
import {
  OBJECT_NAME,
  type TransferOptions,
  UNSYNCED,
  isHttp,
  resolveUrl,
  transferBlobs,
  transferBranch,
  transferOverHttp,
} from './transfer-branch.ts';

const MINUTE = 60_000;

/** How long a transfer may take, whatever progress it reports. Milliseconds. */
export interface TransferDeadlines {
  readonly refresh: number;
  /** Of the first clone, or of one that replaces a damaged one. */
  readonly clone: number;
}

export const TRANSFER_DEADLINES: TransferDeadlines = { refresh: 10 * MINUTE, clone: 60 * MINUTE };
/** Packing what another clone has prints nothing before it is done. */
const ADOPTION_LIMITS: ProcessLimits = {
  silence: TRANSFER_DEADLINES.clone,
  deadline: TRANSFER_DEADLINES.clone,
  stdout: 64 * 1024,
  stderr: 1024 * 1024,
};
/** Over HTTP all refs of a remote come first; their list is not kept. Bytes. */
const MOST_REFS = 256 * 1024 ** 2;

export interface TransfersOptions {
  /** Anything that git fetches from. */
  readonly url: string;
  /** Whether that is the path of a bundle. */
  readonly isBundle: boolean;
  /** Where the clone is. */
  readonly directory: string;
  /** Has git write into `incoming`. */
  readonly git: RestartingRunner;
  readonly incoming: Incoming;
  readonly receiver: Receiver;
  readonly refs: CloneRefs;
  /** The most that one file may take that a transfer writes; each pack is one. Bytes. */
  readonly budget: number;
  readonly deadlines: TransferDeadlines;
  /** For a git that works on another clone, and what stops it. */
  readonly environment: GitEnvironment;
  readonly ending: AbortSignal | undefined;
}

/**
 * Each method rejects with a StateRefusedError when the newest state costs more than its budget; nothing
 * of it is in the clone then. A GitLimitError or a GitKilledError says nothing about the clone.
 */
export class Transfers {
  readonly #options: TransfersOptions;
  #address: string | undefined;

  constructor(options: TransfersOptions) {
    this.#options = options;
  }

  /**
   * Brings the newest commit of a branch with the objects that are missing since the commits that the
   * refs lead to. Checks nothing more, and sets no ref. Undefined where only `fetch` can tell.
   */
  async transfer(branch: string): Promise<string | undefined> {
    const { git, incoming, isBundle, receiver, deadlines } = this.#options;
    // Of bundles, only `git fetch` knows anything.
    if (isBundle || !(await incoming.hasClone())) return undefined;
    const address = await this.#findAddress();
    return receiver.receive(async () => {
      const options = { limits: this.#limits(deadlines.refresh), filter: await this.#filter() };
      return transferBranch(git, address, toRef(branch), options);
    });
  }

  /** Brings the newest commit of a branch with all that it needs, and points FETCHED at it. */
  async fetch(branch: string): Promise<string> {
    const { refs, deadlines } = this.#options;
    const deadline = (await refs.has(FETCHED)) ? deadlines.refresh : deadlines.clone;
    const commit = await this.#fetchRef(await this.#findAddress(), toRef(branch), deadline);
    await refs.set(FETCHED, commit);
    return commit;
  }

  /**
   * Brings blobs that the clone lacks for the state at `commit`, by their object names. Not every remote
   * gives an object by its name: which ones have come must be checked afterwards.
   */
  async bringBlobs(commit: string, ids: readonly string[]): Promise<void> {
    const { git, receiver, deadlines } = this.#options;
    const address = await this.#findAddress();
    await receiver.receive(async () => {
      await transferBlobs(git, address, ids, this.#limits(deadlines.refresh));
      return commit;
    });
  }

  /**
   * Brings all of a branch with nothing left out, whatever the clone has. From then on nothing is left
   * out of the clone, unless the published state lacks something: this remote would have to send
   * everything again and again. Rejects unless all of it has come.
   */
  async bringAll(branch: string): Promise<void> {
    const { directory, git, receiver, deadlines } = this.#options;
    const address = await this.#findAddress();
    const commit = await receiver.receive(async () => {
      const limits = this.#limits(deadlines.clone);
      const brought = await this.#transferRef(address, toRef(branch), { limits, isAnew: true });
      await this.#assertWhole(['--objects', brought], limits);
      return brought;
    });
    // After a rewritten history no remote may have what the published state lacks.
    const known = await git.run(['rev-list', '--quiet', '--objects', commit, '--all']);
    if (known.exitCode === 0) await makeWhole(directory);
  }

  /** Brings the published commit of another clone, at the path `clone`, if that has all of it. */
  async adoptPublished(clone: string): Promise<void> {
    const { git, refs, deadlines } = this.#options;
    if (await isPartial(clone)) {
      await this.#adoptPartial(clone);
      return;
    }
    const address = (await resolveUrl(git, clone)) ?? clone;
    const commit = await this.#fetchRef(address, PUBLISHED, deadlines.clone);
    await refs.set(PUBLISHED, commit);
  }

  /** Brings a ref with all that it needs, and gives its commit. */
  async #fetchRef(address: string, ref: string, deadline: number): Promise<string> {
    return this.#options.receiver.receive(async () => {
      const limits = this.#limits(deadline);
      const filter = await this.#filter();
      if (!isHttp(address) && filter === undefined) return this.#fetchWhole(address, ref, limits);
      const commit = await this.#transferRef(address, ref, { limits, filter });
      // All of it must be there now; left-out.ts deals with the blobs that may be left out.
      const kinds = filter === undefined ? ['--objects'] : ['--objects', '--filter=blob:none'];
      await this.#assertWhole([...kinds, commit, '--not', '--all'], limits);
      return commit;
    });
  }

  async #fetchWhole(address: string, ref: string, limits: Partial<GitLimits>): Promise<string> {
    const { directory, git } = this.#options;
    const modestly = ['--no-tags', '--no-recurse-submodules', '--no-auto-gc', '--progress'];
    const args = [...modestly, '--write-fetch-head', '--', address, `+${ref}`];
    const { exitCode, stderr } = await git.run([...UNSYNCED, 'fetch', ...args], { limits });
    if (exitCode !== 0) throw toGitError('fetch', stderr);
    return readFetchHead(directory, stderr);
  }

  /** Does what `git fetch` does, but obeys nothing that the remote says. */
  async #transferRef(address: string, ref: string, options: TransferOptions): Promise<string> {
    const { git } = this.#options;
    if (this.#options.isBundle) return this.#fetchWhole(address, ref, options.limits);
    if (!isHttp(address)) {
      const brought = await transferBranch(git, address, ref, options);
      // Git says why it does not work, or does it in another way.
      return brought ?? this.#fetchWhole(address, ref, options.limits);
    }
    const wide = { ...options, limits: { ...options.limits, stdout: MOST_REFS } };
    const { exitCode, stderr, commit } = await transferOverHttp(git, address, ref, wide);
    const lacksBase = exitCode !== 0 && LACKS_BASE.test(stderr) && options.isAnew !== true;
    if (lacksBase) return this.#transferRef(address, ref, { ...options, isAnew: true });
    if (exitCode !== 0) throw toGitError('fetch', stderr);
    if (commit === undefined) throw toGitError('fetch', `couldn't find remote ref ${ref}`);
    return commit;
  }

  /** Takes whatever is there of a commit, as no remote gives it again. */
  async #adoptPartial(clone: string): Promise<void> {
    const { directory, environment, ending, git, refs } = this.#options;
    const found = await git.run(['--git-dir', clone, 'rev-parse', '--verify', PUBLISHED]);
    const commit = found.stdout.trim();
    // Only what this commit needs: what another ref leads to may be what is damaged.
    const packing = packArguments(packPath(directory), '--revs');
    const input = Buffer.from(`${commit}\n`);
    const packed = await runGit(clone, environment, packing, {
      input,
      limits: ADOPTION_LIMITS,
      ending,
    });
    if (packed.exitCode !== 0) throw toGitError('pack-objects', packed.stderr);
    await markPacks(directory);
    await this.#assertWhole(['--objects', '--filter=blob:none', commit], {});
    await refs.set(PUBLISHED, commit);
  }

  /** Throws a SourceError unless the clone has all objects of a list, as git-rev-list(1) makes it. */
  async #assertWhole(args: readonly string[], limits: Partial<GitLimits>): Promise<void> {
    const { deadline } = limits;
    const { exitCode, stderr } = await this.#options.git.run(['rev-list', '--quiet', ...args], {
      limits: { ...limits, ...(deadline !== undefined && { silence: deadline }) },
    });
    if (exitCode !== 0) throw toGitError('fetch', stderr);
  }

  /** What the remote may leave out. */
  async #filter(): Promise<string | undefined> {
    return (await isPartial(this.#options.directory)) ? FILTER : undefined;
  }

  /** Where git fetches from. Changed settings of the user take effect at the next start. */
  async #findAddress(): Promise<string> {
    const { git, url } = this.#options;
    // Settings that cannot be read now may be mended later.
    this.#address ??= await resolveUrl(git, url);
    return this.#address ?? url;
  }

  #limits(deadline: number): Partial<GitLimits> {
    return { deadline, fileSize: this.#options.budget };
  }
}

/** What git says where a remote sends changes to an object that it left out before. */
const LACKS_BASE = /unresolved delta|could not fetch [0-9a-f]+ from promisor remote/;

/** Longer than a line for one ref. Bytes. */
const FETCH_HEAD_LENGTH = 64 * 1024;

/** What `git fetch` says that it has fetched; where that is nothing, it may have `said` why. */
async function readFetchHead(clone: string, said: string): Promise<string> {
  const text = (await readFile(join(clone, 'FETCH_HEAD'), 'utf8')).slice(0, FETCH_HEAD_LENGTH);
  const [id = ''] = text.split('\t', 1);
  if (OBJECT_NAME.test(id)) return id;
  throw toGitError('fetch', said.trim() || 'it does not say what it has fetched');
}

function toRef(branch: string): string {
  return `refs/heads/${branch}`;
}
