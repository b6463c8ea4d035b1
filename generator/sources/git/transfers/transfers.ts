// Git commands that every refresh takes, run by shells that were started while this process was
// small: one for what a refresh waits for, one for what takes long. All that talks to a remote is
// here, within the budgets of what a pusher may send.
//
// Packs stay packs: 8 MB on the wire can be 2 GB of objects that lie alone. So there is one more
// with each push; now and then small ones are put together. Where the clone allows it, the remote is
// asked to leave out what is too large to be served.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Budgets, DEFAULT_BUDGETS } from '../../../terms/budgets.ts';
import { isBranchName } from '../branch/branch-name.ts';
import { oldCloneOf, passOver, removeClone } from '../clone/clone-places.ts';
import { type DiskUse, measureClone } from '../clone/disk-use.ts';
import { toGitError } from '../processes/git-error.ts';
import { Incoming } from './incoming.ts';
import {
  FILTER,
  isPartial,
  listPacks,
  makeWhole,
  markPacks,
  packArguments,
  packPath,
  ensurePlain,
  removePacks,
} from '../clone/partial-clone.ts';
import { GitLimitError, type GitLimits, type GitResult } from '../processes/running-git.ts';
import { type GitEnvironment, GitKilledError, runGit } from '../processes/git-child.ts';
import type { ProcessLimits } from '../../../system/process-limits.ts';
import { FETCHED, PUBLISHED } from '../clone/git-repository.ts';
import { GitRunner } from '../processes/git-runner.ts';
import { syncPath } from '../../../system/durable.ts';
import { formatBytes } from '../../../terms/text.ts';
import { SourceError, StateRefusedError } from '../../source.ts';
import { readOrigin } from '../objects/state-origin.ts';
import {
  OBJECT_NAME,
  type TransferOptions,
  UNSYNCED,
  findCommit,
  isHttp,
  resolveUrl,
  transferBlobs,
  transferBranch,
  transferOverHttp,
} from './transfer-branch.ts';

const MINUTE = 60_000;

/** How long something may take that talks to a remote, whatever it says of its progress. Milliseconds. */
export interface TransferDeadlines {
  readonly refresh: number;
  /** Of the first clone, or of one that takes the place of a damaged one. */
  readonly clone: number;
}

const DEADLINES: TransferDeadlines = { refresh: 10 * MINUTE, clone: 60 * MINUTE };
/** It says nothing before it is done. */
const ADOPTION_LIMITS: ProcessLimits = {
  silence: DEADLINES.clone,
  deadline: DEADLINES.clone,
  stdout: 64 * 1024,
  stderr: 1024 * 1024,
};
/** Packing a million objects takes minutes, and says nothing. Milliseconds. */
const PACKING_LIMIT = 60 * MINUTE;
const PACKING = { silence: PACKING_LIMIT, deadline: PACKING_LIMIT };
/** How often a transfer that is under way is measured. Milliseconds. */
const MEASURE_EVERY = 500;
/** Above so many packs, a lookup of an object gets slow, and the small ones are put together. */
const MOST_PACKS = 24;
/** The same of objects that lie alone, as earlier versions kept them. */
const MOST_LOOSE = 6000;
/** All refs of a remote come first over HTTP; their list is not kept. Bytes. */
const MOST_REFS = 256 * 1024 ** 2;
/** What nobody needs any more is removed once the clone has grown to so many times its size… */
const GROWTH = 2;
/** …and by so much. Bytes. */
const LEAST_GROWTH = 256 * 1024 ** 2;

export interface GitHelpersOptions {
  readonly environment: GitEnvironment;
  readonly budgets?: Budgets | undefined;
  /** DEADLINES if left out. */
  readonly deadlines?: TransferDeadlines;
  /** Stops what runs. */
  readonly ending: AbortSignal | undefined;
}

/**
 * For the clone at `directory`, whatever lies there. What talks to a remote rejects with a
 * StateRefusedError when the newest state costs more than its budget; it has left nothing behind
 * then. A GitLimitError or GitKilledError says nothing of the clone.
 */
export class GitHelpers {
  readonly #directory: string;
  readonly #options: GitHelpersOptions;
  readonly #budgets: Budgets;
  readonly #deadlines: TransferDeadlines;
  readonly #incoming: Incoming;
  #prompt: GitRunner;
  #patient: GitRunner;
  readonly #addresses = new Map<string, string>();
  #tidying: Promise<void> | undefined;
  /** One transfer at a time. */
  #receiving: Promise<unknown> = Promise.resolve();
  #trouble: Error | undefined;
  /** What has come, and is not on the disk for sure: nobody waits for that before it is served. */
  readonly #unsynced = new Set<string>();
  /** The size of the clone when it was last rid of what nobody needs. Bytes. */
  #cleanSize: number | undefined;

