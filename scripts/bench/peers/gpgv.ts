import { join } from 'node:path';
import { imageAt } from '../data/images.ts';
import { toolPath } from '../tools.ts';
import { runEach } from './run-each.ts';

/** Verifies the first signatures of a tree with gpgv, a process for each. Seconds; throws if one is bad. */
export async function runGpgv(tree: string, keyFile: string, count: number): Promise<number> {
  const files = Array.from({ length: count }, (_, index) => [join(tree, imageAt(index).location)]);
  return runEach([toolPath('gpgv'), '--quiet', '--keyring', keyFile], files);
}
