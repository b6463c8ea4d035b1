import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import type { WrittenFile } from '../generator/node-config/targets.ts';
import { messageOf } from '../generator/message-of.ts';
import { Complaint } from './complaint.ts';
import type { World } from './world.ts';
import { write } from './write.ts';

const STANDARD_OUTPUT = '-';

/**
 * Writes files below a directory, each whole or not at all; or to standard output: one after the
 * other where they can be read so, else as a tar archive.
 * @throws Complaint naming the file that cannot be written.
 */
export async function writeFiles(
  files: readonly WrittenFile[],
  out: string,
  isConcatenable: boolean,
  { stdout, stderr }: World,
): Promise<void> {
  if (out === STANDARD_OUTPUT) {
    const bytes = isConcatenable
      ? Buffer.concat(files.map((file) => file.bytes))
      : await toTar(files);
    await write(stdout, bytes);
    return;
  }
  for (const file of files) await writeWhole(join(out, file.path), file);
  const paths = files.map(({ path }) => `  ${join(out, path)}\n`);
  stderr.write(`lookaside: wrote\n${paths.join('')}`);
}

function modeOf({ isExecutable }: WrittenFile): number {
  return isExecutable ? 0o755 : 0o644;
}

async function toTar(files: readonly WrittenFile[]): Promise<Uint8Array> {
  const archive = pack();
  for (const file of files) {
    // The same files give the same archive, whenever it is made.
    const header = { name: file.path, mode: modeOf(file), mtime: new Date(0) };
    archive.entry(header, Buffer.from(file.bytes));
  }
  archive.finalize();
  return buffer(archive);
}

async function writeWhole(path: string, file: WrittenFile): Promise<void> {
  const temporary = `${path}.lookaside-new`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, file.bytes, { mode: modeOf(file) });
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new Complaint(`cannot write ${path}: ${messageOf(cause)}`, undefined, { cause });
  }
}
