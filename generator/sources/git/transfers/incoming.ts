// What a remote sends is kept apart until all of it has come: git writes it into another object
// directory, with that of the clone as its alternate, and only complete packs are moved into the clone.
// So nothing of a transfer that was broken off, killed or refused is ever in the clone, and no file is
// touched because git or the remote names it.
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FAN_OUT, LOOSE, measureClone } from '../clone/disk-use.ts';
import type { GitEnvironment } from '../processes/git-child.ts';

const FOLDER = 'incoming';
/** The files of a pack. The index is moved last: git does not see a pack before it sees its index. */
const PACK_PARTS = ['pack', 'rev', 'idx'];
const PACK = /^(pack-[0-9a-f]{40}(?:[0-9a-f]{24})?)\.pack$/;

/** The incoming objects of one clone; for one transfer at a time. */
export class Incoming {
  readonly #directory: string;
  readonly #objects: string;
  readonly #alternates: string;
  readonly #cloneObjects: string;

  constructor(clone: string) {
    this.#directory = join(clone, FOLDER);
    this.#objects = join(this.#directory, 'objects');
    this.#alternates = join(this.#objects, 'info', 'alternates');
    this.#cloneObjects = join(clone, 'objects');
  }

  /** Variables that make git write its objects here; it reads those of the clone too. */
  environment(): GitEnvironment {
    return { GIT_OBJECT_DIRECTORY: this.#objects };
  }

  /** Whether the clone has a directory for what comes. */
  async hasClone(): Promise<boolean> {
    return isThere(this.#cloneObjects);
  }

  /** Makes the directory, without which git runs nothing in this environment. */
  async ensure(): Promise<void> {
    if (!(await isThere(this.#alternates))) await this.empty();
  }

  /** Removes what has come. */
  async empty(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
    await mkdir(join(this.#objects, 'pack'), { recursive: true });
    await mkdir(join(this.#objects, 'info'));
    // Relative to the object directory, so that no path has to be quoted.
    await writeFile(this.#alternates, '../../objects\n');
  }

  /** Bytes that what has come takes on the disk. */
  async size(): Promise<number> {
    return (await measureClone(this.#directory)).bytes;
  }

  /** Moves what has come into the clone. Gives the files and directories that must be synced. */
  async accept(): Promise<readonly string[]> {
    return [...(await this.#acceptPacks()), ...(await this.#acceptLoose())];
  }

  async #acceptPacks(): Promise<readonly string[]> {
    const from = join(this.#objects, 'pack');
    const names = new Set(await namesOfFiles(from));
    const whole = [...names].flatMap((name) => {
      const [, pack] = PACK.exec(name) ?? [];
      if (pack === undefined || !names.has(`${pack}.idx`)) return [];
      return PACK_PARTS.map((part) => `${pack}.${part}`).filter((part) => names.has(part));
    });
    // A pack of the same name that is there already has the same content, or is damaged.
    return move(from, join(this.#cloneObjects, 'pack'), whole);
  }

  /** From a server of plain files, git takes one object after the other. */
  async #acceptLoose(): Promise<readonly string[]> {
    const moved: string[] = [];
    for (const folder of (await readdir(this.#objects)).filter((name) => FAN_OUT.test(name))) {
      const from = join(this.#objects, folder);
      const names = (await namesOfFiles(from)).filter((name) => LOOSE.test(name));
      moved.push(...(await move(from, join(this.#cloneObjects, folder), names)));
    }
    return moved;
  }
}

/** Gives the new paths, and the directory. */
async function move(
  from: string,
  to: string,
  names: readonly string[],
): Promise<readonly string[]> {
  if (names.length === 0) return [];
  await mkdir(to, { recursive: true });
  for (const name of names) await rename(join(from, name), join(to, name));
  return [...names.map((name) => join(to, name)), to];
}

async function namesOfFiles(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.filter((one) => one.isFile()).map(({ name }) => name);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
