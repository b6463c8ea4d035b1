// The file in which refused pulls outlive a restart. Nothing of it is needed to serve: what cannot
// be read or written is told, and harms nothing.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { replaceFile } from '../../generator/system/durable.ts';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import type { SavedPulls } from './refused-pull.ts';
import type { RefusedPulls } from './refused-pulls.ts';
import { SavedPullsError, formatSavedPulls, parseSavedPulls } from './saved-pulls.ts';

export interface RefusedFile {
  /** What an earlier run has written; undefined if there is none, or it is of no use. */
  readonly read: () => Promise<SavedPulls | undefined>;
  /** Writes what changes from now on, from time to time. Gives what ends that with a last write. */
  readonly keep: (pulls: RefusedPulls) => () => Promise<void>;
}

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

/** Makes the file's keeper; touches nothing yet. */
export function createRefusedFile({
  path,
  onUnreadable,
  onUnwritable,
  onWritten,
  interval = INTERVAL,
}: RefusedFileOptions): RefusedFile {
  return {
    read: async () => {
      try {
        return await readPulls(path);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) onUnreadable(error);
        return undefined;
      }
    },
    keep: (pulls) => {
      let written = pulls.version();
      let writing: Promise<void> | undefined;
      let stopping: Promise<void> | undefined;
      const told = new Set<string>();

      const write = async (): Promise<void> => {
        const version = pulls.version();
        if (version === written) return;
        try {
          const pieces = formatSavedPulls(pulls.save());
          await replaceFile(path, async (file) => {
            for (const piece of pieces) await file.appendFile(piece);
            return true;
          });
          written = version;
          told.clear();
          onWritten();
        } catch (error) {
          const kind = kindOf(error);
          if (!told.has(kind)) onUnwritable(error);
          told.add(kind);
        }
      };

      const writeUnlessBusy = async (): Promise<void> => {
        if (writing) return;
        writing = write();
        try {
          await writing;
        } finally {
          writing = undefined;
        }
      };
      const timer = setInterval(() => void writeUnlessBusy(), interval).unref();

      const stop = async (): Promise<void> => {
        clearInterval(timer);
        await writing?.catch(() => undefined);
        await write();
      };
      return async () => {
        stopping ??= stop();
        return stopping;
      };
    },
  };
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
