// What the history of a clone says of paths, asked of git in a shell of its own: a long history
// takes seconds to go through, and no refresh waits for that. What is asked meanwhile is asked
// together, in one walk.
import { dirname } from 'node:path/posix';
import type { Environment } from './git-child.ts';
import { GitRunner } from './git-runner.ts';
import { HISTORY_FORMAT, parseHistory } from './parse-history.ts';
import { type HistoryChange, SourceError } from './source.ts';

/** Git says nothing before it has found what it looks for. Milliseconds. */
const PATIENCE = { silence: 60_000, deadline: 120_000 };
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

interface Question {
  readonly commit: string;
  readonly path: string;
  readonly resolve: (change: HistoryChange | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** For the clone at `directory`; no process is started before the first question. */
export function openGitHistory(
  directory: string,
  environment: Environment,
  ending: AbortSignal | undefined,
): GitHistory {
  let runner: GitRunner | undefined;
  let waiting: readonly Question[] = [];
  let isWorking = false;

  const log = async (...args: readonly string[]): Promise<string> => {
    if (runner === undefined || runner.hasEnded()) {
      runner = new GitRunner({ ...environment, GIT_DIR: directory }, { limits: PATIENCE, ending });
    }
    const { exitCode, stdout, stderr } = await runner.run([...SETTINGS, ...LOG, ...args]);
    if (exitCode !== 0) throw new SourceError(`git log failed: ${stderr.trim()}`);
    return stdout;
  };

  const findChanges = async (commit: string, paths: readonly string[]): Promise<Changes> => {
    const last = paths.length === 1 ? ['-1'] : [];
    const asked = ['-c', HISTORY_FORMAT, commit, '--', ...paths];
    const found = assign(paths, await log(...last, ...asked));
    const missing = paths.filter((path) => !found.has(path));
    if (missing.length === 0) return found;
    // Git leaves out the side of a merge on which a path was, if it took the one where it was not.
    const whole = ['-m', '--full-history', '--diff-filter=D', HISTORY_FORMAT];
    const removed = assign(missing, await log(...whole, commit, '--', ...missing));
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

/** Gives each path the first of the changes, the newest first, that has to do with it. */
function assign(paths: readonly string[], output: string): Changes {
  const missing = new Set(paths);
  const found = new Map<string, HistoryChange>();
  for (const { files, ...commit } of parseHistory(output)) {
    const touched = new Map<string, string[]>();
    for (const { path: file, isRemoved } of files) {
      for (let path = file; path !== '.'; path = dirname(path)) {
        if (!missing.has(path)) continue;
        const removed = touched.get(path) ?? [];
        touched.set(path, isRemoved ? [...removed, file] : removed);
      }
    }
    for (const [path, removed] of touched) {
      missing.delete(path);
      found.set(path, { ...commit, removed });
    }
    if (missing.size === 0) break;
  }
  return found;
}
