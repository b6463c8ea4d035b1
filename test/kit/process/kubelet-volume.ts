import { mkdir, readlink, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const DATA = '..data';

/**
 * A Secret or a ConfigMap as kubelet mounts it: each file is a link through `..data`, which is a link to a
 * directory of its own for each state (kubernetes pkg/volume/util/atomic_writer.go).
 */
export class KubeletVolume {
  readonly path: string;
  #states = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Where a file is found. */
  at(name: string): string {
    return join(this.path, name);
  }

  /** Replaces all files in one step, as kubelet does. */
  async write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    await mkdir(this.path, { recursive: true });
    const state = `..2026_11_30_00_00_00.${this.#states++}`;
    const before = await readlink(this.at(DATA)).catch(() => undefined);
    await mkdir(this.at(state));
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(this.path, state, name), content);
    }
    await symlink(state, this.at(`${DATA}_tmp`));
    await rename(this.at(`${DATA}_tmp`), this.at(DATA));
    const there = (await readdir(this.path)).filter((name) => !name.startsWith('..'));
    for (const name of Object.keys(files)) {
      if (!there.includes(name)) await symlink(join(DATA, name), this.at(name));
    }
    for (const name of there) if (!(name in files)) await rm(this.at(name));
    if (before !== undefined) await rm(this.at(before), { recursive: true });
  }
}
