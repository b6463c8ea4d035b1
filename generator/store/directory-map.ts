/** Maps that the entries are spread over. */
const SHARDS = 256;

/**
 * A map by directory (`…@sha256=HEX`) without long pauses: one map of a million entries stops the
 * event loop for a tenth of a second whenever it doubles.
 */
export class DirectoryMap<Value> {
  readonly #shards = Array.from({ length: SHARDS }, () => new Map<string, Value>());
  /** Shards that a frozen state holds too: they are copied before they change. */
  readonly #frozen = new Set<number>();

  get(directory: string): Value | undefined {
    return this.#shards[shardOf(directory)]?.get(directory);
  }

  set(directory: string, value: Value): void {
    this.#writable(directory)?.set(directory, value);
  }

  delete(directory: string): void {
    this.#writable(directory)?.delete(directory);
  }

  *entries(): Generator<[string, Value]> {
    for (const shard of this.#shards) yield* shard;
  }

  /** Those whose directory ends with a whole digest; a 256th of all is looked at. */
  *ending(end: string): Generator<[string, Value]> {
    for (const entry of this.#shards[shardOf(end)] ?? []) if (entry[0].endsWith(end)) yield entry;
  }

  /** The values of this moment, whatever changes afterwards. Costs nothing until then. */
  freeze(): Iterable<Value> {
    const shards = [...this.#shards];
    for (const index of shards.keys()) this.#frozen.add(index);
    return (function* () {
      for (const shard of shards) yield* shard.values();
    })();
  }

  #writable(directory: string): Map<string, Value> | undefined {
    const index = shardOf(directory);
    if (this.#frozen.delete(index)) this.#shards[index] = new Map(this.#shards[index]);
    return this.#shards[index];
  }
}

/** By the last two characters: two digits of a digest, and as evenly spread. */
function shardOf(directory: string): number {
  const high = hexValue(directory.charCodeAt(directory.length - 2));
  return 16 * high + hexValue(directory.charCodeAt(directory.length - 1));
}

/** 0 to 15, for any character. */
function hexValue(code: number): number {
  return (code + 9 * (code >> 6)) & 15;
}