  constructor(directory: string, options: GitHelpersOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#budgets = options.budgets ?? DEFAULT_BUDGETS;
    this.#deadlines = options.deadlines ?? DEADLINES;
    this.#incoming = new Incoming(directory);
    this.#prompt = this.#openPrompt();
    this.#patient = this.#openPatient();
  }

  /**
   * The newest commit of a branch, with its objects, as far as they are needed to go on from what
   * `note` was told; undefined where only `fetch` can tell.
   */
  async transfer(url: string, branch: string): Promise<string | undefined> {
    if (!(await this.#incoming.hasClone())) return undefined;
    const address = await this.#resolve(url);
    return this.#receive(async () => {
      const options = {
        limits: this.#limits(this.#deadlines.refresh),
        filter: await this.#filter(),
      };
      return transferBranch(await this.#ready(), address, `refs/heads/${branch}`, options);
    });
  }

  /** The newest commit of a branch, with all that it needs; what the branch was before is forgotten. */
  async fetch(url: string, branch: string): Promise<string> {
    const hasState =
      (await this.#run('rev-parse', ['--verify', '--quiet', FETCHED])).exitCode === 0;
    const commit = await this.#fetchRef(
      url,
      `refs/heads/${branch}`,
      hasState ? this.#deadlines.refresh : this.#deadlines.clone,
    );
    await this.#setRef(FETCHED, commit);
    return commit;
  }

  /**
   * Brings blobs that the clone lacks, by their names, for the state at `commit`. What has come is to be
   * seen afterwards: not every remote gives anything by its name.
   */
  async bringBlobs(url: string, commit: string, ids: readonly string[]): Promise<void> {
    const address = await this.#resolve(url);
    await this.#receive(async () => {
      await transferBlobs(await this.#ready(), address, ids, this.#limits(this.#deadlines.refresh));
      return commit;
    });
  }

