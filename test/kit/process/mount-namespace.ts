import { type Background, startBackground } from './background.ts';

/** Others may mount only where they are root by a name space of their own. */
const IS_ROOT = process.geteuid?.() === 0;

/** A mount namespace that lasts as long as its holder. */
export interface MountNamespace {
  readonly holder: Background;
  /** What stands before a command so that it sees what is mounted. */
  readonly wrapper: readonly string[];
}

/**
 * Mounts what a line of shell says, with arguments from `$1` on, where nobody else sees it; undefined where
 * the machine does not allow that.
 */
export async function openMountNamespace(
  mount: string,
  ...args: readonly string[]
): Promise<MountNamespace | undefined> {
  const script = `${mount} && echo mounted && exec sleep 86400`;
  const holder = await startBackground('unshare', [
    ...(IS_ROOT ? [] : ['--user', '--map-root-user']),
    '--mount',
    '--propagation=private',
    'sh',
    '-c',
    script,
    'sh',
    ...args,
  ]).catch(() => undefined);
  const line = await holder?.waitForLine(/^mounted$/).catch(() => undefined);
  if (!holder || !line) return undefined;
  const user = IS_ROOT ? [] : [`--user=/proc/${holder.pid}/ns/user`, '--preserve-credentials'];
  return { holder, wrapper: ['nsenter', ...user, `--mount=/proc/${holder.pid}/ns/mnt`, '--'] };
}
