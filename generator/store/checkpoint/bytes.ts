const FIRST_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;
const NUMBER_BYTES = 8;
/** Of one UTF-16 unit, in UTF-8. */
const MOST_UNIT_BYTES = 3;

/** Puts numbers, texts and bytes one behind the other, as a ByteReader reads them. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  /** A whole number from 0 to 255. */
  byte(value: number): void {
    this.#reserve(1);
    this.#length = this.#bytes.writeUInt8(value, this.#length);
  }

  /** Any number; NaN and infinity too. */
  number(value: number): void {
    this.#reserve(NUMBER_BYTES);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** Anything that UTF-8 can have: no surrogate on its own. */
  text(value: string): void {
    this.#reserve(LENGTH_BYTES + MOST_UNIT_BYTES * value.length);
    const written = this.#bytes.write(value, this.#length + LENGTH_BYTES);
    this.#length = this.#bytes.writeUInt32LE(written, this.#length) + written;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(LENGTH_BYTES + value.length);
    const at = this.#bytes.writeUInt32LE(value.length, this.#length);
    this.#bytes.set(value, at);
    this.#length = at + value.length;
  }

  /** All that was written, good until more is; what comes next starts anew. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

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
    return this.#bytes.readDoubleLE(this.#advance(NUMBER_BYTES));
  }

  text(): string {
    const length = this.#bytes.readUInt32LE(this.#advance(LENGTH_BYTES));
    const at = this.#advance(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** A view. */
  bytes(): Buffer {
    const length = this.#bytes.readUInt32LE(this.#advance(LENGTH_BYTES));
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