  /**
   * Brings all of a branch, with nothing left out, whatever is here. From then on nothing is left out
   * any more, as this remote would have to send all of it again and again, unless what is published
   * lacks something. Rejects unless all has come.
   */
  async bringAll(url: string, branch: string): Promise<void> {
    const address = await this.#resolve(url);
    const ref = `refs/heads/${branch}`;
    const commit = await this.#receive(async () => {
      const limits = this.#limits(this.#deadlines.clone);
      const brought = await this.#transferRef(address, ref, { limits, isAnew: true });
      await this.#assertWhole(['--objects', brought], limits);
      return brought;
    });
    // What is published may lack what no remote has any more, where the history was rewritten.
    const known = await this.#run('rev-list', ['--quiet', '--objects', commit, '--all']);
    if (known.exitCode === 0) await makeWhole(this.#directory);
  }

  /** Takes over the published commit of another clone, if that has all of it. */
  async adoptPublished(clone: string): Promise<void> {
    if (await isPartial(clone)) {
      await this.#adoptPartial(clone);
      return;
    }
    const commit = await this.#fetchRef(clone, PUBLISHED, this.#deadlines.clone);
    await this.#setRef(PUBLISHED, commit);
  }

  /** The branch that HEAD of the remote names. */
  async defaultBranch(url: string): Promise<string> {
    const answer = await this.#ask(['--symref', '--', url, 'HEAD']);
    const branch = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(answer)?.[1];
    if (branch !== undefined && isBranchName(branch)) return branch;
    const message =
      branch === undefined
        ? 'the repository has no default branch'
        : 'the repository names a default branch that is none: expected a name as git-check-ref-format(1) has it';
    throw new SourceError(message, { hint: 'name one with --branch' });
  }

  /** The newest commit of a branch, without its objects; undefined if the remote has no such branch. */
  async tip(url: string, branch: string): Promise<string | undefined> {
    const ref = `refs/heads/${branch}`;
    const answer = await this.#ask(['--', url, ref]);
    return findCommit(answer.replaceAll('\t', ' ').split('\n'), ref);
  }

  /** Whether the remote answers. */
  async isReachable(url: string): Promise<boolean> {
    return this.#ask(['--', url, 'HEAD']).then(
      () => true,
      () => false,
    );
  }

  /** Protects the newest commit and the published one; both must be whole. */
  async note(fetched: string, published: string): Promise<void> {
    await this.#setRef(FETCHED, fetched);
    await this.#setRef(PUBLISHED, published);
    await removeClone(oldCloneOf(this.#directory));
  }

  /** Puts packs together where there are many, in the background; rejects if it failed the last time. */
  async tidy(): Promise<void> {
    this.#tidying ??= this.#pack();
    const error = this.#trouble;
    this.#trouble = undefined;
    if (error) throw error;
  }

  /** Stops what runs in the background, as the clone is about to be replaced. */
  async rest(): Promise<void> {
    this.#patient.kill();
    await this.#tidying;
  }

  async close(): Promise<void> {
    // In a run that is over at once there is no other time to pack.
    await this.#tidying;
    await Promise.all([this.#prompt.close(), this.#patient.close()]);
  }

  /** Brings a ref of a remote with all that it needs, and gives its commit. */
  async #fetchRef(url: string, ref: string, deadline: number): Promise<string> {
    const address = await this.#resolve(url);
    return this.#receive(async () => {
      const limits = this.#limits(deadline);
      const filter = await this.#filter();
      if (!isHttp(address) && filter === undefined) return this.#fetchWhole(address, ref, limits);
      const commit = await this.#transferRef(address, ref, { limits, filter });
      // All of it must be there, and what was there before; of what may be left out, see left-out.ts.
      const kinds = filter === undefined ? ['--objects'] : ['--objects', '--filter=blob:none'];
      await this.#assertWhole([...kinds, commit, '--not', '--all'], limits);
      return commit;
    });
  }

  async #fetchWhole(address: string, ref: string, limits: Partial<GitLimits>): Promise<string> {
    const modestly = ['--no-tags', '--no-recurse-submodules', '--no-auto-gc', '--progress'];
    const args = [...modestly, '--write-fetch-head', '--', address, `+${ref}`];
    const runner = await this.#ready();
    const { exitCode, stderr } = await runner.run([...UNSYNCED, 'fetch', ...args], { limits });
    if (exitCode !== 0) throw toGitError('fetch', stderr);
    return readFetchHead(this.#directory);
  }

  /** As `git fetch` does it, but that nothing which the remote says is obeyed. */
  async #transferRef(address: string, ref: string, options: TransferOptions): Promise<string> {
    if (!isHttp(address)) {
      const brought = await transferBranch(await this.#ready(), address, ref, options);
      // Git says why it does not work, or does it in another way.
      return brought ?? this.#fetchWhole(address, ref, options.limits);
    }
    const wide = { ...options.limits, stdout: MOST_REFS };
    const { exitCode, stderr, commit } = await transferOverHttp(await this.#ready(), address, ref, {
      ...options,
      limits: wide,
    });
    const lacksBase = exitCode !== 0 && LACKS_BASE.test(stderr) && options.isAnew !== true;
    if (lacksBase) return this.#transferRef(address, ref, { ...options, isAnew: true });
    if (exitCode !== 0) throw toGitError('fetch', stderr);
    if (commit === undefined) throw toGitError('fetch', `couldn't find remote ref ${ref}`);
    return commit;
  }

  /** Throws a SourceError unless all objects of a list as git-rev-list(1) has it are there. */
  async #assertWhole(args: readonly string[], limits: Partial<GitLimits>): Promise<void> {
    const checked = await this.#run('rev-list', ['--quiet', ...args], {
      ...limits,
      ...(limits.deadline !== undefined && { silence: limits.deadline }),
    });
    if (checked.exitCode !== 0) throw toGitError('fetch', checked.stderr);
  }

  /** Whatever of it is there, as no remote gives it again. */
  async #adoptPartial(clone: string): Promise<void> {
    const found = await this.#run('--git-dir', [clone, 'rev-parse', '--verify', PUBLISHED]);
    const commit = found.stdout.trim();
    const { environment, ending } = this.#options;
    // Not of all refs: any of the others may be what is damaged.
    const packed = await runGit(
      clone,
      environment,
      packArguments(packPath(this.#directory), '--revs'),
      {
        input: Buffer.from(`${commit}\n`),
        limits: ADOPTION_LIMITS,
        ending,
      },
    );
    if (packed.exitCode !== 0) throw toGitError('pack-objects', packed.stderr);
    await markPacks(this.#directory);
    await this.#assertWhole(['--objects', '--filter=blob:none', commit], {});
    await this.#setRef(PUBLISHED, commit);
  }

  /** What a remote may leave out. */
  async #filter(): Promise<string | undefined> {
    return (await isPartial(this.#directory)) ? FILTER : undefined;
  }

  /** Where this process fetches from; settings of the user that change are seen at a start. */
  async #resolve(url: string): Promise<string> {
    const known = this.#addresses.get(url);
    if (known !== undefined) return known;
    const address = await resolveUrl(await this.#ready(), url);
    // Settings that cannot be read now may be mended.
    if (address !== undefined) this.#addresses.set(url, address);
    return address ?? url;
  }

  /**
   * Runs what has git write objects, and takes them into the clone, unless there are too many of
   * them. Gives the commit that came. One after another.
   */
  async #receive<Commit extends string | undefined>(bring: () => Promise<Commit>): Promise<Commit> {
    const received = this.#receiving.then(async () => this.#receiveNow(bring));
    this.#receiving = received.catch(() => undefined);
    return received;
  }

  async #receiveNow<Commit extends string | undefined>(
    bring: () => Promise<Commit>,
  ): Promise<Commit> {
    if (!(await this.#incoming.hasClone())) throw new SourceError('the clone has lost its objects');
    await this.#incoming.empty();
    const watch = this.#watchIncoming();
    try {
      const commit = await bring();
      if (commit === undefined) return commit;
      await this.#makeRoom(commit);
      for (const path of await this.#incoming.accept()) this.#unsynced.add(path);
      if (await isPartial(this.#directory)) await markPacks(this.#directory);
      return commit;
    } catch (error) {
      const isTooMuch =
        watch.isTooMuch() || (error instanceof GitLimitError && error.limit === 'fileSize');
      throw isTooMuch ? this.#refuseTransfer() : error;
    } finally {
      watch.stop();
      // It fails where the next transfer would fail too.
      await this.#incoming.empty().catch(() => undefined);
    }
  }

  /** The limit of one file holds at once; many files together are seen a moment later. */
  #watchIncoming(): { readonly isTooMuch: () => boolean; readonly stop: () => void } {
    let isTooMuch = false;
    const look = async (): Promise<void> => {
      const size = await this.#incoming.size();
      // The index of a pack may be as large as itself.
      if (size <= 2 * this.#budgets.transfer || isTooMuch) return;
      isTooMuch = true;
      this.#prompt.kill();
    };
    const timer = setInterval(() => void look(), MEASURE_EVERY).unref();
    return { isTooMuch: () => isTooMuch, stop: () => clearInterval(timer) };
  }

  #refuseTransfer(): StateRefusedError {
    const budget = formatBytes(this.#budgets.transfer);
    return new StateRefusedError(
      `the newest state brings more than ${budget} of objects, which is the budget of a transfer`,
      {},
      'raise --max-transfer if that is meant; otherwise see who pushed what',
    );
  }

  /** Sees that the clone stays within its budget with what has come; throws if it cannot. */
  async #makeRoom(commit: string): Promise<void> {
    const incoming = await this.#incoming.size();
    let use = await this.#measure();
    // The first clone is clean.
    this.#cleanSize ??= use.bytes + incoming;
    const isGrown = use.bytes > Math.max(GROWTH * this.#cleanSize, LEAST_GROWTH);
    const isFull = (): boolean => use.bytes + incoming > this.#budgets.disk;
    if (!isGrown && !isFull()) return;
    // What lies aside may be the last copy of what is published: it goes only if that makes room.
    const old = (await measureClone(oldCloneOf(this.#directory))).bytes;
    const fitsAlone = use.bytes - old + incoming <= this.#budgets.disk;
    if (isFull() && fitsAlone) await removeClone(oldCloneOf(this.#directory));
    await this.#prune();
    use = await this.#measure();
    this.#cleanSize = use.bytes;
    if (!isFull()) return;
    const [needed, budget] = [use.bytes + incoming, this.#budgets.disk].map(formatBytes);
    const environment = { ...this.#options.environment, ...this.#incoming.environment() };
    throw new StateRefusedError(
      `with the newest state the clone would take ${needed} on the disk, above its budget of ${budget}`,
      await readOrigin(this.#directory, environment, commit),
      'raise --max-disk if that is meant; otherwise see who pushed what',
    );
  }

  /** With what lies aside until the clone is published. */
  async #measure(): Promise<DiskUse> {
    const use = await measureClone(this.#directory);
    return { ...use, bytes: use.bytes + (await measureClone(oldCloneOf(this.#directory))).bytes };
  }

  /** Removes what is reachable neither from the newest commit nor from the published one. */
  async #prune(): Promise<void> {
    await this.#tidying;
    // A clone that has lost its refs would lose all that it holds.
    if ((await this.#run('rev-parse', ['--verify', '--quiet', FETCHED])).exitCode !== 0) return;
    // What fails here fails below, or is no reason not to go on.
    await this.#removeUnreachable().catch(() => undefined);
  }

  async #removeUnreachable(): Promise<void> {
    if (!(await isPartial(this.#directory))) {
      await this.#runPatiently(['gc', '--prune=now', '--quiet']);
      return;
    }
    // Of a partial clone `git gc` removes nothing.
    const before = await listPacks(this.#directory);
    const said = await this.#runPatiently(packArguments(packPath(this.#directory), '--all'));
    const name = said.trim();
    if (!OBJECT_NAME.test(name)) throw new SourceError('git pack-objects has made no pack');
    await markPacks(this.#directory);
    await removePacks(this.#directory, before, name);
    // Where no refs are, nothing that lies alone is of use: what is, is in the pack now.
    const plain = await ensurePlain(this.#directory);
    await this.#runPatiently([`--git-dir=${plain}`, 'prune', '--expire=now']);
  }

  async #pack(): Promise<void> {
    try {
      const { packs, loose } = await measureClone(this.#directory);
      if (packs > MOST_PACKS || loose > MOST_LOOSE) {
        // Each pack at least twice as large as all that are smaller: an object is written again
        // as often as the clone has doubled. What is unreachable stays in packs.
        await this.#repack(['repack', '--geometric=2', '-d', '-q']);
      }
    } catch (error) {
      const isStopped = this.#options.ending?.aborted || error instanceof GitKilledError;
      if (!isStopped) this.#trouble = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#tidying = undefined;
    }
  }

  /** Asks a remote for its refs; a damaged clone does not get in the way of that. */
  async #ask(args: readonly string[]): Promise<string> {
    const nowhere = ['--git-dir=/dev/null', 'ls-remote', ...args];
    const { exitCode, stdout, stderr } = await (await this.#ready()).run(nowhere);
    if (exitCode !== 0) throw toGitError('ls-remote', stderr);
    return stdout;
  }

  /** What a ref leads to is on the disk before the ref is. */
  async #setRef(name: string, commit: string): Promise<void> {
    for (const path of this.#unsynced) {
      // What has gone was packed again, and synced by git.
      await syncPath(path).catch(passOver('ENOENT'));
    }
    this.#unsynced.clear();
    const { exitCode, stderr } = await this.#run('update-ref', [name, commit]);
    if (exitCode !== 0) throw toGitError('update-ref', stderr);
  }

  async #run(
    command: string,
    args: readonly string[],
    limits: Partial<GitLimits> = {},
  ): Promise<GitResult> {
    return (await this.#ready()).run([command, ...args], { limits });
  }

  async #repack(args: readonly string[]): Promise<void> {
    if (!(await isPartial(this.#directory))) {
      await this.#runPatiently(args);
      return;
    }
    await this.#runPatiently([`--git-dir=${await ensurePlain(this.#directory)}`, ...args]);
    await markPacks(this.#directory);
  }

  /** Gives what git printed. */
  async #runPatiently(args: readonly string[]): Promise<string> {
    if (this.#patient.hasEnded()) this.#patient = this.#openPatient();
    const { exitCode, stdout, stderr } = await this.#patient.run(args);
    if (exitCode === 0) return stdout;
    throw toGitError(args.find((one) => !one.startsWith('-')) ?? '', stderr);
  }

  #limits(deadline: number): Partial<GitLimits> {
    return { deadline, fileSize: this.#budgets.transfer };
  }

  async #ready(): Promise<GitRunner> {
    await this.#incoming.ensure();
    if (this.#prompt.hasEnded()) this.#prompt = this.#openPrompt();
    return this.#prompt;
  }

  #openPrompt(): GitRunner {
    const { environment, ending } = this.#options;
    const apart = { GIT_DIR: this.#directory, ...this.#incoming.environment() };
    return new GitRunner({ ...environment, ...apart }, { ending });
  }

  #openPatient(): GitRunner {
    const { environment, ending } = this.#options;
    const located = { ...environment, GIT_DIR: this.#directory };
    return new GitRunner(located, { limits: PACKING, ending });
  }
}

/** What git says where a remote sends changes to something that it left out. */
const LACKS_BASE = /unresolved delta|could not fetch [0-9a-f]+ from promisor remote/;

/** Longer than a line for one ref. Bytes. */
const FETCH_HEAD_LENGTH = 64 * 1024;

/** What `git fetch` says that it has fetched. */
async function readFetchHead(clone: string): Promise<string> {
  const text = (await readFile(join(clone, 'FETCH_HEAD'), 'utf8')).slice(0, FETCH_HEAD_LENGTH);
  const [id = ''] = text.split('\t', 1);
  if (OBJECT_NAME.test(id)) return id;
  throw new SourceError('git fetch failed: it does not say what it has fetched');
}
