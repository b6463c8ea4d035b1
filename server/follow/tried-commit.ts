// Notes for the next run which state is being judged. A state that ends the process each time, as by
// taking all memory, must not be judged first thing at every start: it waits, longer each time, while the
// last good state is served.
import { readFile, rm, stat } from 'node:fs/promises';
import { replaceUnsynced } from '../../generator/system/durable.ts';

/** The pause after a second death, which doubles from then on, and the longest. Milliseconds. */
const FIRST_PAUSE = 30_000;
const LONGEST_PAUSE = 3_600_000;
/** One death may be chance: the machine went down, or an operator was in a hurry. */
const DEATHS_BY_CHANCE = 1;
const NOTE = /^([0-9a-f]{40,64}) ([0-9]{1,6})\n$/;
/** Far longer than any note, in bytes. */
const MOST_BYTES = 200;

/** The commit that was being judged when a run ended, and for how many runs in a row. */
interface Note {
  readonly commit: string;
  readonly deaths: number;
}

export interface TriedCommitOptions {
  /** The file; while it is written, a temporary file lies beside it. */
  readonly path: string;
  /** Told when the note cannot be written; then the next run does not know. */
  readonly onError: (error: unknown) => void;
  /** A clock that never jumps, in milliseconds. */
  readonly elapsed: () => number;
}

export class TriedCommit {
  readonly #options: TriedCommitOptions;
  readonly #since: number;
  /** The note of earlier runs; undefined once it no longer counts. */
  #note: Promise<Note | undefined> | undefined;

  constructor(options: TriedCommitOptions) {
    this.#options = options;
    this.#since = options.elapsed();
    this.#note = readNote(options.path);
  }

  /** How long a commit is to wait, in milliseconds; undefined if it may be judged now. */
  async pauseFor(commit: string): Promise<number | undefined> {
    const note = await this.#note;
    if (note?.commit !== commit || note.deaths <= DEATHS_BY_CHANCE) return undefined;
    const doublings = note.deaths - DEATHS_BY_CHANCE - 1;
    const pause = Math.min(FIRST_PAUSE * 2 ** doublings, LONGEST_PAUSE);
    const left = this.#since + pause - this.#options.elapsed();
    return left > 0 ? left : undefined;
  }

  /** To be called before a commit is judged. */
  async begin(commit: string): Promise<void> {
    const note = await this.#note;
    const deaths = (note?.commit === commit ? note.deaths : 0) + 1;
    const { path } = this.#options;
    await this.#attempt(async () => {
      // Not synced: the note is for deaths of the process, not of the machine.
      await replaceUnsynced(path, `${commit} ${deaths}\n`);
    });
  }

  /** To be called when it has been judged, whatever the result. */
  async end(): Promise<void> {
    this.#note = undefined;
    await this.#attempt(async () => rm(this.#options.path, { force: true }));
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

/** Undefined if the file is not there or not a note. */
async function readNote(path: string): Promise<Note | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats?.isFile() || stats.size > MOST_BYTES) return undefined;
  const text = await readFile(path, 'latin1').catch(() => '');
  const [, commit, deaths] = NOTE.exec(text) ?? [];
  return commit === undefined ? undefined : { commit, deaths: Number(deaths) };
}
