import { fileURLToPath } from 'node:url';
import { runInProcess } from './run-in-process.ts';
import { type Background, startBackground } from '../process/background.ts';
import { run, type RunOptions, type RunResult } from '../process/run.ts';

/** The built program. */
export const BUILT_MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** What `serve` says when it listens. */
export const SERVING =
  /^lookaside: serving (?<signatures>\d+) signatures? of (?<repositories>\d+) (repository|repositories) on (?<baseUrl>https?:\/\/\S+?)( \(commit (?<commit>[0-9a-f]+)\))?$/;

/** What it says before. */
const LISTENING = /^\{.*"msg":"listening".*\}$/m;

/** What listens, whether or not it has loaded a generation. */
export interface Listening extends Pick<
  Background,
  'pid' | 'stdout' | 'stderr' | 'exitCode' | 'waitForLine' | 'signal'
> {
  /** Of the main listener, without a slash at the end. */
  readonly baseUrl: string;
  /** Of the status listener, without a slash at the end. */
  readonly statusUrl: string;
  /** Sends SIGTERM (or another signal), SIGKILL after `limit` ms; returns the exit code. */
  readonly stop: Background['stop'];
}

export interface Lookaside extends Listening {
  readonly signatures: number;
  readonly repositories: number;
  /** The abbreviated commit; undefined when the source is a directory. */
  readonly commit: string | undefined;
}

export interface LookasideOptions extends Pick<RunOptions, 'cwd' | 'env'> {
  /** Another JavaScript file to run instead of the built program. */
  readonly main?: string;
  /** Milliseconds until it must listen, and then until it must serve; 30,000 unless told. */
  readonly timeout?: number;
}

/** Runs `lookaside serve SOURCE …` on free ports. Throws with its output if it doesn't serve. */
export async function startLookaside(
  source: string,
  args: readonly string[] = [],
  options: LookasideOptions = {},
): Promise<Lookaside> {
  const listening = await startListening(source, args, options);
  return toLookaside(await listening.waitForLine(SERVING, options.timeout), listening);
}

/** What serves, by the line that says so, and by that which says where. */
export function toLookaside(
  { groups = {} }: RegExpExecArray,
  listening: Omit<Listening, keyof Urls>,
): Lookaside {
  return {
    ...listening,
    ...urlsIn(listening.stderr()),
    signatures: Number(groups['signatures']),
    repositories: Number(groups['repositories']),
    commit: groups['commit'],
  };
}

/** The same, without waiting for the first generation. */
export async function startListening(
  source: string,
  args: readonly string[] = [],
  { main = BUILT_MAIN, timeout, ...options }: LookasideOptions = {},
): Promise<Listening> {
  const listen = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
  const background = await startBackground(
    process.execPath,
    [main, 'serve', source, ...listen, ...args],
    options,
  );
  await background.waitForLine(LISTENING, timeout);
  return { ...background, ...urlsIn(background.stderr()) };
}

type Urls = Pick<Listening, 'baseUrl' | 'statusUrl'>;

function urlsIn(log: string): Urls {
  const [line] = LISTENING.exec(log) ?? [];
  if (line === undefined) throw new Error(`it does not listen: ${log}`);
  const { main, status } = JSON.parse(line) as { main: string; status: string };
  return { baseUrl: main, statusUrl: status };
}

/**
 * Runs `lookaside …` to its end in this process, which is ten times as fast as a process for every
 * call. What the process itself does is `runLookasideProcess`'s: terminals, closed pipes, signals,
 * users, and `main.ts`. A working directory and a TMPDIR hold for this process meanwhile.
 */
export async function runLookaside(
  args: readonly string[],
  { cwd, env, input = '' }: Pick<RunOptions, 'cwd' | 'env' | 'input'> = {},
): Promise<RunResult> {
  const environment = { ...process.env, ...env };
  const start = async (): Promise<RunResult> => {
    const { stdout, ...result } = await runInProcess(args, environment, { input });
    return { ...result, stdout: stdout.toString() };
  };
  if (cwd === undefined && env?.['TMPDIR'] === undefined) return start();
  const place = { cwd: cwd ?? process.cwd(), TMPDIR: env?.['TMPDIR'] ?? process.env['TMPDIR'] };
  return inPlace(place, start);
}

/** Runs the built program as a process of its own, to its end. */
export function runLookasideProcess(
  args: readonly string[],
  { main = BUILT_MAIN, ...options }: RunOptions & Pick<LookasideOptions, 'main'> = {},
): Promise<RunResult> {
  return run(process.execPath, [main, ...args], options);
}

interface Place {
  readonly cwd: string;
  readonly TMPDIR: string | undefined;
}

/** Ends when nobody is in another place than the tests. */
let elsewhere: Promise<unknown> = Promise.resolve();

/** Calls `action` while this process is somewhere else; one call waits for the other. */
function inPlace<T>(place: Place, action: () => Promise<T>): Promise<T> {
  const enter = ({ cwd, TMPDIR }: Place): void => {
    process.chdir(cwd);
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  };
  const done = elsewhere.then(async () => {
    const home: Place = { cwd: process.cwd(), TMPDIR: process.env['TMPDIR'] };
    enter(place);
    return action().finally(() => {
      enter(home);
    });
  });
  elsewhere = done.catch(() => undefined);
  return done;
}
