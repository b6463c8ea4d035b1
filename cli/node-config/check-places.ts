// Whether files can be laid out below a directory, before the first of them is.
import { lstat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Complaint } from '../base/usage-error.ts';

/**
 * Looks at where files go; paths are relative to `root`, and a link in place of a file is replaced.
 * @throws Complaint for a directory in place of a file, and for a link on the way, which may lead
 * out of `root`; below `/` itself there is nothing else to be led to.
 */
export async function checkPlaces(root: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const place = join(root, path);
    const stats = await lstat(place).catch(() => undefined);
    if (stats?.isDirectory()) {
      throw new Complaint(`cannot write ${place}: it is a directory`, 'move it away');
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
  throw new Complaint(
    `cannot write below ${place}: it is a symbolic link, and may lead out of ${root}`,
    'replace it by a directory, or write to another --out',
  );
}
