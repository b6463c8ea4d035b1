// The file that keeps, over a restart, the messages on which gpgv failed. Judging does not depend on it:
// if it is missing, damaged or of another version, each message is tried once more, and that is
// reported.
import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { replaceUnsynced } from '../system/durable.ts';
import { hasCode } from '../terms/errors.ts';
import { type GivenUp, LONGEST_PAUSE, MOST_GIVEN_UP, type VainTries } from './given-up.ts';

export interface GivenUpFileOptions {
  readonly path: string;
  /** Called with the reason if the file cannot be used. */
  readonly onUnreadable: (error: unknown) => void;
  /** Called with the reason if it cannot be written: once, until it works again. */
  readonly onUnwritable: (error: unknown) => void;
  /** Called after each write. */
  readonly onWritten: () => void;
}

const HEAD = 'lookaside messages without a verdict, 1';
/** A hash, the pause after the try, the time of the try: at most 80 bytes a line. */
const TRY = /^([\w-]{43}) ([0-9]{1,8}) ([0-9]{1,15})$/;
const MAX_BYTES = 100 * MOST_GIVEN_UP;
/** Links are not followed, and nothing but a regular file is waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class GivenUpFile {
  readonly #options: GivenUpFileOptions;
  readonly #givenUp: GivenUp;
  #writing: Promise<void> | undefined;
  #isStale = false;
  #hasFailed = false;

  /** Touches nothing yet. */
  constructor(givenUp: GivenUp, options: GivenUpFileOptions) {
    this.#options = options;
    this.#givenUp = givenUp;
  }

  /** Reads what an earlier run has written, and writes every change from now on. */
  async open(): Promise<void> {
    const saved = await this.#read();
    this.#givenUp.onChange = () => this.#write();
    if (saved) this.#givenUp.restore(saved);
  }

  /** Settles when all is written. */
  async close(): Promise<void> {
    this.#givenUp.onChange = () => undefined;
    await this.#writing;
  }

  async #read(): Promise<VainTries | undefined> {
    try {
      return parse(await readRegular(this.#options.path));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) this.#options.onUnreadable(error);
      return undefined;
    }
  }

  /** One write at a time; changes made meanwhile are in the next one. */
  #write(): void {
    this.#isStale = true;
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    const { path, onWritten, onUnwritable } = this.#options;
    while (this.#isStale) {
      this.#isStale = false;
      try {
        // Not synced: damage by a power cut shows in the checksum, and costs one try of each message.
        await replaceUnsynced(path, format(this.#givenUp.save()));
        this.#hasFailed = false;
        onWritten();
      } catch (error) {
        if (!this.#hasFailed) onUnwritable(error);
        this.#hasFailed = true;
      }
    }
    // In the same step, so that nobody waits for a write that has ended.
    this.#writing = undefined;
  }
}

async function readRegular(path: string): Promise<string> {
  const file = await open(path, FLAGS);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error('it is no regular file');
    if (stats.size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    return await file.readFile('latin1');
  } finally {
    await file.close();
  }
}

function format({ terms = '', tries }: VainTries): string {
  const lines = tries.map(({ hash: of, pause, triedAt }) => `${of} ${pause} ${triedAt}`);
  const body = [terms, ...lines].map((line) => `${line}\n`).join('');
  return `${HEAD}\n${sumOf(body)}\n${body}`;
}

/** @throws Error for what `format` does not write */
function parse(text: string): VainTries {
  const [head, sum, ...rest] = text.split('\n');
  const body = rest.join('\n');
  if (head !== HEAD) throw new Error('it has another form');
  if (sum !== sumOf(body)) throw new Error('it is damaged');
  const [terms = '', ...lines] = rest.slice(0, -1);
  if (lines.length > MOST_GIVEN_UP) throw new Error('it has too many lines');
  const tries = lines.map((line) => {
    const [, of = '', pause, triedAt] = TRY.exec(line) ?? [];
    if (!(Number(pause) <= LONGEST_PAUSE)) throw new Error('it has another form');
    return { hash: of, pause: Number(pause), triedAt: Number(triedAt) };
  });
  return { terms: terms === '' ? undefined : terms, tries };
}

function sumOf(body: string): string {
  return hash('sha256', body, 'hex');
}
