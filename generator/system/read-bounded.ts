// Reads a file that people name: it may be a pipe that nobody writes to, or a device without an end.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { hasCode } from '../terms/errors.ts';
import { formatBytes } from '../terms/text.ts';

/** More than any configuration or secret. Bytes. */
export const MOST_TEXT_BYTES = 1024 ** 2;
/** More than the keys of any distribution. Bytes. */
export const MOST_KEY_BYTES = 16 * 1024 ** 2;
const CHUNK = 64 * 1024;
/** How long a pipe may say nothing. Milliseconds. */
const PATIENCE = 10_000;
const PAUSE = 20;

/**
 * All bytes of a file or a pipe. Opened without waiting for who writes to it: a wait within `open` cannot
 * be ended. Throws the errors of the disk, and an error for more than `limit` bytes, or where nobody
 * writes for `patience` milliseconds.
 */
export async function readBounded(
  path: string,
  limit: number,
  patience = PATIENCE,
): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return await readAll(file, path, limit, patience);
  } finally {
    await file.close();
  }
}

async function readAll(
  file: FileHandle,
  path: string,
  limit: number,
  patience: number,
): Promise<Buffer> {
  const stats = await file.stat();
  const pieces: Buffer[] = [];
  let length = 0;
  let silentSince = performance.now();
  for (;;) {
    const piece = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await file.read(piece).catch((error: unknown) => {
      if (hasCode(error, 'EAGAIN')) return { bytesRead: undefined };
      throw error;
    });
    // A pipe that nobody has opened for writing yet is at its end, too.
    const isWaiting =
      bytesRead === undefined || (bytesRead === 0 && length === 0 && stats.isFIFO());
    if (isWaiting) {
      if (performance.now() - silentSince > patience) {
        throw new Error(`${path}: expected a file, got a pipe or device to which nobody writes`);
      }
      await setTimeout(PAUSE);
      continue;
    }
    if (bytesRead === 0) return Buffer.concat(pieces);
    silentSince = performance.now();
    length += bytesRead;
    if (length > limit) {
      throw new Error(`${path}: expected at most ${formatBytes(limit)}, got more`);
    }
    pieces.push(piece.subarray(0, bytesRead));
  }
}
