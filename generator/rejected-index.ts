import type { RejectedFile } from './report.ts';

const DIGESTS = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/gi;

/** Rejected files by the digests that their path or the fault names. */
export class RejectedIndex {
  readonly #byHex = new Map<string, Map<string, RejectedFile>>();

  /** Those that name a digest, given as 64 lower-case hexadecimal digits; in no order. */
  of(hex: string): readonly RejectedFile[] {
    return [...(this.#byHex.get(hex)?.values() ?? [])];
  }

  add(files: readonly RejectedFile[]): void {
    for (const file of files) {
      for (const hex of digestsOf(file)) {
        const known = this.#byHex.get(hex) ?? new Map<string, RejectedFile>();
        this.#byHex.set(hex, known.set(file.path, file));
      }
    }
  }

  remove(files: readonly RejectedFile[]): void {
    for (const file of files) {
      for (const hex of digestsOf(file)) {
        const known = this.#byHex.get(hex);
        known?.delete(file.path);
        if (known?.size === 0) this.#byHex.delete(hex);
      }
    }
  }
}

/** A digest is 64 characters in a directory of its own, or in what a file says of itself. */
function digestsOf({ path, message }: RejectedFile): ReadonlySet<string> {
  const found = `${path}\n${message}`.match(DIGESTS) ?? [];
  return new Set(found.map((hex) => hex.toLowerCase()));
}
