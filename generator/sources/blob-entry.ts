import { createHash } from 'node:crypto';
import type { FileEntry } from './source.ts';

/** The entry of a regular file as git has it: named for its bytes. */
export function toBlobEntry(path: string, bytes: Uint8Array): FileEntry {
  const size = bytes.length;
  const id = createHash('sha1').update(`blob ${size}\0`).update(bytes).digest('hex');
  return { kind: 'file', path, size, id };
}
