// Good files that were replaced, kept on disk until gpgv has a verdict on what replaced them. No later
// state of the source has them, and git may have lost them after a rewritten history, so a start finds
// them here. What this file holds is judged before it is served, like any other.
import { createHash, hash } from 'node:crypto';
import type { OlderBytes } from '../../generator/gate/checked-file.ts';
import { MAX_BLOB_BYTES } from '../../generator/openpgp/signature-file.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import {
  KeptFile,
  type KeptContent,
  type KeptFileOptions,
} from '../../generator/system/kept-file.ts';

/** Older files by their paths. */
export type OlderByPath = ReadonlyMap<string, OlderBytes>;

const HEAD = 'lookaside files that wait for those after them, 1';
/** The most that is kept for the next start, in files and in bytes. */
const MOST_FILES = 1000;
const MOST_BYTES = 16 * 1024 * 1024;
/** Base64 takes four bytes for three; a path has at most 4 KiB. */
const MAX_FILE_BYTES = 1.5 * MOST_BYTES + MOST_FILES * 8192;
const LINE = /^([A-Za-z0-9+/=]+) ([A-Za-z0-9+/=]+)$/;

export class OlderFiles {
  readonly #file: KeptFile;

  /** Touches nothing yet. */
  constructor(options: KeptFileOptions) {
    this.#file = new KeptFile(options, idOf(new Map()), MAX_FILE_BYTES);
  }

  /** What an earlier run has left; empty if that cannot be used. */
  async read(): Promise<OlderByPath> {
    const files = await this.#file.read((text) => {
      const value = parse(text);
      return { value, id: idOf(value) };
    });
    return files ?? new Map();
  }

  /** Keeps the older files of the store in force; settles when the next start would find them. */
  async keep(store: SignatureStore): Promise<void> {
    const files = new Map<string, OlderBytes>();
    for (const file of store.older()) if (file.older) files.set(file.path, file.older);
    return this.#file.keep(() => toContent(files));
  }
}

function toContent(all: OlderByPath): KeptContent {
  const files = bounded(all);
  const lack = `${all.size} files are too many or too large; ${files.size} are kept`;
  return {
    id: idOf(files),
    pieces: () => format(files),
    lack: files.size < all.size ? lack : undefined,
  };
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
