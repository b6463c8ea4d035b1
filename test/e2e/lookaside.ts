import { fileURLToPath } from 'node:url';
import { type Background, startBackground } from './background.ts';
import { run, type RunOptions, type RunResult } from './run.ts';

/** The built program. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** What `serve` says when it listens. */
const SERVING =
  /^lookaside: serving (?<signatures>\d+) signatures? of (?<repositories>\d+) (repository|repositories) on (?<baseUrl>http:\/\/\S+?)( \(commit (?<commit>[0-9a-f]+)\))?$/;

export interface Lookaside {
  /** Of the main listener, without a slash at the end. */
  readonly baseUrl: string;
  /** Of the status listener, without a slash at the end. */
  readonly statusUrl: string;
  readonly signatures: number;
  readonly repositories: number;
  /** The abbreviated commit; undefined when the source is a directory. */
  readonly commit: string | undefined;
  readonly pid: number;
  /** The access log. */
  readonly stdout: () => string;
  /** The program log, one JSON object a line, and what is meant for people. */
  readonly stderr: () => string;
  readonly exitCode: () => number | null | undefined;
  readonly waitForLine: Background['waitForLine'];
  readonly signal: Background['signal'];
  /** Sends SIGTERM (or another signal), SIGKILL after `limit` ms; returns the exit code. */
  readonly stop: Background['stop'];
}

export interface LookasideOptions extends Pick<RunOptions, 'cwd' | 'env'> {
  /** Another JavaScript file to run instead of the built program. */
  readonly main?: string;
  /** Milliseconds until it must listen; 10,000 unless told. */
  readonly timeout?: number;
}

/** Runs `lookaside serve SOURCE …` on free ports. Throws with its output if it doesn't listen. */
export async function startLookaside(
  source: string,
  args: readonly string[] = [],
  { main = MAIN, timeout = 10_000, ...options }: LookasideOptions = {},
): Promise<Lookaside> {
  const listen = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
  const background = await startBackground(
    process.execPath,
    [main, 'serve', source, ...listen, ...args],
    options,
  );
  const { groups = {} } = await background.waitForLine(SERVING, timeout);
  const listening = await background.waitForLine(/^\{.*"msg":"listening".*\}$/, timeout);
  const { status } = JSON.parse(listening[0]) as { status: string };
  return {
    ...background,
    baseUrl: (groups['baseUrl'] ?? '').replace(/\/$/, ''),
    statusUrl: status.replace(/\/$/, ''),
    signatures: Number(groups['signatures']),
    repositories: Number(groups['repositories']),
    commit: groups['commit'],
  };
}

/** Runs `lookaside …` to its end. */
export function runLookaside(
  args: readonly string[],
  { main = MAIN, ...options }: RunOptions & Pick<LookasideOptions, 'main'> = {},
): Promise<RunResult> {
  return run(process.execPath, [main, ...args], options);
}
