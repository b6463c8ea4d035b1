/**
 * A wall clock that a test can move while a program runs, as somebody does who sets the clock of
 * a machine: the monotonic clock, and with it every timer, goes on as it was (libfaketime). gpgv
 * gets an environment of its own from Lookaside, so it is started by a script that moves its clock
 * as well.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Toolbox } from './toolbox.ts';

const LIBRARY = 'libfaketime.so.1';
const SHARED_MEMORY = '/dev/shm';
/** Debian's places for it, by the names that Node has for processors. */
const MULTIARCH: Readonly<Record<string, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
  s390x: 's390x-linux-gnu',
  ppc64: 'powerpc64le-linux-gnu',
};

/** Seconds. */
export const YEAR = 365 * 24 * 60 * 60;

export class MovedClock {
  /** What a program needs in its environment to have this clock. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #file: string;
  #offset = 0;

  private constructor(file: string, library: string) {
    this.#file = file;
    this.environment = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      // The file is looked at each time that the clock is.
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // What a file was written at stays what it was.
      NO_FAKE_STAT: '1',
    };
  }

  /** Makes a clock that is right as yet, kept in a file of `directory`. Throws without faketime. */
  static async make(directory: string): Promise<MovedClock> {
    const library = findFaketime();
    if (library === undefined) throw new Error(`${LIBRARY} is not installed (faketime)`);
    const clock = new MovedClock(join(directory, 'clock'), library);
    await clock.move(0);
    return clock;
  }

  /** Seconds that the clock is ahead. */
  get offset(): number {
    return this.#offset;
  }

  /** Sets the clock to so many seconds from the right time. */
  async move(offset: number): Promise<void> {
    this.#offset = offset;
    await writeFile(`${this.#file}.new`, `${offset < 0 ? '' : '+'}${offset}\n`);
    await rename(`${this.#file}.new`, this.#file);
  }

  /** Has the gpgv of a toolbox see this clock too. */
  async applyTo(toolbox: Toolbox): Promise<void> {
    const variables = Object.entries(this.environment).map(([name, value]) => `${name}='${value}'`);
    await toolbox.replace('gpgv', `${variables.join(' ')} exec ${toolbox.real('gpgv')} "$@"`);
  }
}

/** Removes the shared memory that processes with a moved clock have left when they were killed. */
export async function removeClockLeftovers(): Promise<void> {
  for (const name of await readdir(SHARED_MEMORY).catch(() => [])) {
    const [, pid] = /^(?:sem\.)?faketime_(?:shm|sem)_(\d+)$/.exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await rm(join(SHARED_MEMORY, name), { force: true });
  }
}

/** The path of the library; undefined where it is not installed. */
export function findFaketime(): string | undefined {
  const known = `/usr/lib/${MULTIARCH[process.arch] ?? process.arch}/faketime/${LIBRARY}`;
  if (existsSync(known)) return known;
  try {
    const files = execFileSync('dpkg', ['-L', 'libfaketime'], { encoding: 'utf8', stdio: 'pipe' });
    return files.split('\n').find((path) => path.endsWith(`/${LIBRARY}`) && existsSync(path));
  } catch {
    return undefined;
  }
}
