import { toLine } from '../terms/text.ts';

/** Keeps the end of what a process writes, in bounded memory. */
export class OutputTail {
  readonly #limit: number;
  #older: Buffer[] = [];
  #newer: Buffer[] = [];
  #newerSize = 0;

  /** Keeps this many bytes, and for a while up to twice as many. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Uint8Array): void {
    // A copy of the end: a slice would keep the whole chunk of the pipe in memory.
    const piece = Buffer.from(chunk.subarray(-this.#limit));
    this.#newer.push(piece);
    this.#newerSize += piece.length;
    if (this.#newerSize < this.#limit) return;
    this.#older = this.#newer;
    this.#newer = [];
    this.#newerSize = 0;
  }

  text(): string {
    return Buffer.concat([...this.#older, ...this.#newer])
      .subarray(-this.#limit)
      .toString('utf8');
  }
}

/** How many lines of stderr people are shown. */
const SHOWN_LINES = 3;

/** The last lines of what a process wrote for people, as one printable line. */
export function toComplaint(text: string): string {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return toLine(lines.slice(-SHOWN_LINES).join('; '));
}
