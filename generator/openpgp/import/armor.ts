// What GnuPG's armor filter makes of a key file (g10/armor.c of 2.2.40, `armor_filter` with
// `only_keyblocks`): which bytes reach the reader of packets. It decides line by line, so a byte too
// many in front of BEGIN hides that block alone.

/** The bytes that are read as packets, and what was odd on the way. */
export interface Unarmored {
  readonly bytes: Uint8Array;
  readonly isArmored: boolean;
  /** How many blocks were found. */
  readonly blocks: number;
  /** GnuPG gives up: a checksum is there, and wrong. */
  readonly hasWrongChecksum: boolean;
  /** A line behind BEGIN is no header, and was read as data. */
  readonly hasBadHeader: boolean;
  /** A block has no END line: Sequoia wants one. */
  readonly isEndless: boolean;
  /** A block has neither checksum nor padding: its END line is read as data. */
  readonly readsEnd: boolean;
}

/** Of a longer line GnuPG keeps only the start. Bytes, its line feed included. */
const MAX_LINE = 19_999;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const EQUALS = 0x3d;
const BEGIN = /^-----BEGIN PGP (?:PUBLIC KEY|PRIVATE KEY|SECRET KEY) BLOCK-----[ \t\r\n]*$/;
const END = /^-----END PGP (?:PUBLIC KEY|PRIVATE KEY|SECRET KEY) BLOCK-----/gm;
const NEXT_BEGIN = /^-----BEGIN /gm;
const SPACE = /^[ \t\r\n]*$/;
const HEADER = /^[^:]*:[ \r\n]/;

/** Packets of known length, and those that may go on to the end: all others are no OpenPGP. */
const BOUNDED: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, 10, 12, 13, 14, 17, 19]);
const UNBOUNDED: ReadonlySet<number> = new Set([8, 9, 11, 16, 18, 61, 63]);

const VALUES = new Uint8Array(256).fill(255);
const LETTERS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
for (const [value, letter] of LETTERS.entries()) VALUES[letter] = value;
const NO_VALUE = 255;
/** As much as tells a quoted letter. */
const QUOTED = 8;

/** Takes the armor off, if there is any. */
export function unarmorAsGnupg(file: Uint8Array): Unarmored {
  const filter = new ArmorFilter(file);
  filter.run();
  return filter.result();
}

/** Whether GnuPG takes bytes for armor, by the first two. */
export function looksArmored([first = 0, second = 0]: Uint8Array): boolean {
  if (first < 0x80) return true;
  const isNew = (first & 0x40) !== 0;
  const tag = isNew ? first & 0x3f : (first >> 2) & 0x0f;
  if (UNBOUNDED.has(tag)) return false;
  if (!BOUNDED.has(tag)) return true;
  return isNew ? second >= 224 && second < 255 : (first & 3) === 3;
}

/** Reads like the filter does: a line at a time, and letters of the current line. */
class ArmorFilter {
  readonly #file: Uint8Array;
  #at = 0;
  #line: Uint8Array = new Uint8Array();
  #lineAt = 0;
  readonly #out: Uint8Array[] = [];
  #blocks = 0;
  #isBinary = false;
  #hasWrongChecksum = false;
  #isEndless = false;
  #readsEnd = false;
  #hasBadHeader = false;
  readonly #ends: LineFinder;
  readonly #begins: LineFinder;

  constructor(file: Uint8Array) {
    this.#file = file;
    const text = Buffer.from(file.buffer, file.byteOffset, file.length).toString('latin1');
    this.#ends = new LineFinder(text, END);
    this.#begins = new LineFinder(text, NEXT_BEGIN);
  }

