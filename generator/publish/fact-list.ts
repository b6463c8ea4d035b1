import { readFileSync } from 'node:fs';

/** The lines of a file, `INODE CTIME CONTENT`, of which the last with a number counts. */
export interface FactList {
  /** Lines. */
  readonly size: number;
  /** All of them, as they are in the file. */
  readonly bytes: Buffer;
  /** `CTIME CONTENT` of an inode number; empty if there is none. */
  readonly find: (inode: number) => string;
  /** The last lines with these numbers, newlines included. */
  readonly linesOf: (inodes: Iterable<number>) => Buffer[];
}

const NEWLINE = 0x0a;
const ZERO = 0x30;

/** Reads the facts in a file. What cannot be read has none. */
export function readFactList(path: string): FactList {
  const read = tryToRead(path);
  // A line that is cut short would say something else.
  const bytes = read.subarray(0, read.lastIndexOf(NEWLINE) + 1);
  const starts = new Map<number, number>();
  let size = 0;
  for (let at = 0; at < bytes.length; at = bytes.indexOf(NEWLINE, at) + 1) {
    starts.set(readNumber(bytes, at), at);
    size++;
  }
  const lineOf = (inode: number): Buffer => {
    const start = starts.get(inode);
    if (start === undefined) return bytes.subarray(0, 0);
    return bytes.subarray(start, bytes.indexOf(NEWLINE, start) + 1);
  };
  return {
    size,
    bytes,
    find: (inode) => {
      const start = starts.get(inode);
      if (start === undefined) return '';
      const line = bytes.toString('utf8', start, bytes.indexOf(NEWLINE, start));
      return line.slice(line.indexOf(' ') + 1);
    },
    linesOf: (inodes) => Array.from(inodes, lineOf),
  };
}

/** The digits that stand there; there are many lines, and this makes no string of any. */
function readNumber(bytes: Buffer, from: number): number {
  let number = 0;
  for (let at = from; ; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return number;
    number = 10 * number + digit;
  }
}

function tryToRead(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
