// What was taken away, kept for the next start: somebody has to see it, also if the server ended meanwhile.
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { z } from 'zod';
import { replaceBytes } from '../../generator/system/durable.ts';
import { hasCode } from '../../generator/terms/errors.ts';

const text = z.string().max(5000);
const fileSchema = z
  .object({
    path: text,
    directory: text,
    id: text,
    signer: text.optional(),
    identity: text,
    code: z.enum(['signature-removed', 'signature-replaced', 'signature-excluded']),
    lacks: z.array(z.enum(['signer', 'identity'])).readonly(),
  })
  .transform((file) => ({ ...file, signer: file.signer }));
const lossSchema = z.object({
  version: z.literal(1),
  message: text,
  commit: text.nullable(),
  author: text.nullable(),
  subject: text.nullable(),
  /** ISO 8601. */
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  signatures: z.number().int().min(0),
  files: z.array(fileSchema).max(2000).readonly(),
});

/** What is lost, and who took it away. Texts of commits are as they say, printable and cut. */
export type RememberedLoss = Readonly<Omit<z.infer<typeof lossSchema>, 'version'>>;

export interface LostFileOptions {
  readonly path: string;
  /** Told why the file cannot be used. */
  readonly onUnreadable: (error: unknown) => void;
  /** Told why the next start will not know of it. */
  readonly onUnwritable: (error: unknown) => void;
  /** Called after each write. */
  readonly onWritten: () => void;
}

/** Far more than what is remembered takes. Bytes. */
const MOST_BYTES = 16 * 1024 * 1024;
/** What is no regular file is neither followed nor waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class LostFile {
  readonly #options: LostFileOptions;
  #writing: Promise<void> = Promise.resolve();

  /** Touches nothing yet. */
  constructor(options: LostFileOptions) {
    this.#options = options;
  }

  /** What an earlier run has left; undefined for nothing, or what cannot be used. */
  async read(): Promise<RememberedLoss | undefined> {
    try {
      const { version: _, ...loss } = lossSchema.parse(
        JSON.parse(await readText(this.#options.path)),
      );
      return loss;
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) this.#options.onUnreadable(error);
      return undefined;
    }
  }

  /** Replaces what the file holds; settles when the next start would find it, and never rejects. */
  async write(loss: RememberedLoss | undefined): Promise<void> {
    const { path, onUnwritable, onWritten } = this.#options;
    const replace = async (): Promise<void> =>
      loss
        ? replaceBytes(path, JSON.stringify({ version: 1, ...loss }))
        : rm(path, { force: true });
    this.#writing = this.#writing.then(replace).then(onWritten, onUnwritable);
    return this.#writing;
  }
}

async function readText(path: string): Promise<string> {
  const file = await open(path, FLAGS);
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > MOST_BYTES) throw new Error('it is no file of ours');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
