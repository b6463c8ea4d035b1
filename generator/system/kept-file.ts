// A file of the state directory that has what the next start needs of what is served now. It is written
// again only when that changes, one write at a time, and the newest content wins.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { replaceFile } from './durable.ts';
import { hasCode } from '../terms/errors.ts';

export interface KeptFileOptions {
  readonly path: string;
  /** Told why the file cannot be used. */
  readonly onUnreadable: (error: unknown) => void;
  /** Told, once until the next success, why the file lacks something that the next start needs. */
  readonly onUnwritable: (error: unknown) => void;
  /** Called after a write that succeeds again. */
  readonly onWritten: () => void;
}

/** What the file is to have. */
export interface KeptContent {
  /** Changes when the content does. */
  readonly id: string;
  readonly pieces: () => Iterable<string>;
  /** What it has no room for; undefined where all is in it. */
  readonly lack?: string | undefined;
}

/** Follows no link, and does not wait for a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class KeptFile {
  readonly #options: KeptFileOptions;
  readonly #maxBytes: number;
  /** Identifies what the file holds. */
  #written: string;
  #wanted: (() => KeptContent) | undefined;
  #writing: Promise<void> | undefined;
  #hasFailed = false;

  /** Touches nothing yet. `emptyId` is the id of the content for which no file is needed. */
  constructor(options: KeptFileOptions, emptyId: string, maxBytes: number) {
    this.#options = options;
    this.#written = emptyId;
    this.#maxBytes = maxBytes;
  }

  /**
   * What an earlier run has left, as `parse` reads it together with its id; `parse` throws an Error for
   * what is damaged. Undefined if there is nothing that can be used.
   */
  async read<Value>(
    parse: (text: string) => { readonly value: Value; readonly id: string },
  ): Promise<Value | undefined> {
    try {
      const { value, id } = parse(await readRegular(this.#options.path, this.#maxBytes));
      this.#written = id;
      return value;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      this.#options.onUnreadable(error);
      // Whatever is there has to be replaced, even by an empty file.
      this.#written = '';
      return undefined;
    }
  }

  /** Settles when the next start would find what `content` gives now, or later. */
  async keep(content: () => KeptContent): Promise<void> {
    this.#wanted = content;
    this.#writing ??= this.#write();
    return this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#wanted) {
      const content = this.#wanted();
      this.#wanted = undefined;
      await this.#replace(content).catch((error: unknown) => this.#fail(error));
    }
    // In the same step as the check above, or a caller might wait for a write that has ended.
    this.#writing = undefined;
  }

  async #replace({ id, pieces, lack }: KeptContent): Promise<void> {
    if (id !== this.#written) {
      await replaceFile(this.#options.path, async (file) => {
        for (const piece of pieces()) await file.appendFile(piece);
        return true;
      });
      this.#written = id;
    }
    if (lack !== undefined) {
      this.#fail(new Error(lack));
      return;
    }
    if (this.#hasFailed) this.#options.onWritten();
    this.#hasFailed = false;
  }

  #fail(error: unknown): void {
    if (!this.#hasFailed) this.#options.onUnwritable(error);
    this.#hasFailed = true;
  }
}

async function readRegular(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, FLAGS);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error('it is no regular file');
    if (stats.size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
    return await file.readFile('latin1');
  } finally {
    await file.close();
  }
}
