// `lookaside node-config --check ROOT`, `--cluster FILE` and `--diff DIR`: what nodes have, beside what
// they should.
import { stat } from 'node:fs/promises';
import { messageOf } from '../../generator/terms/errors.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { checkCluster } from './check-cluster.ts';
import { checkNode } from './check-node.ts';
import { checkOptions } from './check-options.ts';
import { diffNode } from './diff-node.ts';
import { RootedFiles } from './rooted-files.ts';

/**
 * Settles with the exit code: 1 for faults or differences. `flags` are the options that the command
 * line has.
 */
export async function compareNode(
  settings: Settings,
  io: ProcessIo,
  flags: ReadonlySet<string>,
): Promise<number> {
  const { check, cluster, diff } = settings;
  refuseTogether({ check, cluster, diff });
  if (cluster !== undefined) {
    refuseOthers('--cluster', settings, flags);
    checkOptions(settings, flags);
    return checkCluster(cluster, settings, io);
  }
  if (check !== undefined) {
    refuseOthers('--check', settings, flags);
    checkOptions(settings, flags);
    const files = new RootedFiles(await findDirectory('--check', check));
    return checkNode({ root: check, files }, settings, io);
  }
  const directory = diff ?? '';
  refuseOthers('--diff', settings, flags);
  checkOptions(settings, flags);
  const files = new RootedFiles(await findDirectory('--diff', directory));
  return diffNode({ root: directory, files }, settings, io);
}

/** Refuses to do two things at once. */
function refuseTogether(given: Pick<Settings, 'check' | 'cluster' | 'diff'>): void {
  const names = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : name));
  if (names.length < 2) return;
  const flags = names.map((name) => `--${name}`).join(' and ');
  throw new UsageError(`${flags} cannot be used together`, 'give one of them');
}

/** Refuses flags that would silently be ignored; in the configuration file they are for other runs. */
function refuseOthers(
  flag: '--check' | '--cluster' | '--diff',
  { format, rootless }: Settings,
  flags: ReadonlySet<string>,
): void {
  if (flags.has('out')) {
    throw new UsageError(`--out writes files, and ${flag} compares them`, 'give one of them');
  }
  if (flags.has('target')) {
    throw new UsageError(`${flag} compares the files of a node`, 'leave out --target');
  }
  if (flag === '--cluster' && rootless) {
    const message = '--cluster is about the files of the system, not of one user';
    throw new UsageError(message, 'leave out --rootless');
  }
  if (flag !== '--diff' && flags.has('merge')) {
    const message = `${flag} accepts whatever the node's policy says about other scopes`;
    throw new UsageError(message, 'leave out --merge');
  }
  const formats = flag === '--diff' ? ['text'] : ['text', 'json'];
  if (!flags.has('format') || formats.includes(format)) return;
  const hint = `use ${formats.map((known) => `--format ${known}`).join(' or ')}`;
  throw new UsageError(`${flag} does not support the format ${format}`, hint);
}

async function findDirectory(flag: string, path: string): Promise<string> {
  const hint = 'name a directory that stands for / of a node';
  const stats = await stat(path).catch((cause: unknown) => {
    throw new UsageError(`${flag}: cannot read ${path}: ${messageOf(cause)}`, hint, { cause });
  });
  if (stats.isDirectory()) return path;
  throw new UsageError(`${flag}: expected a directory, got ${path}`, hint);
}
