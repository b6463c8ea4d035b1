// The file in which refused pulls outlive a restart. Nothing of it is needed to serve: what cannot
// be read or written is told, and harms nothing.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { replaceFile } from '../../generator/system/durable.ts';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import type { SavedPulls } from './refused-pull.ts';
import type { RefusedPulls } from './refused-pulls.ts';
import { SavedPullsError, formatSavedPulls, parseSavedPulls } from './saved-pulls.ts';

export interface RefusedFileOptions {
  readonly path: string;
  /** Told why the file is of no use. */
  readonly onUnreadable: (error: unknown) => void;
  /** Told why it cannot be written: of each kind of error once, until it works again. */
  readonly onUnwritable: (error: unknown) => void;
  /** Called after each write. */
  readonly onWritten: () => void;
  /** Milliseconds between two writes. */
  readonly interval?: number;
}

const INTERVAL = 10_000;
/** More than the longest names of all pulls need. */
const MAX_BYTES = 16 * 1024 * 1024;
/** What is no regular file is neither followed nor waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class RefusedFile {
  readonly #options: RefusedFileOptions;

  /** Touches nothing yet. */
  constructor(options: RefusedFileOptions) {
    this.#options = options;
  }

  /** What an earlier run has written; undefined if there is none, or it is of no use. */
  async read(): Promise<SavedPulls | undefined> {
    try {
      return await readPulls(this.#options.path);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) this.#options.onUnreadable(error);
      return undefined;
    }
  }

  /** Writes what changes from now on, from time to time. Gives what ends that with a last write. */
  keep(pulls: RefusedPulls): () => Promise<void> {
    const keeper = new PullKeeper(this.#options, pulls);
    return async () => keeper.stop();
  }
}

/** Writes a record of pulls whenever it has changed. */
class PullKeeper {
  readonly #options: RefusedFileOptions;
  readonly #pulls: RefusedPulls;
  /** Kinds of errors that were told of since the last write that worked. */
  readonly #told = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  /** The version that the file has. */
  #written: number;
  #writing: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: RefusedFileOptions, pulls: RefusedPulls) {
    const { interval = INTERVAL } = options;
    this.#options = options;
    this.#pulls = pulls;
    this.#written = pulls.version();
    this.#timer = setInterval(() => void this.#writeUnlessBusy(), interval).unref();
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#writeLast();
    return this.#stopping;
  }

  async #writeLast(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing?.catch(() => undefined);
    await this.#write();
  }

  async #writeUnlessBusy(): Promise<void> {
    if (this.#writing) return;
    this.#writing = this.#write();
    try {
      await this.#writing;
    } finally {
      this.#writing = undefined;
    }
  }

  async #write(): Promise<void> {
    const version = this.#pulls.version();
    if (version === this.#written) return;
    try {
      const pieces = formatSavedPulls(this.#pulls.save());
      await replaceFile(this.#options.path, async (file) => {
        for (const piece of pieces) await file.appendFile(piece);
        return true;
      });
      this.#written = version;
      this.#told.clear();
      this.#options.onWritten();
    } catch (error) {
      const kind = kindOf(error);
      if (!this.#told.has(kind)) this.#options.onUnwritable(error);
      this.#told.add(kind);
    }
  }
}

async function readPulls(path: string): Promise<SavedPulls> {
  const file = await open(path, FLAGS);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new SavedPullsError('it is no regular file');
    if (stats.size > MAX_BYTES) throw new SavedPullsError(`it has more than ${MAX_BYTES} bytes`);
    return parseSavedPulls(await file.readFile('utf8'));
  } finally {
    await file.close();
  }
}

/** Messages differ by path and bytes where errors are the same. */
function kindOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
}
