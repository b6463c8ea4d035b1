import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../../../test/kit/process/run.ts';
import { imageAt } from '../data/images.ts';
import type { Data } from '../data/open-data.ts';
import { toolPath } from '../tools.ts';
import { runEach } from './run-each.ts';

/**
 * Verifies the first signatures of a tree with `skopeo standalone-verify`, a process for each: one
 * after the other, and as many at a time as there are cores. Seconds; throws if one is bad.
 */
export async function runSkopeo(
  tree: string,
  { key, keyFile }: Data,
  count: number,
  home: string,
): Promise<{ readonly oneByOne: number; readonly together: number }> {
  await chmod(home, 0o700);
  const env = { GNUPGHOME: home };
  await runOrThrow(toolPath('gpg'), ['--batch', '--quiet', '--import', keyFile], { env });
  const fingerprint = key.public.fingerprint.toString('hex').toUpperCase();
  const lists: string[][] = [];
  for (let index = 0; index < count; index++) {
    const { manifest, dockerReference, location } = imageAt(index);
    const file = join(home, `manifest-${index}`);
    await writeFile(file, manifest);
    lists.push([file, dockerReference, fingerprint, join(tree, location)]);
  }
  const command = [toolPath('skopeo'), 'standalone-verify'];
  const oneByOne = await runEach(command, lists, env, 1);
  const together = await runEach(command, lists, env);
  // GnuPG may have started an agent, which would outlive the run.
  await runOrThrow('gpgconf', ['--homedir', home, '--kill', 'all']);
  return { oneByOne, together };
}
