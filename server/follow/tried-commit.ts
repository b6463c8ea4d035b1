// Which state is being judged, noted for the next run. A state that ends the process each time it is
// judged, as by taking all memory, must not be judged first thing at every start: it waits, the longer
// the more often that happened, while what is good is served.
import { readFile, rm, stat } from 'node:fs/promises';
import { replaceUnsynced } from '../../generator/system/durable.ts';

/** The pause after a second death, which doubles from then on, and the longest. Milliseconds. */
const FIRST_PAUSE = 30_000;
const LONGEST_PAUSE = 3_600_000;
/** Once may be chance: a machine that went down, or an operator in a hurry. */
const DEATHS_BY_CHANCE = 1;
const NOTE = /^([0-9a-f]{40,64}) ([0-9]{1,6})\n$/;
/** Far more than a note has, in bytes. */
const MOST_BYTES = 200;

/** A commit that was being judged when a run ended, and how many runs in a row it was. */
interface Note {
  readonly commit: string;
  readonly deaths: number;
}

export interface TriedCommitOptions {
  /** The file; beside it lies one that is being written. */
  readonly path: string;
  /** Told of what cannot be written: then the next run does not know. */
  readonly onError: (error: unknown) => void;
  /** Gives a number of milliseconds that only grows. */
  readonly elapsed: () => number;
}

export class TriedCommit {
  readonly #options: TriedCommitOptions;
  readonly #since: number;
  /** What earlier runs have left; undefined once it is of no account. */
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

  /** To be called when it has been judged, whatever came of it. */
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

/** Anything else than a note is none. */
async function readNote(path: string): Promise<Note | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats?.isFile() || stats.size > MOST_BYTES) return undefined;
  const text = await readFile(path, 'latin1').catch(() => '');
  const [, commit, deaths] = NOTE.exec(text) ?? [];
  return commit === undefined ? undefined : { commit, deaths: Number(deaths) };
}
