import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A socket's path holds 107 bytes: below a longer TMPDIR gpg-agent cannot listen. */
const MAX_BASE_LENGTH = 40;

const kept = new Set<string>();
process.on('exit', () => {
  for (const path of kept) rmSync(path, { recursive: true, force: true });
});

/**
 * Makes an empty directory with a short path. The caller removes it with `removeTemporary`; what is
 * left goes when the tests end. Its mode is 0755, for servers that drop their rights, unless told.
 */
export async function makeTemporary(mode = 0o755): Promise<string> {
  const base = tmpdir().length > MAX_BASE_LENGTH ? '/tmp' : tmpdir();
  const path = await mkdtemp(join(base, 'la-'));
  kept.add(path);
  await chmod(path, mode);
  return path;
}

/** Removes a directory made by `makeTemporary`, with all in it. */
export async function removeTemporary(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
  kept.delete(path);
}

/**
 * Inside `describe`: gives every test of the suite (or, with 'suite', all of them together) a
 * directory. Returns a function that tells its path while a test or hook runs.
 */
export function useTemporary(per: 'test' | 'suite' = 'test'): () => string {
  let path: string | undefined;
  const make = async () => {
    path = await makeTemporary();
  };
  const remove = async () => {
    if (path !== undefined) await removeTemporary(path);
    path = undefined;
  };
  if (per === 'test') {
    beforeEach('make a temporary directory', make);
    afterEach('remove the temporary directory', remove);
  } else {
    before('make a temporary directory', make);
    after('remove the temporary directory', remove);
  }
  return () => {
    if (path === undefined) throw new Error('there is no temporary directory outside a test');
    return path;
  };
}
