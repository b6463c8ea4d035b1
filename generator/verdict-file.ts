// The file of remembered verdicts: only ever added to, so that a killed process loses no more than
// its last lines, and a damaged line costs only itself.
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { type VerdictIndex, formatVerdictLine, indexVerdicts } from './verdict-index.ts';

/** Lines that are written at once. */
const BATCH = 1000;

export interface VerdictFile {
  /** What is in the file now. */
  readonly read: () => Promise<VerdictIndex>;
  /** Adds a line, soon. */
  readonly add: (text: string) => void;
  /** Leaves only these lines of what was read, and what was added since. */
  readonly keep: (index: VerdictIndex, lines: readonly number[]) => Promise<void>;
  /** Settles when all that was added is written. */
  readonly close: () => Promise<void>;
}

/**
 * Opens or makes the file; throws if that cannot be done. `onError` is told once of what cannot be
 * written later: from then on nothing more is.
 */
export async function openVerdictFile(
  path: string,
  onError: (error: unknown) => void,
): Promise<VerdictFile> {
  let file: FileHandle | undefined = await openForAdding(path);
  let pending: string[] = [];
  let working: Promise<void> = Promise.resolve();

  const attempt = async (task: (open: FileHandle) => Promise<void>): Promise<void> => {
    if (!file) return;
    try {
      await task(file);
    } catch (error) {
      await file.close().catch(() => undefined);
      file = undefined;
      onError(error);
    }
  };

  /** One after the other; the first that fails is the last. */
  const work = async (task: (open: FileHandle) => Promise<void>): Promise<void> => {
    working = working.then(async () => attempt(task));
    return working;
  };

  return {
    read: async () => {
      // Not while lines are being written: half of one would be no line, and lost by `keep`.
      const reading = working.then(async () => readFile(path));
      working = reading.then(
        () => undefined,
        () => undefined,
      );
      return indexVerdicts(await reading);
    },
    add: (text) => {
      if (!file) return;
      pending.push(formatVerdictLine(text));
      if (pending.length > 1) return;
      void work(async (opened) => {
        const lines = pending.join('');
        pending = [];
        await opened.appendFile(lines);
      });
    },
    keep: async (index, lines) =>
      work(async (opened) => {
        const added = (await readFile(path)).subarray(index.bytes.length);
        await writeWhole(path, index, lines, added);
        await opened.close();
        file = await openForAdding(path);
      }),
    close: async () => {
      await work(async (opened) => opened.close());
      file = undefined;
    },
  };
}

/** What was cut short by a kill must not run into what comes next. */
async function openForAdding(path: string): Promise<FileHandle> {
  const file = await open(path, 'a', 0o600);
  try {
    if ((await file.stat()).size > 0) await file.appendFile('\n');
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function writeWhole(
  path: string,
  index: VerdictIndex,
  lines: readonly number[],
  added: Buffer,
): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      for (let at = 0; at < lines.length; at += BATCH) {
        await file.appendFile(Buffer.concat(lines.slice(at, at + BATCH).map(index.raw)));
      }
      await file.appendFile(added);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
