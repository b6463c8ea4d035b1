// A file of blocks, of which every byte is covered by a checksum. A block's checksum goes on from
// that of the block before, and the last block is an empty one: so a block that is flipped, left
// out, put elsewhere or taken from another file is told, and so is a file that is cut short.
// A file has its name only once all of it is on the disk.
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { replaceFile } from '../../system/durable.ts';

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

/**
 * Reads the blocks of a file that was just opened, each while the one before is used. A block is good
 * until the next is asked for.
 */
export async function* readBlocks(file: FileHandle): AsyncGenerator<Buffer> {
  const heading = Buffer.alloc(HEADING_BYTES);
  let [memory, spare] = [Buffer.alloc(0), Buffer.alloc(0)];
  /** A block with the next heading, in one go; undefined at the end. */
  const readAhead = (): Promise<Buffer> | undefined => {
    const length = lengthIn(heading);
    if (length === 0) return undefined;
    const needed = length + HEADING_BYTES;
    [memory, spare] = [spare.length < needed ? Buffer.allocUnsafeSlow(needed) : spare, memory];
    const piece = memory.subarray(0, needed);
    const reading = fill(file, piece).then(() => piece);
    // What fails is told of when the block is asked for.
    reading.catch(() => undefined);
    return reading;
  };
  let checksum = 0;
  await fill(file, heading);
  let reading = readAhead();
  try {
    while (reading) {
      const piece = await reading;
      const block = piece.subarray(0, -HEADING_BYTES);
      checksum = verify(heading, block, checksum);
      piece.copy(heading, 0, block.length);
      reading = readAhead();
      yield block;
    }
  } finally {
    // The file may be closed then.
    await Promise.allSettled([reading]);
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
  await replaceFile(path, async (file) => {
    await writeAll(file, blocks, ending);
    return true;
  });
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
