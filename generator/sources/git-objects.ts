// Trees and blobs of a bare clone, streamed from git itself: listings by ls-tree and
// diff-tree, contents by one `git cat-file --batch` that answers in the order of questions.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { decodePath } from './decode-path.ts';
import { type Entry, SourceError } from './source.ts';

type Environment = Record<string, string>;

const NUL = 0x00;
const NEWLINE = 0x0a;
const TAB = 0x09;
const NO_OBJECT = /^0+$/;

/** Every file below a tree, with its size. */
export async function* listTree(
  directory: string,
  environment: Environment,
  tree: string,
): AsyncGenerator<Entry> {
  const args = ['ls-tree', '-r', '-z', '-l', '--full-tree', tree];
  for await (const record of recordsOf(directory, environment, args)) {
    const tab = record.indexOf(TAB);
    const [mode = '', , id = '', size = ''] = record.toString('latin1', 0, tab).split(/ +/);
    yield toEntry(mode, id, Number(size), record.subarray(tab + 1));
  }
}

/** What differs between two trees. Sizes are asked from git, as diff-tree does not tell them. */
export async function* diffTrees(
  directory: string,
  environment: Environment,
  from: string,
  to: string,
): AsyncGenerator<Entry> {
  const args = ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', from, to];
  const sizes = openCatFile(directory, environment, '--batch-check');
  let heading: string[] | undefined;
  try {
    for await (const record of recordsOf(directory, environment, args)) {
      if (!heading) {
        heading = record.toString('latin1').split(' ');
        continue;
      }
      const [, mode = '', , id = ''] = heading;
      heading = undefined;
      const isBlob = !NO_OBJECT.test(id) && !mode.startsWith('16');
      yield toEntry(mode, id, isBlob ? (await sizes.ask(id)).size : 0, record);
    }
  } finally {
    await sizes.close();
  }
}

function toEntry(mode: string, id: string, size: number, name: Uint8Array): Entry {
  const { path, utf8 } = decodePath(name);
  if (NO_OBJECT.test(mode)) return { kind: 'removed', path };
  if (!utf8) return { kind: 'name-not-utf8', path };
  if (mode === '120000') return { kind: 'symlink', path };
  if (mode === '160000') return { kind: 'submodule', path };
  return { kind: 'file', path, size, id };
}

/** Runs a git command and gives its NUL-terminated records. */
async function* recordsOf(
  directory: string,
  environment: Environment,
  args: readonly string[],
): AsyncGenerator<Buffer> {
  const child = start(directory, environment, args);
  const ended = ending(child, args[0] ?? 'git');
  child.stdin.end();
  try {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      let from = 0;
      for (let nul = bytes.indexOf(NUL); nul >= 0; nul = bytes.indexOf(NUL, from)) {
        yield bytes.subarray(from, nul);
        from = nul + 1;
      }
      rest = bytes.subarray(from);
    }
    await ended;
  } finally {
    child.kill();
  }
}

/** One running `git cat-file`. */
export interface CatFile {
  /** Asks for an object; with `--batch` the answer holds its bytes. */
  readonly ask: (id: string) => Promise<{ size: number; bytes: Uint8Array }>;
  readonly close: () => Promise<void>;
}

/** Starts `git cat-file`; questions may overlap, answers come in their order. */
export function openCatFile(
  directory: string,
  environment: Environment,
  mode: '--batch' | '--batch-check',
): CatFile {
  const child = start(directory, environment, ['cat-file', mode]);
  const waiting: {
    resolve: (answer: { size: number; bytes: Uint8Array }) => void;
    reject: (error: Error) => void;
  }[] = [];
  const ended = ending(child, 'cat-file');
  /** Why no answer comes any more. */
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure = error;
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  const answers = async (): Promise<void> => {
    const input = byteReader(child.stdout);
    for (let line = await input.line(); line !== undefined; line = await input.line()) {
      const [id = '', type, size] = line.split(' ');
      const isBlob = type === 'blob';
      // Until it is answered in full, the question waits for a failure as well.
      const bytes =
        isBlob && mode === '--batch' ? await input.bytes(Number(size)) : new Uint8Array();
      const next = waiting.shift();
      if (isBlob) next?.resolve({ size: Number(size), bytes });
      else {
        const message = `git cat-file: expected the blob ${id}, got ${type ?? 'nothing'}`;
        next?.reject(new SourceError(message));
      }
    }
    await ended;
    fail(new SourceError('git cat-file ended early'));
  };
  const running = answers().catch((error: unknown) => {
    fail(error instanceof Error ? error : new SourceError(String(error)));
  });
  return {
    ask: async (id) =>
      new Promise((resolve, reject) => {
        if (failure) reject(failure);
        else {
          waiting.push({ resolve, reject });
          child.stdin.write(`${id}\n`);
        }
      }),
    close: async () => {
      child.stdin.end();
      await running;
    },
  };
}

type GitProcess = ChildProcessByStdio<Writable, Readable, Readable>;

function start(directory: string, environment: Environment, args: readonly string[]): GitProcess {
  const child = spawn('git', ['--git-dir', directory, ...args], {
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A write to a git that has gone is reported by its exit, not by the pipe.
  child.stdin.on('error', () => undefined);
  return child;
}

/** Settles when the process ends; rejects unless it succeeded. Never an unhandled rejection. */
async function ending(child: GitProcess, command: string): Promise<void> {
  const ended = (async () => {
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-1000);
    });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0 && !child.killed) {
      throw new SourceError(`git ${command} failed: ${complaint.trim().split('\n').join('; ')}`);
    }
  })();
  ended.catch(() => undefined);
  return ended;
}

/** Lines and counted bytes of a stream, in turn. */
function byteReader(stream: Readable): {
  line: () => Promise<string | undefined>;
  bytes: (count: number) => Promise<Uint8Array>;
} {
  const chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let buffer: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const next = await chunks.next();
    if (next.done === true) return false;
    buffer = buffer.length > 0 ? Buffer.concat([buffer, next.value]) : next.value;
    return true;
  };
  return {
    line: async () => {
      let end = buffer.indexOf(NEWLINE);
      while (end < 0 && (await more())) end = buffer.indexOf(NEWLINE);
      if (end < 0) return undefined;
      const line = buffer.toString('latin1', 0, end);
      buffer = buffer.subarray(end + 1);
      return line;
    },
    bytes: async (count) => {
      while (buffer.length < count + 1 && (await more()));
      if (buffer.length < count + 1) throw new SourceError('git cat-file ended amid an object');
      // A copy of its own: a slice would keep the whole chunk of the pipe in memory.
      const bytes = new Uint8Array(buffer.subarray(0, count));
      buffer = buffer.subarray(count + 1);
      return bytes;
    },
  };
}
