// Runs skopeo, so that nothing of it is left: neither when it is stopped, nor when it hangs.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Environment } from './read-settings.ts';

/** What is kept of a complaint, in characters from its end. */
const COMPLAINT_LENGTH = 64 * 1024;

export interface SkopeoOptions {
  readonly environment: Environment;
  /** Stops it. */
  readonly ending: AbortSignal;
  /** Milliseconds. */
  readonly timeLimit: number;
  /** The most that it may print. */
  readonly maxBytes: number;
}

/** It printed nothing that can be used; `failed` it has by itself, saying why. */
export class SkopeoError extends Error {
  override readonly name = 'SkopeoError';
  readonly kind: 'cannot-run' | 'too-large' | 'too-late' | 'stopped' | 'failed';
  readonly said: string;
  constructor(kind: SkopeoError['kind'], said = '', options?: ErrorOptions) {
    super(`skopeo: ${kind}`, options);
    this.kind = kind;
    this.said = said;
  }
}

/**
 * Runs `skopeo ARGS`, and gives what it prints.
 * @throws SkopeoError
 */
export async function runSkopeo(
  args: readonly string[],
  { environment, ending, timeLimit, maxBytes }: SkopeoOptions,
): Promise<Uint8Array> {
  if (ending.aborted) throw new SkopeoError('stopped');
  // A group of its own, so that credential helpers can be stopped with it.
  const child = spawn('skopeo', args, {
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    let size = 0;
    let said = '';
    const end = (): void => {
      clearTimeout(timer);
      ending.removeEventListener('abort', stop);
    };
    const fail = (error: SkopeoError): void => {
      end();
      killGroup(child);
      reject(error);
    };
    const stop = (): void => fail(new SkopeoError('stopped'));
    const timer = setTimeout(() => fail(new SkopeoError('too-late')), timeLimit);
    ending.addEventListener('abort', stop);
    child.stdout.on('data', (piece: Uint8Array) => {
      size += piece.length;
      if (size > maxBytes) fail(new SkopeoError('too-large'));
      else pieces.push(piece);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-COMPLAINT_LENGTH);
    });
    child.once('error', (cause) => fail(new SkopeoError('cannot-run', '', { cause })));
    child.once('close', (code) => {
      end();
      if (code === 0) resolve(Buffer.concat(pieces));
      else reject(new SkopeoError('failed', said));
    });
  });
}

function killGroup(child: ChildProcessByStdio<null, Readable, Readable>): void {
  // Whoever else holds the pipes shall not keep us.
  child.stdout.destroy();
  child.stderr.destroy();
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
