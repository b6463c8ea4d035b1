import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment of the tests; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string | Uint8Array;
  /** Milliseconds until the command is killed and `run` throws; 150,000 unless told. */
  readonly timeout?: number;
}

export interface RunResult {
  /** The exit code, or null when a signal ended the command. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command without a shell to its end. Throws when it cannot start or takes too long. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { cwd, env, input, timeout = 300_000 } = options;
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  // A command that ends without reading its input is judged by its exit code.
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeout);
  try {
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    if (late) throw new Error(formatFailure(command, args, `${timeout} ms passed`, stdout, stderr));
    return { code: child.exitCode, stdout, stderr };
  } finally {
    clearTimeout(timer);
  }
}

/** As `run`, but throws with the whole output when the exit code is not 0. */
export async function runOrThrow(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const result = await run(command, args, options);
  if (result.code === 0) return result;
  const outcome = result.code === null ? 'ended by a signal' : `exit code ${result.code}`;
  throw new Error(formatFailure(command, args, outcome, result.stdout, result.stderr));
}

function formatFailure(
  command: string,
  args: readonly string[],
  outcome: string,
  stdout: string,
  stderr: string,
): string {
  return `${command} ${args.join(' ')}: ${outcome}\nstdout: ${stdout}\nstderr: ${stderr}`;
}
