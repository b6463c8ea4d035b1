/** Reads what a ByteWriter wrote. All methods throw a RangeError behind the end. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#advance(1));
  }

  number(): number {
    return this.#bytes.readDoubleLE(this.#advance(8));
  }

  text(): string {
    const length = this.#bytes.readUInt32LE(this.#advance(4));
    const at = this.#advance(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** A view. */
  bytes(): Buffer {
    const length = this.#bytes.readUInt32LE(this.#advance(4));
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Over some bytes, to where they start. */
  #advance(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) throw new RangeError('the record is cut short');
    this.#at = at + count;
    return at;
  }
}
