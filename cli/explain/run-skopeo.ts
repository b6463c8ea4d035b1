// Runs skopeo, so that nothing of it is left: neither when it is stopped, nor when it hangs.
import { ProcessLimitError, ProcessStoppedError } from '../../generator/system/process-limits.ts';
import { runProcess } from '../../generator/system/run-process.ts';
import type { Environment } from '../base/read-settings.ts';

/** Far more than skopeo says with all its debugging. Bytes. */
const COMPLAINT_LIMIT = 16 * 1024 * 1024;

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
  const options = {
    environment,
    ending,
    limits: {
      silence: timeLimit,
      deadline: timeLimit,
      stdout: maxBytes,
      stderr: COMPLAINT_LIMIT,
    },
  };
  const { exitCode, stdout, stderr } = await runProcess(
    'skopeo',
    ['skopeo', ...args],
    options,
  ).catch((cause: unknown) => {
    throw new SkopeoError(kindOf(cause), '', { cause });
  });
  if (exitCode === 0) return stdout;
  throw new SkopeoError('failed', stderr);
}

function kindOf(cause: unknown): SkopeoError['kind'] {
  if (cause instanceof ProcessStoppedError) return 'stopped';
  if (!(cause instanceof ProcessLimitError)) return 'cannot-run';
  return cause.limit === 'stdout' || cause.limit === 'stderr' ? 'too-large' : 'too-late';
}
