// Good files that were replaced, kept on disk until gpgv has a verdict on what replaced them. No later
// state of the source has them, and git may have lost them after a rewritten history, so a start finds
// them here. What this file holds is judged before it is served, like any other.
import { createHash, hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { OlderBytes } from '../../generator/gate/checked-file.ts';
import { MAX_BLOB_BYTES } from '../../generator/openpgp/signature-file.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import { replaceFile } from '../../generator/system/durable.ts';
import { hasCode } from '../../generator/terms/errors.ts';

export interface OlderFilesOptions {
  readonly path: string;
  /** Told why the file cannot be used. */
  readonly onUnreadable: (error: unknown) => void;
  /** Told, once until the next success, why the file lacks something that the next start needs. */
  readonly onUnwritable: (error: unknown) => void;
  /** Called after a write that succeeds again. */
  readonly onWritten: () => void;
}

/** Older files by their paths. */
export type OlderByPath = ReadonlyMap<string, OlderBytes>;

const HEAD = 'lookaside files that wait for those after them, 1';
/** The most that is kept for the next start, in files and in bytes. */
const MOST_FILES = 1000;
const MOST_BYTES = 16 * 1024 * 1024;
/** Base64 takes four bytes for three; a path has at most 4 KiB. */
const MAX_FILE_BYTES = 1.5 * MOST_BYTES + MOST_FILES * 8192;
/** Follows no link, and does not wait for a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const LINE = /^([A-Za-z0-9+/=]+) ([A-Za-z0-9+/=]+)$/;

export class OlderFiles {
  readonly #options: OlderFilesOptions;
  /** Identifies what the file holds. */
  #written = idOf(new Map());
  #wanted: OlderByPath | undefined;
  #writing: Promise<void> | undefined;
  #hasFailed = false;

  /** Touches nothing yet. */
  constructor(options: OlderFilesOptions) {
    this.#options = options;
  }

  /** What an earlier run has left; empty if that cannot be used. */
  async read(): Promise<OlderByPath> {
    try {
      const files = parse(await readRegular(this.#options.path));
      this.#written = idOf(files);
      return files;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return new Map();
      this.#options.onUnreadable(error);
      // Whatever is there has to be replaced, even by an empty file.
      this.#written = '';
      return new Map();
    }
  }

  /** Keeps the older files of the store in force; settles when the next start would find them. */
  async keep(store: SignatureStore): Promise<void> {
    const files = new Map<string, OlderBytes>();
    for (const file of store.older()) if (file.older) files.set(file.path, file.older);
    this.#wanted = files;
    this.#writing ??= this.#write();
    return this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#wanted) {
      const files = this.#wanted;
      this.#wanted = undefined;
      await this.#replace(files).catch((error: unknown) => this.#fail(error));
    }
    // In the same step as the check above, or a caller might wait for a write that has ended.
    this.#writing = undefined;
  }

  async #replace(all: OlderByPath): Promise<void> {
    const files = bounded(all);
    const id = idOf(files);
    if (id !== this.#written) {
      await replaceFile(this.#options.path, async (file) => {
        for (const piece of format(files)) await file.appendFile(piece);
        return true;
      });
      this.#written = id;
    }
    if (files.size < all.size) {
      this.#fail(new Error(`${all.size} files are too many or too large; ${files.size} are kept`));
      return;
    }
    if (this.#hasFailed) this.#options.onWritten();
    this.#hasFailed = false;
  }

  #fail(error: unknown): void {
    if (!this.#hasFailed) this.#options.onUnwritable(error);
    this.#hasFailed = true;
  }
}

function bounded(all: OlderByPath): OlderByPath {
  const files = new Map<string, OlderBytes>();
  let bytes = 0;
  for (const [path, content] of all) {
    if (files.size === MOST_FILES || bytes + content.length > MOST_BYTES) continue;
    bytes += content.length;
    files.set(path, content);
  }
  return files;
}

function idOf(files: OlderByPath): string {
  const sum = createHash('sha256');
  for (const path of [...files.keys()].toSorted()) {
    sum.update(hash('sha256', path)).update(hash('sha256', files.get(path) ?? ''));
  }
  return sum.digest('hex');
}

async function readRegular(path: string): Promise<string> {
  const file = await open(path, FLAGS);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error('it is no regular file');
    if (stats.size > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES} bytes`);
    return await file.readFile('latin1');
  } finally {
    await file.close();
  }
}

function* format(files: OlderByPath): Generator<string> {
  yield `${HEAD}\n${idOf(files)}\n`;
  for (const [path, bytes] of files) yield `${toBase64(Buffer.from(path))} ${toBase64(bytes)}\n`;
}

/** @throws Error for what `format` does not write */
function parse(text: string): OlderByPath {
  const [head, id, ...lines] = text.split('\n');
  if (head !== HEAD) throw new Error('it has another form');
  const files = new Map<string, OlderBytes>();
  for (const line of lines.slice(0, -1)) {
    const [, path, content] = LINE.exec(line) ?? [];
    if (path === undefined || content === undefined) throw new Error('it is damaged');
    const bytes = Buffer.from(content, 'base64');
    if (bytes.length > MAX_BLOB_BYTES) throw new Error('it has a file that is too large');
    files.set(Buffer.from(path, 'base64').toString(), bytes);
  }
  if (id !== idOf(files)) throw new Error('it is damaged');
  return files;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
