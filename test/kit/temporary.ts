import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A socket's path holds 107 bytes: below a longer TMPDIR gpg-agent cannot listen. */
const MAX_BASE_LENGTH = 40;

const kept = new Set<string>();
/** Of tests that ended: removed when what they started has ended too. */
const due = new Set<string>();
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

/** Removes the directories of tests that ended. The hooks of every suite ran before. */
export async function removeDue(): Promise<void> {
  const paths = [...due];
  due.clear();
  await Promise.all(paths.map(removeTemporary));
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
  const leave = () => {
    if (path !== undefined) due.add(path);
    path = undefined;
  };
  if (per === 'test') {
    beforeEach('make a temporary directory', make);
    afterEach('leave the temporary directory', leave);
  } else {
    before('make a temporary directory', make);
    after('leave the temporary directory', leave);
  }
  return () => {
    if (path === undefined) throw new Error('there is no temporary directory outside a test');
    return path;
  };
}
