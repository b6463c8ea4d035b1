import { crc32 } from 'node:zlib';

/** The whole lines of a file of remembered verdicts, held in memory. */
export interface VerdictIndex {
  /** Lines. */
  readonly size: number;
  /** The bytes that were read, whole lines or not. */
  readonly bytes: Buffer;
  /** The lines with a key, by their numbers, the newest first. */
  readonly find: (key: string) => Iterable<number>;
  /** A line without checksum and newline; undefined if it is damaged. */
  readonly text: (line: number) => string | undefined;
  /** A line as it lies in the file, newline included. */
  readonly raw: (line: number) => Buffer;
}

const NEWLINE = 0x0a;
const TAB = 0x09;
/** Eight hexadecimal digits and a tab. */
const CHECKSUM_BYTES = 9;

/** A line as the file has it: a checksum, the text, whose first field is the key, and a newline. */
export function formatVerdictLine(text: string): string {
  return `${checksum(Buffer.from(text))}\t${text}\n`;
}

/** Finds the lines of a file. Checksums are looked at when a line is asked for. */
export function indexVerdicts(bytes: Buffer): VerdictIndex {
  const starts: number[] = [];
  const newest = new Map<string, number>();
  /** The line before with the same key, for the few that are not alone. */
  const older = new Map<number, number>();
  /** The first tab behind what was looked at; a file without any is searched once. */
  let tab = 0;
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, at);
    if (newline < 0) break;
    const keyAt = at + CHECKSUM_BYTES;
    if (tab >= 0 && tab < keyAt) tab = bytes.indexOf(TAB, keyAt);
    if (tab > keyAt && tab < newline) {
      const key = bytes.toString('latin1', keyAt, tab);
      const before = newest.get(key);
      if (before !== undefined) older.set(starts.length, before);
      newest.set(key, starts.length);
      starts.push(at);
    }
    at = newline + 1;
  }
  const raw = (line: number): Buffer => {
    const start = starts[line] ?? 0;
    return bytes.subarray(start, bytes.indexOf(NEWLINE, start) + 1);
  };
  return {
    size: starts.length,
    bytes,
    find: function* (key) {
      for (let line = newest.get(key); line !== undefined; line = older.get(line)) yield line;
    },
    text: (line) => {
      const whole = raw(line);
      const text = whole.subarray(CHECKSUM_BYTES, -1);
      const sum = whole.toString('latin1', 0, CHECKSUM_BYTES - 1);
      return sum === checksum(text) ? text.toString() : undefined;
    },
    raw,
  };
}

function checksum(bytes: Uint8Array): string {
  return crc32(bytes)
    .toString(16)
    .padStart(CHECKSUM_BYTES - 1, '0');
}
