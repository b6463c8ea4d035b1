// A file that lines are appended to, each in one write, and that others may rotate: when another file has
// its name, that one is written to. What a full disk has cut is ended before the next line.
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { hasCode } from '../../generator/terms/errors.ts';

/** Where lines go. */
export interface AuditTarget {
  /** Settles when a line is written; throws what keeps it from that. */
  readonly append: (line: string) => Promise<void>;
  /** Settles when all of them have reached the disk. */
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What helps where it cannot be written. */
export const AUDIT_HINT = 'make room, or make it writable for the user that runs lookaside';
/** Names, in the trouble `audit-log`, a file that could not be opened. */
export const AUDIT_OPENING = 'opening';

const LINE_END = 10;
/** Readable for the group, whatever the umask is: whoever ships logs is in it. */
const MODE = 0o640;
/** Does not wait for who reads a pipe. */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_NONBLOCK;

/** The name stands for no file, and cannot. */
export class NoAuditFileError extends Error {
  override readonly name = 'NoAuditFileError';
}

export class AuditFile implements AuditTarget {
  readonly #path: string;
  #file: FileHandle | undefined;
  /** Whether the last line has no end. */
  #isTorn = false;
  /** One thing after another: whoever asks for a new file does so at any time. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Touches nothing yet. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Opens it, and makes it where it is not there. Throws the errors of the disk. */
  async open(): Promise<void> {
    await this.#inTurn(async () => this.#current());
  }

  readonly append = async (line: string): Promise<void> =>
    this.#inTurn(async () => this.#append(line));

  readonly sync = async (): Promise<void> => this.#inTurn(async () => this.#file?.datasync());

  readonly close = async (): Promise<void> => this.#inTurn(async () => this.#close());

  async #inTurn<Result>(step: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #append(line: string): Promise<void> {
    const file = await this.#current();
    const bytes = Buffer.from(this.#isTorn ? `\n${line}` : line);
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten > 0) this.#isTorn = bytesWritten < bytes.length;
    if (bytesWritten < bytes.length) throw new Error(`${this.#path}: no space left for a line`);
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** The file that has the name now. */
  async #current(): Promise<FileHandle> {
    if (this.#file && (await this.#isThere(this.#file))) return this.#file;
    await this.#close();
    const file = await openOrMake(this.#path);
    try {
      this.#isTorn = await isTorn(file, this.#path);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
    return file;
  }

  async #isThere(file: FileHandle): Promise<boolean> {
    try {
      const [own, named] = [await file.stat(), await stat(this.#path)];
      return own.ino === named.ino && own.dev === named.dev;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    }
  }
}

async function openOrMake(path: string): Promise<FileHandle> {
  try {
    return await open(path, FLAGS);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  const file = await open(path, FLAGS | constants.O_CREAT, MODE);
  try {
    await file.chmod(MODE);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Whether what was written to a file last was cut. */
async function isTorn(file: FileHandle, path: string): Promise<boolean> {
  const stats = await file.stat();
  if (!stats.isFile()) throw new NoAuditFileError(`${path} is no regular file`);
  if (stats.size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, stats.size - 1);
  return buffer[0] !== LINE_END;
}
