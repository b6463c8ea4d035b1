// What the history of a clone says of paths, asked of git in a shell of its own: a long history
// takes seconds to go through, and no refresh waits for that. What is asked meanwhile is asked
// together, in one walk.
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

export interface GitHistory {
  /**
   * The last commit up to one that changed a path or anything below it; undefined if none did, or
   * nothing is asked any more. Rejects with a SourceError.
   */
  readonly lastChange: (commit: string, path: string) => Promise<HistoryChange | undefined>;
  readonly close: () => Promise<void>;
}

interface HistoryRequest {
  readonly commit: string;
  readonly path: string;
  readonly resolve: (change: HistoryChange | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** For the clone at `directory`; no process is started before the first question. */
export function openGitHistory(
  directory: string,
  environment: GitEnvironment,
  ending: AbortSignal | undefined,
): GitHistory {
  let runner: GitRunner | undefined;
  let waiting: readonly HistoryRequest[] = [];
  let isWorking = false;

  /** Gives what it finds of `paths` in the output of `git log`. */
  const log = async (paths: readonly string[], args: readonly string[]): Promise<Changes> => {
    if (runner === undefined || runner.hasEnded()) {
      runner = new GitRunner({ ...environment, GIT_DIR: directory }, { limits: LIMITS, ending });
    }
    const found = new ChangesFound(paths);
    const reader = new HistoryReader((commit) => found.add(commit));
    const onLine = (line: string): void => reader.readLine(line);
    const { exitCode, stderr } = await runner.run([...SETTINGS, ...LOG, ...args], { onLine });
    if (exitCode !== 0) throw new SourceError(`git log failed: ${toComplaint(stderr)}`);
    reader.end();
    return found.changes;
  };

  const findChanges = async (commit: string, paths: readonly string[]): Promise<Changes> => {
    const last = paths.length === 1 ? ['-1'] : [];
    const found = await log(paths, [...last, '-c', HISTORY_FORMAT, commit, '--', ...paths]);
    const missing = paths.filter((path) => !found.has(path));
    if (missing.length === 0) return found;
    // Git leaves out the side of a merge on which a path was, if it took the one where it was not.
    const whole = ['-m', '--full-history', '--diff-filter=D', HISTORY_FORMAT];
    const removed = await log(missing, [...whole, commit, '--', ...missing]);
    return new Map([...found, ...removed]);
  };

  const work = async (): Promise<void> => {
    for (let first = waiting[0]; first; first = waiting[0]) {
      const { commit } = first;
      const questions = waiting.filter((one) => one.commit === commit).slice(0, MOST_PATHS);
      const taken = new Set(questions);
      waiting = waiting.filter((one) => !taken.has(one));
      try {
        const changes = await findChanges(commit, [...new Set(questions.map(({ path }) => path))]);
        for (const { path, resolve } of questions) resolve(changes.get(path));
      } catch (error) {
        for (const { resolve, reject } of questions) {
          if (ending?.aborted) resolve(undefined);
          else reject(error);
        }
      }
    }
    isWorking = false;
  };

  return {
    lastChange: async (commit, path) => {
      // Such a name cannot be said to git, and what is around it may be somebody else's work.
      if (/[\n\0]/.test(path)) return undefined;
      return new Promise((resolve, reject) => {
        waiting = [...waiting, { commit, path, resolve, reject }];
        if (isWorking) return;
        isWorking = true;
        // What else is asked in this turn comes along.
        setImmediate(() => void work());
      });
    },
    close: async () => runner?.close(),
  };
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

/** A path and what it lies in, of so many components at most: a name may have thousands. */
function* leadingPaths(path: string, components: number): Generator<string> {
  let end = -1;
  for (let depth = 0; depth < components; depth++) {
    end = path.indexOf('/', end + 1);
    yield end < 0 ? path : path.slice(0, end);
    if (end < 0) return;
  }
}
