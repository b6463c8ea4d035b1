// A file of blocks, of which every byte is covered by a checksum. A block's checksum goes on from
// that of the block before, and the last block is an empty one: so a block that is flipped, left
// out, put elsewhere or taken from another file is told, and so is a file that is cut short.
// A file has its name only once all of it is on the disk.
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncPath } from '../sync-paths.ts';

/** The file is not as it was written. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

/** Length and checksum, which stand before a block. */
const HEADING_BYTES = 8;
const CHECKSUM_AT = 4;
/** Far more than a block with the largest signature has; a damaged length must not fill the memory. */
const MOST_BYTES = 64 * 1024 * 1024;
const END = Buffer.alloc(0);

/** Reads the blocks of a file that was just opened. A block is good until the next is asked for. */
export async function* readBlocks(file: FileHandle): AsyncGenerator<Buffer> {
  const heading = Buffer.alloc(HEADING_BYTES);
  let buffer = Buffer.alloc(0);
  let checksum = 0;
  await fill(file, heading);
  for (let length = lengthIn(heading); length > 0; length = lengthIn(heading)) {
    // With the next heading in one go.
    const needed = length + HEADING_BYTES;
    if (buffer.length < needed) buffer = Buffer.allocUnsafeSlow(needed);
    await fill(file, buffer.subarray(0, needed));
    const block = buffer.subarray(0, length);
    checksum = verify(heading, block, checksum);
    yield block;
    buffer.copy(heading, 0, length, needed);
  }
  verify(heading, END, checksum);
  const { bytesRead } = await file.read(heading);
  if (bytesRead > 0) throw new DamagedFileError('there is more behind the end');
}

/**
 * Writes blocks, none of them empty, to a file, in place of what was there. `ending` breaks it
 * off. If it fails, what was there stays.
 */
export async function writeBlocks(
  path: string,
  blocks: Iterable<Buffer>,
  ending: AbortSignal,
): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      await writeAll(file, blocks, ending);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncPath(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeAll(
  file: FileHandle,
  blocks: Iterable<Buffer>,
  ending: AbortSignal,
): Promise<void> {
  let checksum = 0;
  const write = async (block: Buffer): Promise<void> => {
    if (block.length > MOST_BYTES) throw new RangeError(`a block has ${block.length} bytes`);
    const heading = Buffer.alloc(HEADING_BYTES);
    heading.writeUInt32LE(block.length);
    checksum = checksumOf(heading, block, checksum);
    heading.writeUInt32LE(checksum, CHECKSUM_AT);
    await file.appendFile(heading);
    await file.appendFile(block);
  };
  for (const block of blocks) {
    ending.throwIfAborted();
    await write(block);
  }
  await write(END);
}

function checksumOf(heading: Buffer, block: Buffer, before: number): number {
  const sum = crc32(heading.subarray(0, CHECKSUM_AT), before);
  // Of no bytes zlib may give 0.
  return block.length > 0 ? crc32(block, sum) : sum;
}

function verify(heading: Buffer, block: Buffer, before: number): number {
  const checksum = checksumOf(heading, block, before);
  if (checksum === heading.readUInt32LE(CHECKSUM_AT)) return checksum;
  throw new DamagedFileError('a checksum is wrong');
}

function lengthIn(heading: Buffer): number {
  const length = heading.readUInt32LE(0);
  if (length > MOST_BYTES) throw new DamagedFileError('a block is too long');
  return length;
}

async function fill(file: FileHandle, buffer: Buffer): Promise<void> {
  for (let filled = 0; filled < buffer.length;) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled);
    if (bytesRead === 0) throw new DamagedFileError('it is cut short');
    filled += bytesRead;
  }
}
