/**
 * A small file system for a program's state, in a mount namespace of its own, which a test can
 * fill up and empty while the program runs. It ends with the test, whatever happens.
 */
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Background } from './background.ts';
import { type MountNamespace, openMountNamespace } from './mount-namespace.ts';

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

  private constructor(path: string, { holder, wrapper }: MountNamespace) {
    this.path = path;
    this.wrapper = wrapper;
    this.outside = join(`/proc/${holder.pid}/root`, path);
    this.#holder = holder;
  }

  /** Mounts it over a directory that is there; undefined where the machine does not allow that. */
  static async mount(path: string, bytes: number): Promise<SmallDisk | undefined> {
    const mount = 'mount -t tmpfs -o "size=$2" tmpfs "$1"';
    const namespace = await openMountNamespace(mount, path, String(bytes));
    return namespace && new SmallDisk(path, namespace);
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
