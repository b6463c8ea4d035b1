// The file of remembered verdicts: only ever added to, so that a killed process loses no more than
// its last lines, and a damaged line costs only itself.
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { replaceFile } from '../../system/durable.ts';
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
  /** How long the file is, in bytes. */
  readonly size: () => number;
  /** Leaves only these lines, and what is added from now on. Broken off by `close`. */
  readonly replace: (texts: Iterable<string>) => Promise<void>;
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
  let size = (await file.stat()).size;
  let closing = false;

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
      const line = formatVerdictLine(text);
      size += Buffer.byteLength(line);
      pending.push(line);
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
        ({ size } = await file.stat());
      }),
    size: () => size,
    replace: async (texts) =>
      work(async (opened) => {
        if (!(await writeTexts(path, texts, () => closing))) return;
        await opened.close();
        file = await openForAdding(path);
        ({ size } = await file.stat());
      }),
    close: async () => {
      closing = true;
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
  await replaceFile(path, async (file) => {
    for (let at = 0; at < lines.length; at += BATCH) {
      await file.appendFile(Buffer.concat(lines.slice(at, at + BATCH).map(index.raw)));
    }
    await file.appendFile(added);
    return true;
  });
}

/** Tells whether it was done before it had to end. */
async function writeTexts(
  path: string,
  texts: Iterable<string>,
  hasToEnd: () => boolean,
): Promise<boolean> {
  return replaceFile(path, async (file) => {
    let lines: string[] = [];
    for (const text of texts) {
      lines.push(formatVerdictLine(text));
      if (lines.length < BATCH) continue;
      await file.appendFile(lines.join(''));
      lines = [];
      if (hasToEnd()) return false;
    }
    await file.appendFile(lines.join(''));
    return true;
  });
}
