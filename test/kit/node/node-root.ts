import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { takeSnapshot } from './node-config.ts';

export const POLICY = 'etc/containers/policy.json';
const STORES = 'etc/containers/registries.d/lookaside.yaml';

export const isRoot: boolean = process.getuid?.() === 0;

/**
 * Makes a directory that stands for `/`, with some of a node's files, each in another way. Settles
 * with a snapshot of it.
 */
export async function makeRoot(root: string): Promise<readonly string[]> {
  await mkdir(join(root, 'etc/containers/registries.d'), { recursive: true });
  await mkdir(join(root, 'var/lib'), { recursive: true });
  await mkdir(join(root, 'usr'));
  await writeFile(join(root, POLICY), '{"default":[]}\r\nno line feed');
  await chmod(join(root, POLICY), 0o640);
  if (isRoot) await chown(join(root, POLICY), 1234, 2345);
  await writeFile(join(root, 'usr/stores.yaml'), 'docker: {}\n');
  await symlink('../../../usr/stores.yaml', join(root, STORES));
  return takeSnapshot(root);
}
