import { writeBlocks } from './blocks.ts';

/** Writes one image at a time, and none any more after one that failed. */
export interface ImageWriter {
  /** Whether an image may be written now. */
  readonly isFree: () => boolean;
  /** Settles when all blocks are on the disk, or it has failed. */
  readonly write: (blocks: Iterable<Buffer>) => Promise<void>;
  /** Waits for what is being written, but no longer than so many milliseconds. */
  readonly close: (patience: number) => Promise<void>;
}

/** Writes to the file at `path`; `onError` is told why that fails. */
export function createImageWriter(path: string, onError: (error: unknown) => void): ImageWriter {
  const ending = new AbortController();
  let writing: Promise<void> | undefined;
  let isFree = true;
  let isClosed = false;

  const attempt = async (blocks: Iterable<Buffer>): Promise<void> => {
    try {
      await writeBlocks(path, blocks, ending.signal);
      isFree = !isClosed;
    } catch (error) {
      if (!ending.signal.aborted) onError(error);
    }
  };

  return {
    isFree: () => isFree,
    write: async (blocks) => {
      isFree = false;
      writing = attempt(blocks);
      return writing;
    },
    close: async (patience) => {
      isFree = false;
      isClosed = true;
      const timer = setTimeout(() => ending.abort(), patience);
      await writing;
      clearTimeout(timer);
    },
  };
}
