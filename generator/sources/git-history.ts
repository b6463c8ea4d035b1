// What the history of a clone says of a path, asked of git in a shell of its own: a long history
// takes seconds to go through, and no refresh waits for that.
import { formatTime } from '../format-time.ts';
import type { Environment } from './git-child.ts';
import { type GitRunner, openGitRunner } from './git-runner.ts';
import { type HistoryCommit, SourceError } from './source.ts';

/** Git says nothing before it has found what it looks for. Milliseconds. */
const PATIENCE = 20_000;
/** The last moment of the year 9999, in milliseconds since 1970. */
const LATEST = Date.UTC(10_000, 0) - 1;
const SEPARATOR = '\u0001';
/** Commit, author's name and address, time of the commit in seconds since 1970, subject. */
const FORMAT = ['%H', '%an', '%ae', '%ct', '%s'].join('%x01');

export interface GitHistory {
  /** The last commit up to one that changed a path or anything below it; undefined if none did. */
  readonly lastChange: (commit: string, path: string) => Promise<HistoryCommit | undefined>;
  readonly close: () => Promise<void>;
}

/** For the clone at `directory`; no process is started before the first question. */
export function openGitHistory(
  directory: string,
  environment: Environment,
  ending: AbortSignal | undefined,
): GitHistory {
  let runner: GitRunner | undefined;
  const ready = (): GitRunner => {
    if (runner === undefined || runner.hasEnded()) {
      runner = openGitRunner({ ...environment, GIT_DIR: directory }, PATIENCE, ending);
    }
    return runner;
  };
  return {
    lastChange: async (commit, path) => {
      // No name that can be asked for.
      if (/[\n\0]/.test(path)) return undefined;
      const options = ['-c', 'i18n.logOutputEncoding=UTF-8', '--literal-pathspecs'];
      const query = ['rev-list', '-1', `--format=${FORMAT}`, commit, '--'];
      const { exitCode, stdout, stderr } = await ready().run([...options, ...query, path]);
      if (exitCode !== 0) throw new SourceError(`git rev-list failed: ${stderr.trim()}`);
      return parseCommit(stdout);
    },
    close: async () => runner?.close(),
  };
}

/** `commit ID`, and a line in our form; nothing where there is no commit. */
function parseCommit(output: string): HistoryCommit | undefined {
  const [, line] = output.split('\n');
  if (line === undefined) return undefined;
  const [id = '', name = '', email = '', seconds = '', ...subject] = line.split(SEPARATOR);
  const milliseconds = Number(seconds) * 1000;
  return {
    id,
    author: { name, email },
    // Anybody can write a commit of the year 300,000.
    date: formatTime(Math.min(milliseconds, LATEST)),
    subject: subject.join(SEPARATOR),
  };
}
