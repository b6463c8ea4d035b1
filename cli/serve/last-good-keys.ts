// The key files that were good last, by the scope that named them and their full paths: in memory while a
// server runs, and in the state directory for its next start. Each stands in for itself when it cannot be
// used any more. What this file holds is imported like any other key file; one that cannot be used is as none.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { KeyFile } from '../../generator/openpgp/keys/key-file.ts';
import { replaceBytes } from '../../generator/system/durable.ts';
import { hasCode } from '../../generator/terms/errors.ts';
import type { KeyCopies } from '../inputs/read-keys.ts';
import type { KeyMemory } from '../inputs/read-policy.ts';

export interface LastGoodKeysOptions {
  readonly path: string;
  /** In full, so that no other source of the same state directory is taken for it. */
  readonly source: string;
  /** Told why the file is of no use. */
  readonly onUnreadable: (error: unknown) => void;
  /** Told why it cannot be written. */
  readonly onUnwritable: (error: unknown) => void;
  /** Called after each write. */
  readonly onWritten: () => void;
}

const HEAD = 'lookaside keys that were good last, 2';
/** Far above any keyring. Bytes. */
const MAX_BYTES = 64 * 1024 * 1024;
/** What is no regular file is neither followed nor waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const savedSchema = z.strictObject({
  head: z.literal(HEAD),
  source: z.string(),
  /** Of `files`. */
  sha256: z.string(),
  files: z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), z.base64()]))])),
});

type FilesByScope = ReadonlyMap<string, readonly KeyFile[]>;

export class LastGoodKeys implements KeyMemory {
  readonly #options: LastGoodKeysOptions;
  #good: FilesByScope = new Map();
  /** What the policy that is being read has noted so far. */
  readonly #noted = new Map<string, KeyCopies>();
  #isNew = true;
  /** What the file holds. */
  #written = '';

  /** Touches nothing yet. */
  constructor(options: LastGoodKeysOptions) {
    this.#options = options;
  }

  /** Reads what an earlier run has left. */
  async open(): Promise<void> {
    const { path, source, onUnreadable } = this.#options;
    try {
      const text = await readRegular(path);
      const good = parse(text, source);
      this.#written = text;
      if (!good) return;
      this.#good = good;
      this.#isNew = false;
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR')) onUnreadable(error);
    }
  }

  readonly isNew: KeyMemory['isNew'] = () => this.#isNew;

  readonly recall: KeyMemory['recall'] = (scope) => this.#good.get(scope) ?? [];

  readonly note: KeyMemory['note'] = (scope, { good, kept }) => {
    const noted = this.#noted.get(scope);
    this.#noted.set(scope, {
      good: [...(noted?.good ?? []), ...good],
      kept: [...(noted?.kept ?? []), ...kept],
    });
  };

  /** To be called before a policy is read. */
  begin(): void {
    this.#noted.clear();
  }

  /** To be called when the policy has been read: its keys are those that were good last. */
  async keep(): Promise<void> {
    const { path, source, onUnwritable, onWritten } = this.#options;
    this.#good = new Map([...this.#noted].map(([scope, copies]) => [scope, unite(copies)]));
    this.#isNew = false;
    const text = format(this.#good, source);
    if (text === this.#written) return;
    try {
      await replaceBytes(path, text);
      this.#written = text;
      onWritten();
    } catch (error) {
      onUnwritable(error);
    }
  }
}

/** A file that some requirement could use as it is now has no older copy. */
function unite({ good, kept }: KeyCopies): readonly KeyFile[] {
  const newest = new Map(good.map((file) => [file.path, file]));
  const older = kept.filter(({ path }) => !newest.has(path));
  const distinct = new Map(older.map((file) => [`${file.path} ${toBase64(file)}`, file]));
  return [...newest.values(), ...distinct.values()];
}

function toBase64({ bytes }: KeyFile): string {
  return Buffer.from(bytes).toString('base64');
}

async function readRegular(path: string): Promise<string> {
  const file = await open(path, FLAGS);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error('it is no regular file');
    if (stats.size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function format(good: FilesByScope, source: string): string {
  const files = [...good].map(([scope, list]) => [
    scope,
    list.map((file) => [file.path, toBase64(file)]),
  ]);
  return `${JSON.stringify({ head: HEAD, source, sha256: sumOf(files), files })}\n`;
}

/**
 * Undefined if it is of another source.
 * @throws Error for what `format` does not write
 */
function parse(text: string, source: string): FilesByScope | undefined {
  const { data } = savedSchema.safeParse(JSON.parse(text));
  if (!data) throw new Error('it has another form');
  if (data.sha256 !== sumOf(data.files)) throw new Error('it is damaged');
  if (data.source !== source) return undefined;
  return new Map(
    data.files.map(([scope, list]) => [
      scope,
      list.map(([path, content]) => ({ path, bytes: Buffer.from(content, 'base64') })),
    ]),
  );
}

function sumOf(files: unknown): string {
  return createHash('sha256').update(JSON.stringify(files)).digest('hex');
}
