// Objects of a bare clone, by one `git cat-file` that answers in the order of questions. It
// lives on between refreshes: git looks for new packs by itself when it misses an object. While a
// question is open it may not be silent for long.
import { SourceError } from '../../source.ts';
import {
  type GitEnvironment,
  GitKilledError,
  SEEKING_LIMIT,
  endOfGit,
  startGit,
  giveWay,
} from '../processes/git-child.ts';

export type ObjectType = 'blob' | 'tree' | 'commit' | 'tag';

export interface GitObject {
  readonly id: string;
  readonly type: ObjectType;
  /** In bytes. */
  readonly size: number;
  /** Empty with `--batch-check`. */
  readonly bytes: Uint8Array;
}

/** The clone has no object of a name. */
export class ObjectMissingError extends SourceError {}

/** Git keeps what it has read, by default 96 MiB and all files that fit into the address space. */
const SMALL: readonly [string, ...string[]] = [
  '-c',
  'core.deltaBaseCacheLimit=8m',
  '-c',
  'core.packedGitWindowSize=1m',
  '-c',
  'core.packedGitLimit=32m',
];

/** One running `git cat-file`. */
export interface CatFile {
  /**
   * Asks for an object by a name without a newline. Questions may overlap. Rejects with a
   * SourceError when there is none, or when git has ended.
   */
  readonly ask: (name: string) => Promise<GitObject>;
  /** Lets others go before it from now on. */
  readonly giveWay: () => void;
  /** Whether no answer comes any more. */
  readonly hasEnded: () => boolean;
  /** Answers what was asked, and ends git. */
  readonly close: () => Promise<void>;
  /** Ends git at once. */
  readonly kill: () => void;
}

interface ObjectRequest {
  readonly resolve: (answer: GitObject) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts `git cat-file`. `--batch` reads every object that is named into memory, whatever its
 * size; `--batch-check` reads only types and sizes.
 */
export function openCatFile(
  directory: string,
  environment: GitEnvironment,
  mode: '--batch' | '--batch-check',
): CatFile {
  const child = startGit(directory, environment, [...SMALL, 'cat-file', mode], {
    limits: { silence: SEEKING_LIMIT },
    hasInput: true,
  });
  const questions = createQueue<ObjectRequest>();
  /** Why no answer comes any more. */
  let failure: Error | undefined;
  let unsent = '';
  let closing = false;

  const fail = (error: Error): void => {
    failure ??= error;
    for (let next = questions.take(); next; next = questions.take()) next.reject(failure);
  };
  // One write for all that is asked in one turn of the event loop.
  const send = (): void => {
    child.stdin?.write(unsent);
    unsent = '';
    if (closing) child.stdin?.end();
  };
  /** The question that is answered now. */
  const take = (): ObjectRequest | undefined => {
    const question = questions.take();
    child.expectOutput(closing || !questions.isEmpty());
    return question;
  };
  const parse = parseAnswers(
    mode === '--batch',
    (object) => take()?.resolve(object),
    (line) => {
      const message = `git cat-file: expected an object, got ${JSON.stringify(line)}`;
      take()?.reject(new ObjectMissingError(message));
    },
  );
  child.readTo(parse);
  const ended = (async () => {
    try {
      await endOfGit(child, 'cat-file');
      fail(new GitKilledError('git cat-file has ended'));
    } catch (error) {
      fail(error instanceof Error ? error : new SourceError(String(error)));
    }
  })();

  return {
    ask: async (name) =>
      new Promise((resolve, reject) => {
        if (failure) {
          reject(failure);
          return;
        }
        questions.add({ resolve, reject });
        child.expectOutput(true);
        if (unsent === '') setImmediate(send);
        unsent += `${name}\n`;
      }),
    giveWay: () => {
      if (child.pid !== undefined) giveWay(child.pid);
    },
    hasEnded: () => failure !== undefined || closing,
    close: async () => {
      closing = true;
      child.expectOutput(true);
      if (unsent === '') child.stdin?.end();
      await ended;
    },
    kill: () => child.stop(),
  };
}

const NEWLINE = 0x0a;
const HEADING = /^([0-9a-f]+) (blob|tree|commit|tag) (\d+)$/;
const NOTHING = new Uint8Array();

/** Parses what cat-file writes, however the pipe cuts it. */
function parseAnswers(
  withBytes: boolean,
  onObject: (object: GitObject) => void,
  onMissing: (line: string) => void,
): (chunk: Buffer) => void {
  let heading = '';
  /** An object whose content is on its way, and how much of it has come. */
  let current: GitObject | undefined;
  let filled = 0;

  const readHeading = (line: string): void => {
    const [, id = '', type, size = ''] = HEADING.exec(line) ?? [];
    if (!isObjectType(type)) {
      onMissing(line);
      return;
    }
    const object = { id, type, size: Number(size), bytes: NOTHING };
    if (!withBytes) onObject(object);
    else {
      // A copy: a slice would keep the whole chunk of the pipe in memory.
      current = { ...object, bytes: allocate(object.size) };
      filled = 0;
    }
  };

  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (current === undefined) {
        const end = chunk.indexOf(NEWLINE, at);
        heading += chunk.toString('latin1', at, end < 0 ? chunk.length : end);
        if (end < 0) return;
        at = end + 1;
        const line = heading;
        heading = '';
        readHeading(line);
        continue;
      }
      const { bytes } = current;
      const copied = Math.min(bytes.length - filled, chunk.length - at);
      bytes.set(chunk.subarray(at, at + copied), filled);
      filled += copied;
      at += copied;
      // The content is followed by a newline, which may come later.
      if (at === chunk.length) return;
      at += 1;
      const object = current;
      current = undefined;
      onObject(object);
    }
  };
}

function isObjectType(type: string | undefined): type is ObjectType {
  return type === 'blob' || type === 'tree' || type === 'commit' || type === 'tag';
}

/** Small arrays share memory, which costs a third of one allocation each. */
function allocate(size: number): Uint8Array {
  const pooled = Buffer.allocUnsafe(size);
  return new Uint8Array(pooled.buffer, pooled.byteOffset, size);
}

interface Queue<Item> {
  readonly add: (item: Item) => void;
  readonly take: () => Item | undefined;
  readonly isEmpty: () => boolean;
}

/** First in, first out; `shift` of a long array moves all of it. */
function createQueue<Item>(): Queue<Item> {
  let incoming: Item[] = [];
  let outgoing: Item[] = [];
  return {
    add: (item) => void incoming.push(item),
    isEmpty: () => incoming.length === 0 && outgoing.length === 0,
    take: () => {
      if (outgoing.length === 0) {
        outgoing = incoming.toReversed();
        incoming = [];
      }
      return outgoing.pop();
    },
  };
}
