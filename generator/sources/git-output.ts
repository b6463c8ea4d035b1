// What one git prints, read as it comes: cut where the shell that runs it marks its end, however the
// pipe cuts it. Each byte is looked at once.
/** A mark begins with it. */
const NUL = 0x00;

/** Gives what comes before a mark to a callback, piece by piece. */
export class GitOutput {
  readonly #mark: Buffer;
  readonly #limit: number;
  readonly #onBytes: (bytes: Buffer) => void;
  #held: Buffer = Buffer.alloc(0);
  #size = 0;
  /** What stands behind the mark, without its newline. */
  #ending: string | undefined;
  #isEnded = false;

  /** `mark` begins with a NUL, and has no other. */
  constructor(mark: string, limit: number, onBytes: (bytes: Buffer) => void) {
    this.#mark = Buffer.from(mark);
    this.#limit = limit;
    this.#onBytes = onBytes;
  }

  /** What stands between the mark and the newline behind it; undefined before both have come. */
  get ending(): string | undefined {
    return this.#isEnded ? this.#ending : undefined;
  }

  /** Whether more came than is kept; the rest is passed over. */
  get isTooMuch(): boolean {
    return this.#size > this.#limit;
  }

  push(chunk: Buffer): void {
    if (this.#ending !== undefined) {
      this.#readEnding(chunk);
      return;
    }
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    const mark = bytes.indexOf(this.#mark);
    const end = mark < 0 ? findBeginning(bytes, this.#mark) : mark;
    this.#size += end;
    if (end > 0 && !this.isTooMuch) this.#onBytes(bytes.subarray(0, end));
    // A copy: a slice would keep the whole chunk of the pipe in memory.
    this.#held = Buffer.from(mark < 0 ? bytes.subarray(end) : []);
    if (mark < 0) return;
    this.#ending = '';
    this.#readEnding(bytes.subarray(mark + this.#mark.length));
  }

  #readEnding(bytes: Buffer): void {
    if (this.#isEnded) return;
    const newline = bytes.indexOf('\n');
    this.#isEnded = newline >= 0;
    this.#ending += bytes.toString('latin1', 0, newline < 0 ? bytes.length : newline);
  }
}

/** Where a mark may begin of which the rest is still to come. */
function findBeginning(bytes: Buffer, mark: Buffer): number {
  let nul = bytes.indexOf(NUL, Math.max(0, bytes.length - mark.length + 1));
  while (nul >= 0 && !mark.subarray(0, bytes.length - nul).equals(bytes.subarray(nul))) {
    nul = bytes.indexOf(NUL, nul + 1);
  }
  return nul < 0 ? bytes.length : nul;
}

/** Makes lines of text that comes in pieces; gives each without its newline. */
export function createLineReader(onLine: (line: string) => void): (text: string) => void {
  let begun: string[] = [];
  return (text) => {
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      begun.push(text.slice(from, end));
      const line = begun.join('');
      begun = [];
      from = end + 1;
      onLine(line);
    }
    if (from < text.length) begun.push(text.slice(from));
  };
}
