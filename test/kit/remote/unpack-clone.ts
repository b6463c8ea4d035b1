import { readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../process/run.ts';

/** Puts each object of a bare clone into a file of its own, as earlier versions kept what came. */
export async function unpackClone(clone: string): Promise<void> {
  const packs = join(clone, 'objects', 'pack');
  for (const name of (await readdir(packs)).filter((one) => one.endsWith('.pack'))) {
    // Git unpacks only what it does not have.
    const aside = join(clone, name);
    await rename(join(packs, name), aside);
    await rm(join(packs, name.replace(/\.pack$/, '.idx')));
    const input = await readFile(aside);
    await runOrThrow('git', ['--git-dir', clone, 'unpack-objects', '-q'], { input });
    await rm(aside);
  }
}
