import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { git } from '../data/git.ts';
import type { Push } from '../data/pushes.ts';

export interface BareClone {
  /** Fetches what the remote has now; milliseconds. Throws if that is not the push. */
  readonly fetch: (push: Push) => Promise<number>;
}

const FETCHED = 'refs/lookaside/fetched';
const QUIETLY = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];

/** Clones a remote as the server does, to see what the fetch alone takes. */
export async function makeBareClone(url: string, directory: string): Promise<BareClone> {
  const path = join(directory, 'clone.git');
  await mkdir(path);
  await git(['init', '--quiet', '--bare', '--template=', path]);
  const fetch = async () => {
    const options = [...QUIETLY, '--no-auto-gc', '--', url, `+refs/heads/main:${FETCHED}`];
    await git(['fetch', ...options], { cwd: path });
  };
  await fetch();
  return {
    fetch: async ({ commit }) => {
      const started = performance.now();
      await fetch();
      const took = performance.now() - started;
      const got = await git(['rev-parse', FETCHED], { cwd: path });
      if (got !== commit) throw new Error(`git fetch: expected ${commit}, got ${got}`);
      return took;
    },
  };
}
