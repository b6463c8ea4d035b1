import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fastImport } from './fast-import.ts';
import { git } from './git.ts';
import { imageAt } from './images.ts';
import { BRANCH, type Data } from './open-data.ts';
import { signImage } from './sign-image.ts';

/** A commit with one more signature. */
export interface Push {
  readonly commit: string;
  readonly location: string;
  readonly signature: Buffer;
}

/** A remote that people push signatures to. */
export interface Remote {
  readonly url: string;
  /** One after the other; each has the ones before it. */
  readonly pushes: readonly Push[];
  /** Moves the branch: from now on a fetch finds the push. */
  readonly publish: (push: Push) => Promise<void>;
}

/** Where the commits wait; clients that ask for a branch are not told of it. */
const PREPARED = 'refs/prepared/next';
/** Far from the images of any store, so that every pushed one is new. */
const FIRST_PUSHED = 7_000_000;
/** Steps from one push's repository to that of the next. */
const STRIDE = 1_117;

/** Copies a repository of `size` signatures into a directory and prepares pushes to it. */
export async function makeRemote(
  data: Pick<Data, 'key' | 'repository'>,
  size: number,
  directory: string,
  count: number,
): Promise<Remote> {
  const path = join(directory, 'remote.git');
  await cp(await data.repository(size), path, { recursive: true });
  const head = await git(['rev-parse', BRANCH], { cwd: path });
  // Into repositories that are there already, one after the other.
  const images = Array.from({ length: count }, (_, index) =>
    imageAt(FIRST_PUSHED + index, (index * STRIDE) % size),
  );
  const signed = await Promise.all(
    images.map(async (image) => {
      const { message } = await signImage(data.key, image);
      return { image, message };
    }),
  );
  const commits = await fastImport(
    path,
    signed.map(({ image, message }, index) => ({
      message: `Sign ${image.dockerReference}`,
      ref: PREPARED,
      ...(index === 0 ? { from: head } : {}),
      files: [{ path: image.location, bytes: message }],
    })),
  );
  return {
    url: pathToFileURL(path).href,
    pushes: signed.map(({ image, message }, index) => ({
      commit: commits[index] ?? '',
      location: image.location,
      signature: message,
    })),
    // Not by git, whose start would take a processor from what is measured.
    publish: async ({ commit }) => writeFile(join(path, BRANCH), `${commit}\n`),
  };
}
