/** Maps that the entries are spread over. */
const SHARDS = 256;

/**
 * A map by directory (`…@sha256=HEX`) without long pauses: one map of a million entries stops the
 * event loop for a tenth of a second whenever it doubles.
 */
export class DirectoryMap<Value> {
  readonly #shards = Array.from({ length: SHARDS }, () => new Map<string, Value>());

  get(directory: string): Value | undefined {
    return this.#shard(directory)?.get(directory);
  }

  set(directory: string, value: Value): void {
    this.#shard(directory)?.set(directory, value);
  }

  delete(directory: string): void {
    this.#shard(directory)?.delete(directory);
  }

  *entries(): Generator<[string, Value]> {
    for (const shard of this.#shards) yield* shard;
  }

  /** By the last two characters: two digits of a digest, and as evenly spread. */
  #shard(directory: string): Map<string, Value> | undefined {
    const high = hexValue(directory.charCodeAt(directory.length - 2));
    return this.#shards[16 * high + hexValue(directory.charCodeAt(directory.length - 1))];
  }
}

/** 0 to 15, for any character. */
function hexValue(code: number): number {
  return (code + 9 * (code >> 6)) & 15;
}
