import type { NodeFile } from '../node-file.ts';

/**
 * Files in the order in which a node that works meanwhile may get them: the policy last, which
 * names the keys.
 */
export function toInstallOrder(files: readonly NodeFile[]): readonly NodeFile[] {
  return files.toSorted((a, b) => Number(isPolicy(a)) - Number(isPolicy(b)));
}

/** Whether it is a policy.json. */
export function isPolicy({ path }: NodeFile): boolean {
  return path.endsWith('/policy.json');
}
