import { writeBlocks } from './blocks.ts';

/** The file of a source's checkpoint. It is written once at a time, and never again after a failure. */
export class CheckpointFile {
  readonly path: string;
  readonly #onError: (error: unknown) => void;
  readonly #ending = new AbortController();
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isFree = true;
  #isClosed = false;

  /** Touches nothing yet; `onError` is told why a write fails. */
  constructor(path: string, onError: (error: unknown) => void) {
    this.path = path;
    this.#onError = onError;
  }

  /** Whether it may be written now. */
  get isFree(): boolean {
    return this.#isFree;
  }

  /** Settles when all blocks are on the disk, or it has failed. */
  async write(blocks: Iterable<Buffer>): Promise<void> {
    this.#isFree = false;
    this.#writing = this.#attempt(blocks);
    return this.#writing;
  }

  /** Settles when nothing is being written. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  /** Gives writing so many milliseconds from now; until then more may be written. For the end. */
  closeIn(patience: number): void {
    this.#timer ??= setTimeout(() => this.#ending.abort(), patience);
  }

  /** Waits for what is being written as long as `closeIn` allows; without it, breaks it off. */
  async close(): Promise<void> {
    this.#isFree = false;
    this.#isClosed = true;
    if (this.#timer === undefined) this.#ending.abort();
    await this.#writing;
    clearTimeout(this.#timer);
  }

  async #attempt(blocks: Iterable<Buffer>): Promise<void> {
    try {
      await writeBlocks(this.path, blocks, this.#ending.signal);
      this.#isFree = !this.#isClosed;
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#onError(error);
    }
  }
}
