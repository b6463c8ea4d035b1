import { toLine } from '../terms/text.ts';

/** The end of what a process writes, whatever it writes in all. */
export class OutputTail {
  readonly #limit: number;
  #older: Buffer[] = [];
  #newer: Buffer[] = [];
  #newerSize = 0;

  /** Keeps so many bytes, and up to twice as many for a while. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Uint8Array): void {
    // A copy of what counts: a slice would keep the whole chunk of the pipe in memory.
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

/** Lines of a complaint that people are shown. */
const SHOWN_LINES = 3;

/** The last lines of what a process wrote for people, as one printable line. */
export function toComplaint(text: string): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  return toLine(lines.slice(-SHOWN_LINES).join('; '));
}