  run(): void {
    while (!this.#hasWrongChecksum && this.#findBlock()) this.#readBlock();
  }

  result(): Unarmored {
    return {
      bytes: Buffer.concat(this.#out),
      isArmored: !this.#isBinary || this.#blocks > 0,
      blocks: this.#blocks,
      hasWrongChecksum: this.#hasWrongChecksum,
      hasBadHeader: this.#hasBadHeader,
      isEndless: this.#isEndless,
      readsEnd: this.#readsEnd,
    };
  }

  /** The next line, its line feed included; false at the end. Overlong ones are passed over. */
  #nextLine(): boolean {
    do this.#readLine();
    while (this.#line.length > MAX_LINE && this.#at < this.#file.length);
    return this.#line.length > 0;
  }

  #readLine(): void {
    const feed = this.#file.indexOf(LINE_FEED, this.#at);
    const end = feed < 0 ? this.#file.length : feed + 1;
    this.#line = this.#file.subarray(this.#at, end);
    this.#at = end;
    this.#lineAt = 0;
  }

  #text(): string {
    const text = Buffer.from(this.#line).toString('latin1');
    const end = text.indexOf('\0');
    return end < 0 ? text : text.slice(0, end);
  }

  /** Goes on to the data of the next block, or takes the rest as it is. */
  #findBlock(): boolean {
    const start = this.#at;
    this.#readLine();
    if (this.#line.length === 0) return false;
    if (this.#line.length > MAX_LINE) return this.#takeOverlong();
    const [first, second] = this.#line;
    const isEmpty = first === LINE_FEED || (first === CARRIAGE_RETURN && second === LINE_FEED);
    if (!isEmpty && this.#line.length >= 2 && !looksArmored(this.#line)) {
      this.#isBinary = true;
      this.#out.push(this.#file.subarray(start));
      this.#at = this.#file.length;
      return false;
    }
    while (!BEGIN.test(this.#text())) if (!this.#nextLine()) return false;
    this.#blocks++;
    const data = this.#at;
    this.#skipHeaders();
    this.#isEndless ||= this.#ends.next(data) >= this.#begins.next(data);
    return true;
  }

  /** GnuPG takes it for binary, and loses what is beyond its limit. */
  #takeOverlong(): false {
    const kept = this.#line.subarray(0, MAX_LINE - 1);
    this.#isBinary = true;
    this.#out.push(kept, Buffer.of(LINE_FEED), this.#file.subarray(this.#at));
    this.#at = this.#file.length;
    return false;
  }

  /** The line that is no header is the first of the data, empty or not. */
  #skipHeaders(): void {
    while (this.#nextLine()) {
      const line = this.#text();
      if (SPACE.test(line)) return;
      if (HEADER.test(line)) continue;
      this.#hasBadHeader ||= !/^[A-Za-z0-9+/=]+\s*$/.test(line);
      return;
    }
  }

  #next(): number | undefined {
    if (this.#lineAt >= this.#line.length && !this.#nextLine()) return undefined;
    return this.#line[this.#lineAt++];
  }

  #readBlock(): void {
    const start = this.#at - this.#line.length;
    const decoded: number[] = [];
    let held = 0;
    let index = 0;
    for (let letter = this.#next(); letter !== undefined; letter = this.#next()) {
      const value = letter === EQUALS ? this.#quotedPrintable() : VALUES[letter];
      if (value === undefined) {
        if (index === 1) decoded.push(held);
        this.#finish(decoded);
        this.#checkSum(decoded);
        return;
      }
      if (value === NO_VALUE) continue;
      if (index === 0) held = value << 2;
      else {
        const shift = 6 - 2 * index;
        decoded.push((held | (value >> shift)) & 0xff);
        held = (value << (8 - shift)) & 0xff;
      }
      index = (index + 1) % 4;
    }
    this.#finish(decoded);
    this.#readsEnd = this.#ends.next(start) < Infinity;
  }

  #finish(decoded: readonly number[]): void {
    this.#out.push(Uint8Array.from(decoded));
  }

  /** The letter that mail programs wrote as `=3D` and the like; undefined for a true equals sign. */
  #quotedPrintable(): number | undefined {
    const part = this.#line.subarray(this.#lineAt, this.#lineAt + QUOTED);
    const rest = Buffer.from(part).toString('latin1');
    const [, hex] = /^([0-9A-Fa-f]{2})[=\n\r\t ]/.exec(rest) ?? [];
    if (hex === undefined || rest.length <= 2) {
      if (/^3D[A-Za-z0-9+/]{4}\n/.test(rest)) this.#lineAt += 2;
      return undefined;
    }
    this.#lineAt += 2;
    const letter = Number.parseInt(hex, 16);
    if (letter === EQUALS) return this.#quotedPrintable();
    return VALUES[letter] ?? NO_VALUE;
  }

  /** What follows the data: a checksum, or none. */
  #checkSum(decoded: readonly number[]): void {
    let letter = this.#next();
    while (letter !== undefined && ' \t\r\n='.includes(String.fromCharCode(letter))) {
      letter = this.#next();
    }
    const values: number[] = [];
    while (letter !== undefined && values.length < 4) {
      const value = VALUES[letter] ?? NO_VALUE;
      if (value === NO_VALUE) break;
      values.push(value);
      // GnuPG looks one letter ahead: a checksum at the very end of the file is malformed.
      letter = this.#next();
      if (letter === undefined) {
        this.#hasWrongChecksum = true;
        return;
      }
    }
    if (values.length === 0) return;
    const sum = values.reduce((total, value) => total * 64 + value, 0);
    this.#hasWrongChecksum = values.length < 4 || sum !== crc24(decoded);
  }
}

/** Finds lines from places that come in their order: all of the text is searched once. */
class LineFinder {
  readonly #text: string;
  readonly #pattern: RegExp;
  #found = -1;

  constructor(text: string, pattern: RegExp) {
    this.#text = text;
    this.#pattern = new RegExp(pattern);
  }

  /** Where the next one starts; Infinity if there is none. */
  next(from: number): number {
    if (this.#found < from) {
      this.#pattern.lastIndex = from;
      this.#found = this.#pattern.exec(this.#text)?.index ?? Infinity;
    }
    return this.#found;
  }
}

/** The checksum of armor (RFC 4880, section 6.1). */
export function crc24(bytes: Iterable<number>): number {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1;
      if ((crc & 0x1000000) !== 0) crc ^= 0x1864cfb;
    }
  }
  return crc & 0xffffff;
}
