// What stands in a directory, and what is said of all that is no file with a signature.
import { readdir } from 'node:fs/promises';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import { type Rejection, reject } from '../../generator/terms/rejection.ts';
import type { StagedPath } from './staged-path.ts';

export interface StagedEntry {
  readonly path: StagedPath;
  /** `other`: a pipe, a socket, a device. */
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
}

/** What stands in a directory, signature-2 before signature-10; a rejection where it cannot be read. */
export async function listStaged(
  directory: StagedPath,
): Promise<readonly StagedEntry[] | Rejection> {
  try {
    const entries = await readdir(directory.bytes, { withFileTypes: true, encoding: 'buffer' });
    return entries
      .map((entry): StagedEntry => {
        const other = entry.isSymbolicLink() ? 'symlink' : 'other';
        const kind = entry.isDirectory() ? 'directory' : other;
        return { path: directory.join(entry.name), kind: entry.isFile() ? 'file' : kind };
      })
      .toSorted((a, b) => a.path.name.localeCompare(b.path.name, 'en', { numeric: true }));
  } catch (error) {
    return toUnreadable(error) ?? GONE;
  }
}

/** What is said of a path that the system does not let us read; undefined where nothing is there. */
export function toUnreadable(error: unknown): Rejection | undefined {
  if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
  // Without the path, which is told already.
  const [reason = ''] = messageOf(error).split(', ', 1);
  return reject('unreadable', `expected a file or directory that can be read, got ${reason}`, {
    hint: 'Make it readable for the user that runs lookaside.',
  });
}

/** What was there when its directory was listed. */
export const GONE: Rejection = reject('unreadable', 'expected a file, and it is gone', {
  hint: 'Something else works in this directory: try again when it is done.',
});

const IN_PLACE = 'Put the file itself there, or remove it: links are not followed.';
const NAMES = {
  directory: 'a directory',
  symlink: 'a symbolic link',
  other: 'a pipe, a socket or a device',
} as const;
const CODES = { directory: 'stray-file', symlink: 'symlink', other: 'special-file' } as const;

/** Something in place of a signature. */
export function rejectFile(kind: Exclude<StagedEntry['kind'], 'file'>): Rejection {
  return reject(CODES[kind], `expected a signature file, got ${NAMES[kind]}`, { hint: IN_PLACE });
}

/** Something in place of a directory of signatures. */
export function rejectDirectory(
  kind: Exclude<StagedEntry['kind'], 'file' | 'directory'>,
): Rejection {
  return reject(CODES[kind], `expected a directory of signatures, got ${NAMES[kind]}`, {
    hint: 'Put the directory itself there, or remove it: links are not followed.',
  });
}

/** A file in whose path something is not UTF-8. */
export const OTHER_NAME: Rejection = reject('name-not-utf8', 'expected a path in UTF-8', {
  hint: 'Rename what is not UTF-8 in it: nodes look for no such name.',
});
