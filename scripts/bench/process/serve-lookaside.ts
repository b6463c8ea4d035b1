import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { killGroup, trackGroup } from '../../../test/kit/process/process-group.ts';
import { lookasideEnvironment } from './lookaside-environment.ts';
import { MAIN_FILE } from './main-file.ts';

/** Our name in the tables. */
export const OURS = 'lookaside';

/** What is measured, ours or a peer: one process or a tree of them. */
export interface Server {
  readonly name: string;
  /** The first process; its children are counted with it. */
  readonly pid: number;
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly stop: () => Promise<void>;
}

export interface ServeOptions {
  readonly source: string;
  readonly keyFile: string;
  /** Where its log, its state and all else that it writes goes. */
  readonly home: string;
  readonly args?: readonly string[];
  /** How many signatures it must say that it serves. */
  readonly expected: number;
}

export interface ServedLookaside extends Server {
  /** From the start of the process to the line that says that it serves. */
  readonly startSeconds: number;
}

const SERVING = /^lookaside: serving (\d+) signatures? .* on (https?:\/\/\S+)/m;
/** A million signatures are read and verified within. Milliseconds. */
const PATIENCE = 1_800_000;
const STOP_PATIENCE = 15_000;

/**
 * Starts `lookaside serve` on free ports, its access log in a file as an operator would have it.
 * Settles when it serves. Throws with its words if it does not, or serves another number.
 */
export async function serveLookaside(options: ServeOptions): Promise<ServedLookaside> {
  const { source, keyFile, home, args = [], expected } = options;
  const log = await open(join(home, 'access.log'), 'a');
  const listen = ['--listen=127.0.0.1:0', '--status-listen=127.0.0.1:0', '--poll=0s'];
  const state = `--state-dir=${join(home, 'state-dir')}`;
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [MAIN_FILE, 'serve', source, `--keys=${keyFile}`, state, ...listen, ...args],
    {
      detached: true,
      stdio: ['ignore', log.fd, 'pipe'],
      env: { ...process.env, ...lookasideEnvironment(home) },
    },
  );
  const pid = child.pid ?? 0;
  trackGroup(pid);
  await log.close();
  const closed = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => killGroup(pid), STOP_PATIENCE);
    await closed;
    clearTimeout(timer);
    killGroup(pid);
  };
  let stderr = '';
  const serving = new Promise<RegExpExecArray>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`lookaside serve ${source}: ${why}\n${stderr}`));
    const timer = setTimeout(() => fail(`not serving after ${PATIENCE} ms`), PATIENCE);
    child.once('close', () => fail('ended'));
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      stderr = `${stderr}${part}`.slice(-100_000);
      const match = SERVING.exec(stderr);
      if (!match) return;
      clearTimeout(timer);
      resolve(match);
    });
  });
  try {
    const [, signatures, baseUrl = ''] = await serving;
    const startSeconds = (performance.now() - started) / 1000;
    if (Number(signatures) !== expected) {
      throw new Error(`expected ${expected} signatures to be served, got ${signatures}`);
    }
    return { name: OURS, pid, baseUrl, startSeconds, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
