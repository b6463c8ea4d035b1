// What a mirror remembers between two runs of what an upstream has: enough to go on where the last run broke
// off, and to ask for what it knows by ETags. It is never believed about what lies here: the repository is
// looked at for that.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { KeptFile } from '../../generator/system/kept-file.ts';

const rememberedSignature = z.strictObject({
  /** The object name that git has for its bytes. */
  blob: z.string().regex(/^[0-9a-f]{40}$/),
  etag: z.string().max(1000).optional(),
});

const remembered = z.strictObject({
  /** When all of it was read last, to the 404 behind it; null for never. Milliseconds since 1970. */
  readAt: z.number().nullable(),
  triedAt: z.number(),
  /** Names the rules of the repository by which something was left out, or could have been. */
  rules: z.string().max(100),
  /** By numbers, from 1; null for what was not taken. */
  signatures: z.array(rememberedSignature.nullable()).max(127),
});

const fileSchema = z.strictObject({
  version: z.literal(1),
  directories: z.record(z.string(), remembered),
});

export type RememberedSignature = z.output<typeof rememberedSignature>;
export type RememberedDirectory = z.output<typeof remembered>;

export interface MirrorMemoryOptions {
  readonly path: string;
  /** Told that the file is damaged, and all begins anew. */
  readonly onUnreadable: (error: unknown) => void;
  readonly onUnwritable: (error: unknown) => void;
}

/** Far more than the signatures of any vendor take. Bytes. */
const MOST_BYTES = 512 * 1024 * 1024;
/** What nobody has asked for in so long is forgotten. Milliseconds. */
const FORGOTTEN_AFTER = 90 * 86_400_000;

export class MirrorMemory {
  readonly #file: KeptFile;
  readonly #directories: Map<string, RememberedDirectory>;

  private constructor(file: KeptFile, directories: Map<string, RememberedDirectory>) {
    this.#file = file;
    this.#directories = directories;
  }

  /** Reads what an earlier run has left. */
  static async open(options: MirrorMemoryOptions): Promise<MirrorMemory> {
    const file = new KeptFile(
      { ...options, onWritten: ignore },
      idOf(format(new Map())),
      MOST_BYTES,
    );
    const parse = (text: string) => {
      const { directories } = fileSchema.parse(JSON.parse(text));
      return { value: new Map(Object.entries(directories)), id: idOf(text) };
    };
    return new MirrorMemory(file, (await file.read(parse)) ?? new Map());
  }

  /** By the name of a directory upstream and here. */
  find(name: string): RememberedDirectory | undefined {
    return this.#directories.get(name);
  }

  note(name: string, directory: RememberedDirectory): void {
    this.#directories.set(name, directory);
  }

  /** Settles when the next run would find it. */
  async save(now: number): Promise<void> {
    for (const [name, { triedAt }] of this.#directories) {
      if (now - triedAt > FORGOTTEN_AFTER) this.#directories.delete(name);
    }
    const text = format(this.#directories);
    await this.#file.keep(() => ({ id: idOf(text), pieces: () => [text] }));
  }
}

function ignore(): void {}

function format(directories: ReadonlyMap<string, RememberedDirectory>): string {
  return `${JSON.stringify({ version: 1, directories: Object.fromEntries(directories) })}\n`;
}

function idOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
