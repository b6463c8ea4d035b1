import type { RejectionCode } from '../terms/rejection.ts';
import type { RejectedFile } from './report.ts';

const DIGESTS = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/gi;
const HEX = /^[0-9a-f]{64}$/;
const HEX_LENGTH = 64;
const BEFORE_HEX = '@sha256=';

/** Rejected files by the digests that their path or the fault names, and how many have which code. */
export class RejectedIndex {
  /** Most digests have one file: a map for each would take more time and room than all else. */
  readonly #byHex = new Map<string, RejectedFile | Map<string, RejectedFile>>();
  readonly #codes = new Map<RejectionCode, number>();

  /** Those that name a digest, given as 64 lower-case hexadecimal digits; in no order. */
  of(digestHex: string): readonly RejectedFile[] {
    const known = this.#byHex.get(digestHex);
    if (known instanceof Map) return [...known.values()];
    return known ? [known] : [];
  }

  /** How many there are of each code; those with none are left out. */
  get codes(): ReadonlyMap<RejectionCode, number> {
    return this.#codes;
  }

  /** Adds files that are not in it. */
  add(files: readonly RejectedFile[]): void {
    for (const file of files) {
      this.#count(file.code, 1);
      for (const digestHex of digestsOf(file)) this.#put(digestHex, file);
    }
  }

  /** Takes out files that are in it. */
  remove(files: readonly RejectedFile[]): void {
    for (const file of files) {
      this.#count(file.code, -1);
      for (const digestHex of digestsOf(file)) this.#take(digestHex, file);
    }
  }

  #put(digestHex: string, file: RejectedFile): void {
    const known = this.#byHex.get(digestHex);
    if (!known) this.#byHex.set(digestHex, file);
    else if (known instanceof Map) known.set(file.path, file);
    else this.#byHex.set(digestHex, new Map([known, file].map((one) => [one.path, one])));
  }

  #take(digestHex: string, { path }: RejectedFile): void {
    const known = this.#byHex.get(digestHex);
    if (known instanceof Map) known.delete(path);
    if (known instanceof Map ? known.size === 0 : known?.path === path)
      this.#byHex.delete(digestHex);
  }

  #count(code: RejectionCode, gained: number): void {
    const total = (this.#codes.get(code) ?? 0) + gained;
    if (total === 0) this.#codes.delete(code);
    else this.#codes.set(code, total);
  }
}

/**
 * A digest is 64 characters in a directory of its own, or in what a file says of itself. Texts are
 * looked through only where they may name another one than the directory: hundreds of thousands of
 * files are rejected at once when a key goes.
 */
function digestsOf({ path, message, code }: RejectedFile): Iterable<string> {
  const digestHex = readHex(path);
  if (digestHex === undefined) return findDigests(`${path}\n${message}`);
  return code === 'digest-mismatch' ? findDigests(message).add(digestHex) : [digestHex];
}

/** The digest of the directory in which a file lies, if it is such a directory. */
function readHex(path: string): string | undefined {
  const end = path.lastIndexOf('/');
  const start = end - HEX_LENGTH;
  if (!path.startsWith(BEFORE_HEX, start - BEFORE_HEX.length)) return undefined;
  const digestHex = path.slice(start, end);
  return HEX.test(digestHex) ? digestHex : undefined;
}

function findDigests(text: string): Set<string> {
  return new Set((text.match(DIGESTS) ?? []).map((digestHex) => digestHex.toLowerCase()));
}
