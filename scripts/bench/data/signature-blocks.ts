// Signatures on disk in blocks of 10,000, as stores of all sizes are made of the same ones. A block
// is a row of signatures, each behind its length in two octets.
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { imageAt } from './images.ts';
import { signImage } from './sign-image.ts';
import type { BenchKey } from './signing-key.ts';

export const BLOCK_SIZE = 10_000;
/** Enough to keep the thread pool busy. */
const BATCH = 250;
const LENGTH_OCTETS = 2;

export interface SignatureBlocks {
  /** The signatures of the images 0 to `size` - 1, in their order. */
  readonly first: (size: number) => AsyncGenerator<Buffer>;
}

/** Opens the blocks in a directory. What is missing is made when it is asked for. */
export function createSignatureBlocks(
  directory: string,
  key: BenchKey,
  say: (line: string) => void,
): SignatureBlocks {
  const readBlock = async (number: number): Promise<readonly Buffer[]> => {
    const file = join(directory, String(number).padStart(5, '0'));
    const bytes = await readFile(file).catch(async () => {
      say(`signing images ${number * BLOCK_SIZE} to ${(number + 1) * BLOCK_SIZE - 1}`);
      await mkdir(directory, { recursive: true });
      await writeBlock(file, key, number * BLOCK_SIZE);
      return readFile(file);
    });
    return parseBlock(bytes);
  };
  return {
    first: async function* (size) {
      for (let start = 0; start < size; start += BLOCK_SIZE) {
        const block = await readBlock(start / BLOCK_SIZE);
        yield* block.slice(0, size - start);
      }
    },
  };
}

async function writeBlock(file: string, key: BenchKey, start: number): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  const handle = await open(temporary, 'w');
  try {
    for (let at = start; at < start + BLOCK_SIZE; at += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, index) =>
        signImage(key, imageAt(at + index)),
      );
      const messages = (await Promise.all(batch)).map(({ message }) => message);
      await handle.write(formatBlock(messages));
    }
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}

/** The bytes of a block. */
export function formatBlock(signatures: readonly Buffer[]): Buffer {
  return Buffer.concat(
    signatures.flatMap((signature) => {
      const length = Buffer.alloc(LENGTH_OCTETS);
      length.writeUInt16BE(signature.length);
      return [length, signature];
    }),
  );
}

/** The inverse of {@link formatBlock}. */
export function parseBlock(bytes: Buffer): readonly Buffer[] {
  const signatures: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + LENGTH_OCTETS;
    at = start + bytes.readUInt16BE(at);
    signatures.push(bytes.subarray(start, at));
  }
  return signatures;
}
