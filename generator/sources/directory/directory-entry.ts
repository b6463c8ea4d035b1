// What a directory says of the entries in it, whoever lists it.
import type { Dirent } from 'node:fs';
import { hasCode } from '../../terms/errors.ts';
import { decodePath } from '../decode-path.ts';
import { type Entry, SourceError } from '../source.ts';

/** What an entry that is no directory is taken for. */
export function kindOf(
  child: Pick<Dirent, 'isFile' | 'isSymbolicLink'>,
  utf8: boolean,
): Exclude<Entry['kind'], 'submodule' | 'removed'> {
  if (!utf8) return 'name-not-utf8';
  if (child.isSymbolicLink()) return 'symlink';
  return child.isFile() ? 'file' : 'special-file';
}

/** Whether what was listed was gone when it was looked at. */
export function hasVanished(error: unknown): boolean {
  return hasCode(error, 'ENOENT', 'ENOTDIR');
}

/** A directory that cannot be listed: to leave it out would take away what was good in it. */
export function cannotBeListed(path: Uint8Array, cause: unknown): SourceError {
  const reason = cause instanceof Error && 'code' in cause ? cause.code : cause;
  return new SourceError(`${decodePath(path).path}: cannot be read: ${String(reason)}`, {
    cause,
    hint: 'make it readable for the user that runs Lookaside',
  });
}
