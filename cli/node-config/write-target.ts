import type { NodeFile } from '../../generator/nodes/node-file.ts';
import {
  TargetError,
  type TargetOptions,
  type WrittenFile,
} from '../../generator/nodes/targets/target.ts';
import { TARGETS } from '../../generator/nodes/targets/targets.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';

/** What is written for a target, and what people have to know about it. */
export interface TargetOutput {
  readonly files: readonly WrittenFile[];
  readonly isConcatenable: boolean;
  readonly advice: readonly string[];
}

const DEFAULT_POOLS = ['worker'];

/**
 * Refuses one user's files in a form for the whole system.
 * @throws UsageError
 */
export function checkTarget({ target, rootless }: Settings): void {
  if (!rootless || TARGETS[target].isForHomes) return;
  const hint = 'write --target files below the home directory, or leave --rootless out';
  throw new UsageError(`--target ${target} is for the whole system, not for one user`, hint);
}

/**
 * Writes a node's files in the form that was asked for.
 * @throws UsageError for a name, a pool or a file that the form cannot hold.
 */
export function writeTarget(
  files: readonly NodeFile[],
  settings: Settings,
  madeFrom: Pick<TargetOptions, 'scopes' | 'url'>,
): TargetOutput {
  const { target, name, pool, ignition, butane } = settings;
  const { write, isConcatenable, adviseOn } = TARGETS[target];
  const pools = pool.length > 0 ? pool : DEFAULT_POOLS;
  const options = { name, pools, ignition, butane, ...madeFrom };
  try {
    const written = write(files, options);
    return { files: written, isConcatenable, advice: adviseOn?.(files, options) ?? [] };
  } catch (cause) {
    if (!(cause instanceof TargetError)) throw cause;
    throw new UsageError(`--target ${target}: ${cause.message}`, cause.hint, { cause });
  }
}
