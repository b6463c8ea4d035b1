/**
 * A small file system for a program's state, in a mount namespace of its own, which a test can
 * fill up and empty while the program runs. It ends with the test, whatever happens.
 */
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Background, startBackground } from './background.ts';

/** Others may mount only where they are root by a name space of their own. */
const IS_ROOT = process.geteuid?.() === 0;
const FILLER = 'filler';
const CHUNK = Buffer.alloc(1024 * 1024);

export class SmallDisk {
  /** Where it lies for whoever is started through `wrapper`. */
  readonly path: string;
  /** What stands before a command so that it sees the disk. */
  readonly wrapper: readonly string[];
  /** Where the test itself finds it. */
  readonly outside: string;
  readonly #holder: Background;

  private constructor(path: string, holder: Background) {
    this.path = path;
    const user = IS_ROOT ? [] : [`--user=/proc/${holder.pid}/ns/user`, '--preserve-credentials'];
    this.wrapper = ['nsenter', ...user, `--mount=/proc/${holder.pid}/ns/mnt`, '--'];
    this.outside = join(`/proc/${holder.pid}/root`, path);
    this.#holder = holder;
  }

  /** Mounts it over a directory that is there; undefined where the machine does not allow that. */
  static async mount(path: string, bytes: number): Promise<SmallDisk | undefined> {
    const mount = `mount -t tmpfs -o size=${bytes} tmpfs '${path}' && echo mounted && exec sleep 86400`;
    const holder = await startBackground('unshare', [
      ...(IS_ROOT ? [] : ['--user', '--map-root-user']),
      '--mount',
      '--propagation=private',
      'sh',
      '-c',
      mount,
    ]).catch(() => undefined);
    const line = await holder?.waitForLine(/^mounted$/).catch(() => undefined);
    return holder && line ? new SmallDisk(path, holder) : undefined;
  }

  /** Takes all the space that is left. */
  async fill(): Promise<void> {
    const file = await open(join(this.outside, FILLER), 'a');
    try {
      for (let size = CHUNK.length; size >= 1;) {
        const isWritten = await file.write(CHUNK, 0, size).then(
          () => true,
          () => false,
        );
        if (!isWritten) size = Math.floor(size / 2);
      }
    } finally {
      await file.close();
    }
  }

  /** Gives the space back. */
  async empty(): Promise<void> {
    await rm(join(this.outside, FILLER), { force: true });
  }

  /** Bytes that are free. */
  async free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.outside);
    return bavail * bsize;
  }

  async unmount(): Promise<void> {
    await this.#holder.stop('SIGKILL');
  }
}
