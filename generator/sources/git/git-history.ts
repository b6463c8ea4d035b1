// What the history of a clone says of paths. Git runs in a shell of its own: a long history takes
// seconds to go through, and no refresh waits for that. Questions that come meanwhile are answered
// together, by one walk through the history.
import { toComplaint } from '../../system/output-tail.ts';
import { type HistoryChange, SourceError } from '../source.ts';
import { HISTORY_FORMAT, HistoryReader, type LoggedCommit } from './parse-history.ts';
import type { GitEnvironment } from './processes/git-child.ts';
import { GitRunner } from './processes/git-runner.ts';

/** Git says nothing before it has found what it looks for. A commit may name a million files. */
const LIMITS = { silence: 60_000, deadline: 120_000, stdout: 256 * 1024 * 1024 };
/** Paths of one walk. */
const MOST_PATHS = 256;
const SETTINGS = ['-c', 'i18n.logOutputEncoding=UTF-8', '-c', 'core.quotePath=false'];
const LOG = ['--literal-pathspecs', 'log', '--no-show-signature', '--no-renames', '--name-status'];

interface HistoryRequest {
  readonly commit: string;
  readonly path: string;
  readonly resolve: (change: HistoryChange | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class GitHistory {
  readonly #directory: string;
  readonly #environment: GitEnvironment;
  readonly #ending: AbortSignal | undefined;
  #runner: GitRunner | undefined;
  #waiting: readonly HistoryRequest[] = [];
  #isWorking = false;

  /** For the clone at `directory`; no process is started before the first question. */
  constructor(directory: string, environment: GitEnvironment, ending: AbortSignal | undefined) {
    this.#directory = directory;
    this.#environment = environment;
    this.#ending = ending;
  }

  /**
   * The last commit up to one that changed a path or anything below it; undefined if none did, or once
   * all is ending. Rejects with a SourceError.
   */
  async lastChange(commit: string, path: string): Promise<HistoryChange | undefined> {
    // Git cannot be asked for such a name, and what is around it may be somebody else's work.
    if (/[\n\0]/.test(path)) return undefined;
    return new Promise((resolve, reject) => {
      this.#waiting = [...this.#waiting, { commit, path, resolve, reject }];
      if (this.#isWorking) return;
      this.#isWorking = true;
      // What else is asked in this turn of the event loop comes along.
      setImmediate(() => void this.#work());
    });
  }

  async close(): Promise<void> {
    await this.#runner?.close();
  }

  async #work(): Promise<void> {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const { commit } = first;
      const requests = this.#waiting.filter((one) => one.commit === commit).slice(0, MOST_PATHS);
      const taken = new Set(requests);
      this.#waiting = this.#waiting.filter((one) => !taken.has(one));
      await this.#answer(commit, requests);
    }
    this.#isWorking = false;
  }

  async #answer(commit: string, requests: readonly HistoryRequest[]): Promise<void> {
    try {
      const paths = new Set(requests.map(({ path }) => path));
      const changes = await this.#findChanges(commit, [...paths]);
      for (const { path, resolve } of requests) resolve(changes.get(path));
    } catch (error) {
      for (const { resolve, reject } of requests) {
        if (this.#ending?.aborted) resolve(undefined);
        else reject(error);
      }
    }
  }

  async #findChanges(commit: string, paths: readonly string[]): Promise<Changes> {
    const last = paths.length === 1 ? ['-1'] : [];
    const found = await this.#log(paths, [...last, '-c', HISTORY_FORMAT, commit, '--', ...paths]);
    const missing = paths.filter((path) => !found.has(path));
    if (missing.length === 0) return found;
    // Where a merge took the side without a path, git leaves out the side that had it.
    const whole = ['-m', '--full-history', '--diff-filter=D', HISTORY_FORMAT];
    const removed = await this.#log(missing, [...whole, commit, '--', ...missing]);
    return new Map([...found, ...removed]);
  }

  /** Gives what the output of `git log` says of `paths`. */
  async #log(paths: readonly string[], args: readonly string[]): Promise<Changes> {
    const found = new ChangesFound(paths);
    const reader = new HistoryReader((commit) => found.add(commit));
    const onLine = (line: string): void => reader.readLine(line);
    const { exitCode, stderr } = await this.#ready().run([...SETTINGS, ...LOG, ...args], {
      onLine,
    });
    if (exitCode !== 0) throw new SourceError(`git log failed: ${toComplaint(stderr)}`);
    reader.end();
    return found.changes;
  }

  #ready(): GitRunner {
    if (this.#runner === undefined || this.#runner.hasEnded()) {
      const located = { ...this.#environment, GIT_DIR: this.#directory };
      this.#runner = new GitRunner(located, { limits: LIMITS, ending: this.#ending });
    }
    return this.#runner;
  }
}

type Changes = ReadonlyMap<string, HistoryChange>;

/** Gives each path the first of the commits, the newest first, that has to do with it. */
class ChangesFound {
  readonly #missing: Set<string>;
  /** How many components a path has at most that is looked for. */
  readonly #deepest: number;
  readonly #changes = new Map<string, HistoryChange>();

  constructor(paths: readonly string[]) {
    this.#missing = new Set(paths);
    this.#deepest = Math.max(...paths.map((path) => path.split('/').length));
  }

  get changes(): Changes {
    return this.#changes;
  }

  add({ files, ...commit }: LoggedCommit): void {
    if (this.#missing.size === 0) return;
    const touched = new Map<string, string[]>();
    for (const { path: file, isRemoved } of files) {
      for (const path of leadingPaths(file, this.#deepest)) {
        if (!this.#missing.has(path)) continue;
        const removed = touched.get(path) ?? [];
        if (isRemoved) removed.push(file);
        touched.set(path, removed);
      }
    }
    for (const [path, removed] of touched) {
      this.#missing.delete(path);
      this.#changes.set(path, { ...commit, removed });
    }
  }
}

/** A path and the directories around it, of so many components at most: a path may have thousands. */
function* leadingPaths(path: string, components: number): Generator<string> {
  let end = -1;
  for (let depth = 0; depth < components; depth++) {
    end = path.indexOf('/', end + 1);
    yield end < 0 ? path : path.slice(0, end);
    if (end < 0) return;
  }
}
