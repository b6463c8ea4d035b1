import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { killGroup, trackGroup } from './process-group.ts';
import { PATIENCE } from '../eventually.ts';
import type { RunOptions } from './run.ts';
import { takesConnections } from './takes-connections.ts';

/**
 * How long a process may take to end, in milliseconds, before it is killed. A server promises 10 s, on a machine
 * that has time for it.
 */
export const STOP_LIMIT = 40_000;

export interface Background {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The exit code once it ended, null when a signal ended it, undefined while it runs. */
  readonly exitCode: () => number | null | undefined;
  /** Waits for a whole line of stdout or stderr. Throws with the output if none comes. */
  readonly waitForLine: (pattern: RegExp, timeout?: number) => Promise<RegExpExecArray>;
  /** Waits until 127.0.0.1:port takes connections. Throws with the output if it does not. */
  readonly waitForPort: (port: number, timeout?: number) => Promise<void>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Sends SIGTERM (or another signal), SIGKILL after `limit` ms; returns the exit code. */
  readonly stop: (signal?: NodeJS.Signals, limit?: number) => Promise<number | null>;
  /** Waits for it to end by itself; returns the exit code. */
  readonly ended: () => Promise<number | null>;
}

/** Starts a command without a shell, in a process group that never outlives the tests. */
export async function startBackground(
  command: string,
  args: readonly string[],
  { cwd, env }: Pick<RunOptions, 'cwd' | 'env'> = {},
): Promise<Background> {
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
  let exitCode: number | null | undefined;
  // 'close' comes after 'exit', when the output is complete.
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} has no process id`);
  trackGroup(pid);
  child.once('exit', (code) => {
    exitCode = code;
    killGroup(pid);
  });
  // A test that forgot to stop it must not keep mocha from ending: the end kills it.
  child.unref();
  for (const pipe of [child.stdout, child.stderr]) if (pipe instanceof Socket) pipe.unref();

  async function waitFor<T>(
    what: string,
    timeout: number,
    probe: () => Promise<T | null> | T | null,
  ) {
    const end = Date.now() + timeout;
    for (;;) {
      const last = exitCode !== undefined || Date.now() > end;
      if (exitCode !== undefined) await closed;
      const found = await probe();
      if (found !== null) return found;
      if (last) throw new Error(`${command}: no ${what}\nstdout: ${stdout}\nstderr: ${stderr}`);
      await sleep(10);
    }
  }

  return {
    pid,
    stdout: () => stdout,
    stderr: () => stderr,
    exitCode: () => exitCode,
    waitForLine: (pattern, timeout = PATIENCE) =>
      waitFor(`line like ${pattern}`, timeout, () => findLine(pattern, [stdout, stderr])),
    waitForPort: async (port, timeout = PATIENCE) => {
      await waitFor(`port ${port}`, timeout, async () => (await takesConnections(port)) || null);
    },
    signal: (signal) => void child.kill(signal),
    stop: async (signal = 'SIGTERM', limit = STOP_LIMIT) => {
      child.kill(signal);
      const timer = setTimeout(() => killGroup(pid), limit);
      return closed.finally(() => clearTimeout(timer));
    },
    ended: () => closed,
  };
}

/** The first whole line of outputs that is like a pattern, or null. */
export function findLine(pattern: RegExp, outputs: readonly string[]): RegExpExecArray | null {
  for (const output of outputs) {
    for (const line of output.split('\n').slice(0, -1)) {
      const match = pattern.exec(line);
      if (match !== null) return match;
    }
  }
  return null;
}
