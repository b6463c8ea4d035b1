import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RefusedFile } from '../../../server/refused/refused-file.ts';
import { RefusedPulls } from '../../../server/refused/refused-pulls.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { directoryOf, firstLocation } from './paths.ts';

/** The repository that is known. */
export const APP = 'quay.io/team/app';
/** Longer than any test, in milliseconds. */
const NEVER = 1_000_000;

/** A record of pulls, each of which one client asked for. */
export function pullsOf(...directories: readonly string[]): RefusedPulls {
  const pulls = new RefusedPulls({ isKnown: (name) => name === APP, now: () => 1000 });
  for (const directory of directories) pulls.record(firstLocation(directory), '10.0.0.1');
  return pulls;
}

/** Inside `describe`: gives every test a place for a file of refused pulls. */
export function useRefusedFile() {
  const directory = useTemporary();
  const path = () => join(directory(), 'x.refused');
  const unreadable: string[] = [];
  const unwritable: string[] = [];
  beforeEach('forget what was told', () => {
    unreadable.length = 0;
    unwritable.length = 0;
  });

  /** That is written every so many milliseconds, or only at the end. */
  const file = (interval = NEVER): RefusedFile =>
    new RefusedFile({
      path: path(),
      onUnreadable: (error) => unreadable.push(String(error)),
      onUnwritable: (error) => unwritable.push(String(error)),
      onWritten: () => undefined,
      interval,
    });

  /** Writes a record once one more pull is in it. */
  async function write(pulls: RefusedPulls, another: string): Promise<void> {
    const stop = file().keep(pulls);
    pulls.record(firstLocation(another), '10.0.0.1');
    await stop();
  }

  /** Writes a file of two pulls, and gives its text. */
  async function writeTwo(): Promise<string> {
    await write(pullsOf(directoryOf(APP, 1)), directoryOf(APP, 2));
    return readFile(path(), 'utf8');
  }

  return { directory, path, unreadable, unwritable, file, write, writeTwo };
}
