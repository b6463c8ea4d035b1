// What one git prints, read as it comes: cut where the shell that runs it marks its end, however the
// pipe cuts it. Each byte is looked at once.
/** A mark begins with it. */
const NUL = 0x00;

/** The word behind the first mark, as run-git.sh prints it: what comes before is of others. */
const BEGIN = 'begin';
/** The word behind the mark that says that nothing more comes, as take-orders.sh prints it. */
const OVER = 'over';

/** Gives what comes between two marks to a callback, piece by piece. */
export class GitOutput {
  readonly #mark: Buffer;
  readonly #limit: number;
  readonly #onBytes: (bytes: Buffer) => void;
  #held: Buffer = Buffer.alloc(0);
  #size = 0;
  #hasBegun = false;
  #ending: string | undefined;
  #isOver = false;

  /** `mark` begins with a NUL, and has no other. A word and a newline come behind it. */
  constructor(mark: string, limit: number, onBytes: (bytes: Buffer) => void) {
    this.#mark = Buffer.from(mark);
    this.#limit = limit;
    this.#onBytes = onBytes;
  }

  /** The word behind the mark at the end; undefined before both have come. */
  get ending(): string | undefined {
    return this.#ending;
  }

  /** Whether nothing more comes. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether more came than is kept; the rest is passed over. */
  get isTooMuch(): boolean {
    return this.#size > this.#limit;
  }

  push(chunk: Buffer): void {
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const mark = bytes.indexOf(this.#mark, at);
      const word = mark + this.#mark.length;
      const newline = mark < 0 ? -1 : bytes.indexOf('\n', word);
      const end = mark < 0 ? findBeginning(bytes, this.#mark, at) : mark;
      this.#take(bytes.subarray(at, end));
      if (newline < 0) {
        // A copy: a slice would keep the whole chunk of the pipe in memory.
        this.#held = Buffer.from(bytes.subarray(end));
        return;
      }
      this.#hear(bytes.toString('latin1', word, newline));
      at = newline + 1;
    }
  }

  #take(bytes: Buffer): void {
    if (!this.#hasBegun || this.#ending !== undefined || bytes.length === 0) return;
    this.#size += bytes.length;
    if (!this.isTooMuch) this.#onBytes(bytes);
  }

  #hear(word: string): void {
    if (word === BEGIN) this.#hasBegun = true;
    else this.#ending ??= word;
    if (word === OVER) this.#isOver = true;
  }
}

/** Where a mark may begin of which the rest is still to come. */
function findBeginning(bytes: Buffer, mark: Buffer, from: number): number {
  let nul = bytes.indexOf(NUL, Math.max(from, bytes.length - mark.length + 1));
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
