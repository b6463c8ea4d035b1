// The key files that were good last, by the requirement that they were read for: in memory while a server
// runs, and in the state directory for its next start. They stand in for files that cannot be used any
// more. What this file holds is imported like any other key file; one that cannot be used is as none.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { type KeyFile, KeyFileError, readKeyring } from '../../generator/openpgp/openpgp-js.ts';
import { replaceBytes } from '../../generator/system/durable.ts';
import { hasCode } from '../../generator/terms/errors.ts';
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

const HEAD = 'lookaside keys that were good last, 1';
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

type FilesByRequirement = ReadonlyMap<string, readonly KeyFile[]>;

export class LastGoodKeys implements KeyMemory {
  readonly #options: LastGoodKeysOptions;
  #good: FilesByRequirement = new Map();
  /** What the policy that is being read has noted so far. */
  #noted = new Map<string, readonly KeyFile[]>();
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
      this.#good = await importable(parse(text, source));
      this.#written = text;
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR')) onUnreadable(error);
    }
  }

  readonly recall: KeyMemory['recall'] = (requirement) => this.#good.get(requirement) ?? [];

  readonly note: KeyMemory['note'] = (requirement, files) => {
    this.#noted.set(requirement, files);
  };

  /** To be called before a policy is read. */
  begin(): void {
    this.#noted = new Map();
  }

  /** To be called when the policy has been read: its keys are those that were good last. */
  async keep(): Promise<void> {
    const { path, source, onUnwritable, onWritten } = this.#options;
    this.#good = this.#noted;
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

function format(good: FilesByRequirement, source: string): string {
  const files = [...good].map(([requirement, list]) => [
    requirement,
    list.map(({ path, bytes }) => [path, Buffer.from(bytes).toString('base64')]),
  ]);
  return `${JSON.stringify({ head: HEAD, source, sha256: sumOf(files), files })}\n`;
}

/** @throws Error for what `format` does not write */
function parse(text: string, source: string): FilesByRequirement {
  const { data } = savedSchema.safeParse(JSON.parse(text));
  if (!data) throw new Error('it has another form');
  if (data.sha256 !== sumOf(data.files)) throw new Error('it is damaged');
  if (data.source !== source) return new Map();
  return new Map(
    data.files.map(([requirement, list]) => [
      requirement,
      list.map(([path, content]) => ({ path, bytes: Buffer.from(content, 'base64') })),
    ]),
  );
}

function sumOf(files: unknown): string {
  return createHash('sha256').update(JSON.stringify(files)).digest('hex');
}

/** Another version of this program may be stricter than the one that wrote them. */
async function importable(saved: FilesByRequirement): Promise<FilesByRequirement> {
  const good = new Map<string, readonly KeyFile[]>();
  for (const [requirement, files] of saved) {
    if (await canImport(files)) good.set(requirement, files);
  }
  return good;
}

async function canImport(files: readonly KeyFile[]): Promise<boolean> {
  try {
    await readKeyring(files);
    return true;
  } catch (error) {
    if (error instanceof KeyFileError) return false;
    throw error;
  }
}
