import { realpath, stat } from 'node:fs/promises';
import { SourceError } from '../source.ts';

/**
 * The directory that a path leads to, which alone may do so through a link.
 * @throws SourceError if there is none.
 */
export async function resolveRoot(root: string): Promise<string> {
  const real = await realpath(root).catch((cause: unknown) => {
    const hint = 'name a directory or a git URL';
    throw new SourceError(`${root}: no such directory`, { cause, hint });
  });
  if ((await stat(real)).isDirectory()) return real;
  throw new SourceError(`${root}: not a directory`, { hint: 'name a directory or a git URL' });
}
