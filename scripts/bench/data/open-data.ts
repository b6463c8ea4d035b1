// What is measured on, made once and kept: a key, signatures, git repositories and plain trees.
// Everything appears under its name only when it is whole, so that a run that was interrupted
// leaves nothing half made.
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fastImport } from './fast-import.ts';
import { git } from './git.ts';
import { imageAt } from './images.ts';
import { createSignatureBlocks } from './signature-blocks.ts';
import { type BenchKey, openSigningKey } from './signing-key.ts';

/** Counted up when what is made changes. */
const FORMAT = 1;
export const BRANCH = 'refs/heads/main';

export interface Data {
  readonly key: BenchKey;
  /** The public key, binary. */
  readonly keyFile: string;
  /** The signatures of the first images. */
  readonly signatures: (size: number) => AsyncGenerator<Buffer>;
  /** The path of a bare repository with that many signatures. It is shared: never change it. */
  readonly repository: (size: number) => Promise<string>;
  /** The path of a directory with that many signatures. It is shared: never change it. */
  readonly tree: (size: number) => Promise<string>;
}

/** Opens a directory of data, which may be new. `say` is told what takes time. */
export async function openData(root: string, say: (line: string) => void): Promise<Data> {
  const directory = join(root, `format-${FORMAT}`);
  await mkdir(directory, { recursive: true });
  await removeLeftovers(directory);
  const key = await openSigningKey(directory);
  const keyFile = join(directory, 'key.gpg');
  await writeFile(keyFile, key.public.publicKey);
  const blocks = createSignatureBlocks(join(directory, 'signatures'), key, say);

  async function* files(size: number) {
    let index = 0;
    for await (const bytes of blocks.first(size)) {
      yield { path: imageAt(index++).location, bytes };
    }
  }

  const once = async (name: string, make: (path: string) => Promise<void>): Promise<string> => {
    const path = join(directory, name);
    if (await isThere(path)) return path;
    say(`making ${name}`);
    const temporary = `${path}.${process.pid}`;
    try {
      await make(temporary);
      await rename(temporary, path);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return path;
  };

  return {
    key,
    keyFile,
    signatures: blocks.first,
    repository: (size) =>
      once(`${size}.git`, async (path) => {
        await git(['init', '--quiet', '--bare', '--initial-branch=main', path]);
        const message = `Add ${size} signatures`;
        await fastImport(path, [{ ref: BRANCH, message, files: files(size) }]);
      }),
    tree: (size) =>
      once(`${size}.tree`, async (path) => {
        for await (const file of files(size)) {
          const target = join(path, file.path);
          await mkdir(dirname(target), { recursive: true });
          await writeFile(target, file.bytes);
        }
      }),
  };
}

/** What a run that was killed had begun; its number is that of its process. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const [, pid] = /\.(\d+)$/.exec(name) ?? [];
    if (pid === undefined || (await isThere(`/proc/${pid}`))) continue;
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
