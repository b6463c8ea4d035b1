// Objects of a bare clone, read by one `git cat-file` that answers in the order of the questions. It
// lives on between refreshes: git looks for new packs by itself when it misses an object. While a
// question is open it may not be silent for long.
import type { BoundedProcess } from '../../../system/run-process.ts';
import { SourceError } from '../../source.ts';
import {
  type GitEnvironment,
  GitKilledError,
  SEEKING_LIMIT,
  endOfGit,
  startGit,
} from '../processes/git-child.ts';
import { giveWay } from '../processes/give-way.ts';

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

/** By default git caches 96 MiB of what it has read, and maps all packs that the address space has room for. */
const SMALL: readonly [string, ...string[]] = [
  '-c',
  'core.deltaBaseCacheLimit=8m',
  '-c',
  'core.packedGitWindowSize=1m',
  '-c',
  'core.packedGitLimit=32m',
];

interface ObjectRequest {
  readonly resolve: (answer: GitObject) => void;
  readonly reject: (error: Error) => void;
}

/** One running `git cat-file`. */
export class CatFile {
  readonly #child: BoundedProcess;
  readonly #questions = new Queue<ObjectRequest>();
  readonly #ended: Promise<void>;
  /** Why no more answers come. */
  #failure: Error | undefined;
  #unsent = '';
  #isClosing = false;

  /**
   * Starts git for the clone at `directory`. `--batch` reads every object that is named into memory,
   * whatever its size; `--batch-check` reads only types and sizes.
   */
  constructor(directory: string, environment: GitEnvironment, mode: '--batch' | '--batch-check') {
    this.#child = startGit(directory, environment, [...SMALL, 'cat-file', mode], {
      limits: { silence: SEEKING_LIMIT },
      hasInput: true,
    });
    const answers = new AnswerParser(mode === '--batch', {
      onObject: (object) => this.#take()?.resolve(object),
      onOther: (line) => this.#take()?.reject(toMissing(line)),
    });
    this.#child.readTo((chunk) => answers.push(chunk));
    this.#ended = this.#untilEnded();
  }

  /**
   * Asks for an object by a name without a newline. Questions may overlap. Rejects with an
   * ObjectMissingError when there is none, and with a SourceError when git has ended.
   */
  async ask(name: string): Promise<GitObject> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      this.#questions.add({ resolve, reject });
      this.#child.expectOutput(true);
      if (this.#unsent === '') setImmediate(() => this.#send());
      this.#unsent += `${name}\n`;
    });
  }

  /** Lowers the priority of git from now on. */
  giveWay(): void {
    if (this.#child.pid !== undefined) giveWay(this.#child.pid);
  }

  /** Whether no more answers come. */
  hasEnded(): boolean {
    return this.#failure !== undefined || this.#isClosing;
  }

  /** Waits for the answers to what was asked, and ends git. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#child.expectOutput(true);
    if (this.#unsent === '') this.#child.stdin?.end();
    await this.#ended;
  }

  /** Ends git at once. */
  kill(): void {
    this.#child.stop();
  }

  /** Writes once for all that is asked in one turn of the event loop. */
  #send(): void {
    this.#child.stdin?.write(this.#unsent);
    this.#unsent = '';
    if (this.#isClosing) this.#child.stdin?.end();
  }

  /** The question that is answered now. */
  #take(): ObjectRequest | undefined {
    const question = this.#questions.take();
    this.#child.expectOutput(this.#isClosing || !this.#questions.isEmpty());
    return question;
  }

  async #untilEnded(): Promise<void> {
    try {
      await endOfGit(this.#child, 'cat-file');
      this.#fail(new GitKilledError('git cat-file has ended'));
    } catch (error) {
      this.#fail(error instanceof Error ? error : new SourceError(String(error)));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (let next = this.#questions.take(); next; next = this.#questions.take()) {
      next.reject(this.#failure);
    }
  }
}

function toMissing(line: string): ObjectMissingError {
  return new ObjectMissingError(`git cat-file: expected an object, got ${JSON.stringify(line)}`);
}

const NEWLINE = 0x0a;
const HEADING = /^([0-9a-f]+) (blob|tree|commit|tag) (\d+)$/;
const NOTHING = new Uint8Array();

/** Told of each answer, in the order of the questions. */
interface AnswerListener {
  readonly onObject: (object: GitObject) => void;
  /** A line that is not the heading of an object: there is none. */
  readonly onOther: (line: string) => void;
}

/** Parses what cat-file writes, however the pipe cuts it. */
class AnswerParser {
  readonly #withBytes: boolean;
  readonly #listener: AnswerListener;
  #heading = '';
  /** An object whose content is on its way, and how much of it has come. */
  #current: GitObject | undefined;
  #filled = 0;

  constructor(withBytes: boolean, listener: AnswerListener) {
    this.#withBytes = withBytes;
    this.#listener = listener;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      at = this.#current
        ? this.#readContent(this.#current, chunk, at)
        : this.#readHeading(chunk, at);
    }
  }

  /** Gives the place behind what it has read. */
  #readHeading(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(NEWLINE, at);
    this.#heading += chunk.toString('latin1', at, end < 0 ? chunk.length : end);
    if (end < 0) return chunk.length;
    const line = this.#heading;
    this.#heading = '';
    this.#startObject(line);
    return end + 1;
  }

  #startObject(line: string): void {
    const [, id = '', type, size = ''] = HEADING.exec(line) ?? [];
    if (!isObjectType(type)) {
      this.#listener.onOther(line);
      return;
    }
    const object = { id, type, size: Number(size), bytes: NOTHING };
    if (!this.#withBytes) {
      this.#listener.onObject(object);
      return;
    }
    // A copy: a slice would keep the whole chunk of the pipe in memory.
    this.#current = { ...object, bytes: allocate(object.size) };
    this.#filled = 0;
  }

  /** Gives the place behind what it has read. */
  #readContent(object: GitObject, chunk: Buffer, start: number): number {
    const { bytes } = object;
    const copied = Math.min(bytes.length - this.#filled, chunk.length - start);
    bytes.set(chunk.subarray(start, start + copied), this.#filled);
    this.#filled += copied;
    const end = start + copied;
    // The content is followed by a newline, which may come later.
    if (end === chunk.length) return end;
    this.#current = undefined;
    this.#listener.onObject(object);
    return end + 1;
  }
}

function isObjectType(type: string | undefined): type is ObjectType {
  return type === 'blob' || type === 'tree' || type === 'commit' || type === 'tag';
}

/** Small arrays share memory, which costs a third of one allocation each. */
function allocate(size: number): Uint8Array {
  const pooled = Buffer.allocUnsafe(size);
  return new Uint8Array(pooled.buffer, pooled.byteOffset, size);
}

/** First in, first out; `shift` of a long array moves all of it. */
class Queue<Item> {
  #incoming: Item[] = [];
  #outgoing: Item[] = [];

  add(item: Item): void {
    this.#incoming.push(item);
  }

  take(): Item | undefined {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#incoming.toReversed();
      this.#incoming = [];
    }
    return this.#outgoing.pop();
  }

  isEmpty(): boolean {
    return this.#incoming.length === 0 && this.#outgoing.length === 0;
  }
}
