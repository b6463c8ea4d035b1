// Which numbers are not yet those of a fresh start, kept on disk: a start would else give them to other
// signatures at once, while caches still hold what was there. Not in the checkpoint, which is not written
// at each change. Ages only count while the server runs, so a number may be held longer, never shorter.
import { hash } from 'node:crypto';
import { z } from 'zod';
import type { KeptNumbers } from '../../generator/store/held-numbers.ts';
import { MAX_SIGNATURES } from '../../generator/store/numbering.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import {
  KeptFile,
  type KeptContent,
  type KeptFileOptions,
} from '../../generator/system/kept-file.ts';

const HEAD = 'lookaside numbers that caches may hold, 1';
/** The most that is kept for the next start, in bytes. */
const MOST_BYTES = 16 * 1024 * 1024;
const EMPTY_ID = 'nothing';

/** A directory, and by number what is served and for how many milliseconds it has been; null for ever. */
const lineSchema = z.tuple([
  z.string(),
  z.array(z.tuple([z.string(), z.number().nonnegative().nullable()])).max(MAX_SIGNATURES),
]);

export class NumbersFile {
  readonly #file: KeptFile;

  /** Touches nothing yet. */
  constructor(options: KeptFileOptions) {
    this.#file = new KeptFile(options, EMPTY_ID, 2 * MOST_BYTES);
  }

  /** What an earlier run has left; empty if that cannot be used. */
  async read(): Promise<readonly KeptNumbers[]> {
    // Even if there is nothing in it that is new, ages go on from there.
    const numbers = await this.#file.read((text) => ({ value: parse(text), id: '' }));
    return numbers ?? [];
  }

  /** Keeps the numbers of the store in force; settles when the next start would find them. */
  async keep(store: SignatureStore): Promise<void> {
    return this.#file.keep(() => toContent(store));
  }
}

function toContent(store: SignatureStore): KeptContent {
  const { version, kept } = store.keptNumbers;
  const lines: string[] = [];
  let bytes = 0;
  let left = 0;
  for (const numbers of kept) {
    const line = formatLine(numbers);
    bytes += Buffer.byteLength(line);
    if (bytes > MOST_BYTES) left++;
    else lines.push(line);
  }
  const text = lines.join('');
  return {
    id: lines.length === 0 ? EMPTY_ID : String(version),
    pieces: () => [`${HEAD}\n${hash('sha256', text)}\n`, text],
    lack: left > 0 ? `the numbers of ${left} images are too many` : undefined,
  };
}

function formatLine({ directory, copies }: KeptNumbers): string {
  const pairs = copies.map((copy) => [copy.hash, copy.age === Infinity ? null : copy.age]);
  return `${JSON.stringify([directory, pairs])}\n`;
}

/** @throws Error for what `formatLine` does not write */
function parse(latin1: string): readonly KeptNumbers[] {
  const [head, checksum, ...lines] = Buffer.from(latin1, 'latin1').toString().split('\n');
  if (head !== HEAD) throw new Error('it has another form');
  if (checksum !== hash('sha256', lines.join('\n'))) throw new Error('it is damaged');
  return lines.slice(0, -1).map((line) => {
    const [directory, pairs] = lineSchema.parse(JSON.parse(line));
    const copies = pairs.map(([own, age]) => ({ hash: own, age: age ?? Infinity }));
    return { directory, copies };
  });
}
