import type { NodeFile } from './node-file.ts';

/** Whether it is a policy.json. */
export function isPolicy({ path }: NodeFile): boolean {
  return path.endsWith('/policy.json');
}
