import { randomUUID } from 'node:crypto';
import { chmod, rm, lstat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { NODE_FILE_MODE } from '../../generator/nodes/node-file.ts';
import type { WrittenFile } from '../../generator/nodes/targets/targets.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { syncPath } from '../../generator/system/durable.ts';
import { renameDurably, writeNew } from '../../generator/system/durable.ts';
import { makeDirectories } from '../../generator/system/make-directories.ts';
import { UsageError } from '../base/usage-error.ts';
import { write, type ProcessIo } from '../base/process-io.ts';

/** What `--out` has in place of a directory. */
export const STANDARD_OUTPUT = '-';
const EXECUTABLE_MODE = 0o755;
const DIRECTORY_MODE = 0o755;

/**
 * Writes files below a directory, in their order, each whole or not at all, and none where there
 * is no room for all; or to standard output: one after the other where they can be read so, else
 * as a tar archive.
 * @throws UsageError naming the file that cannot be written.
 */
export async function writeFiles(
  files: readonly WrittenFile[],
  out: string,
  isConcatenable: boolean,
  { stdout, stderr }: ProcessIo,
): Promise<void> {
  if (out === STANDARD_OUTPUT) {
    const bytes =
      isConcatenable || files.length === 1
        ? Buffer.concat(files.map((file) => file.bytes))
        : await toTar(files);
    await write(stdout, bytes);
    return;
  }
  await checkPlaces(
    out,
    files.map(({ path }) => path),
  );
  await writeAll(files.map((file) => ({ ...file, path: join(out, file.path) })));
  const paths = files.map(({ path }) => `  ${join(out, path)}\n`);
  stderr.write(`lookaside: wrote\n${paths.join('')}`);
}

function modeOf({ isExecutable }: WrittenFile): number {
  return isExecutable ? EXECUTABLE_MODE : NODE_FILE_MODE;
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

async function writeAll(files: readonly WrittenFile[]): Promise<void> {
  // Not `*.yaml`, lest nodes read what a killed run has left.
  const suffix = `.${randomUUID()}`;
  try {
    for (const file of files) await stage(file, `${file.path}${suffix}`);
    for (const { path } of files) {
      await renameDurably(`${path}${suffix}`, path).catch((cause: unknown) =>
        throwUnwritable(path, cause),
      );
    }
  } catch (error) {
    const removals = files.map(async ({ path }) => rm(`${path}${suffix}`, { force: true }));
    await Promise.allSettled(removals);
    throw error;
  }
}

/** All users of a node read these files, whatever the umask of who writes them. */
async function stage(file: WrittenFile, temporary: string): Promise<void> {
  try {
    await makeDirectory(dirname(file.path));
    await writeNew(temporary, modeOf(file), async (opened) => {
      await opened.writeFile(file.bytes);
      return true;
    });
  } catch (cause) {
    throwUnwritable(file.path, cause);
  }
}

async function makeDirectory(path: string): Promise<void> {
  const whole = resolve(path);
  const first = await makeDirectories(whole);
  if (first === undefined) return;
  for (let made = whole; made.length >= first.length; made = dirname(made)) {
    await chmod(made, DIRECTORY_MODE);
    await syncPath(dirname(made));
  }
}

function throwUnwritable(path: string, cause: unknown): never {
  const hint = 'name a directory that can be written to with --out';
  throw new UsageError(`cannot write ${path}: ${messageOf(cause)}`, hint, { cause });
}

/**
 * Looks at where files go; paths are relative to `root`, and a link in place of a file is replaced.
 * @throws UsageError for a directory in place of a file, and for a link on the way, which may lead
 * out of `root`; below `/` itself there is nothing else to be led to.
 */
async function checkPlaces(root: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const place = join(root, path);
    const stats = await lstat(place).catch(() => undefined);
    if (stats?.isDirectory()) {
      throw new UsageError(`cannot write ${place}: it is a directory`, 'move it away');
    }
    if (resolve(root) !== '/') await refuseLinks(root, dirname(path));
  }
}

async function refuseLinks(root: string, directory: string): Promise<void> {
  if (directory === '.') return;
  await refuseLinks(root, dirname(directory));
  const place = join(root, directory);
  const stats = await lstat(place).catch(() => undefined);
  if (!stats?.isSymbolicLink()) return;
  throw new UsageError(
    `cannot write below ${place}: it is a symbolic link, and may lead out of ${root}`,
    'replace it by a directory, or write to another --out',
  );
}
