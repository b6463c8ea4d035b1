// The first armor block of a file as Go reads it (x/crypto/openpgp/armor): what is behind it is never looked at.
import { crc24 } from '../../openpgp/import/armor.ts';
import { GoFault } from './go-fault.ts';

/** The first block. */
export interface GoArmor {
  /** What stands behind BEGIN: `PGP PUBLIC KEY BLOCK`. */
  readonly type: string;
  /** Decoded as far as it can be. */
  readonly bytes: Uint8Array;
  /** What is wrong behind these bytes; undefined if nothing. */
  readonly fault: GoFault | undefined;
  /** Whether another block follows. */
  readonly isFollowed: boolean;
}

const BEGIN = '-----BEGIN ';
const END = '-----END ';
const DASHES = 5;
/** Of Go's buffer for lines: longer ones come in pieces. Bytes, with the line feed. */
const MAX_READ = 100;
/** Bytes of base64 in a line. */
const MAX_DATA = 96;
const CORRUPT = new GoFault('structural', 'armor invalid');
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const CHECKSUM = /^=[A-Za-z0-9+/]{4}$/;

/** Reads the first block of a file; undefined if there is none. */
export function readGoArmor(file: Uint8Array): GoArmor | undefined {
  const lines = Buffer.from(file.buffer, file.byteOffset, file.length).toString('latin1');
  const reader = new LineReader(lines);
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    const begin = line.isLong ? '' : trim(line.text);
    if (!begin.startsWith(BEGIN) || begin.length <= BEGIN.length + DASHES) continue;
    if (!skipHeaders(reader)) continue;
    const type = begin.slice(BEGIN.length, -DASHES);
    const data = readData(reader);
    return { type, ...data, isFollowed: hasBlock(reader) };
  }
  return undefined;
}

interface Line {
  readonly text: string;
  readonly isLong: boolean;
}

class LineReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Line | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const feed = this.#text.indexOf('\n', this.#at);
    const end = feed < 0 ? this.#text.length : feed;
    const whole = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    const text = whole.endsWith('\r') && feed >= 0 ? whole.slice(0, -1) : whole;
    return { text, isLong: whole.length >= MAX_READ };
  }
}

/** Goes on to the data; false at a line that is no header, where Go looks for another block. */
function skipHeaders(reader: LineReader): boolean {
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    const header = trim(line.isLong ? line.text.slice(0, MAX_READ) : line.text);
    if (header === '') return true;
    if (!header.includes(': ')) return false;
  }
  return false;
}

function readData(reader: LineReader): Pick<GoArmor, 'bytes' | 'fault'> {
  let letters = '';
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    const { text } = line;
    if (line.isLong) return decode(letters, CORRUPT);
    if (text.startsWith(END)) return decode(letters);
    if (text.length === DASHES && text.startsWith('=') && CHECKSUM.test(text)) {
      const isClosed = reader.next()?.text.startsWith(END) ?? false;
      return isClosed ? decodeSummed(letters, text.slice(1)) : decode(letters, CORRUPT);
    }
    if (text.length > MAX_DATA) return decode(letters, CORRUPT);
    letters += text;
  }
  return decode(letters);
}

function decodeSummed(letters: string, sum: string): Pick<GoArmor, 'bytes' | 'fault'> {
  const data = decode(letters);
  const isRight = crc24(data.bytes) === Buffer.from(sum, 'base64').readUIntBE(0, 3);
  return data.fault || isRight ? data : { bytes: data.bytes, fault: CORRUPT };
}

function decode(letters: string, fault?: GoFault): Pick<GoArmor, 'bytes' | 'fault'> {
  const isBase64 = BASE64.test(letters) && (fault !== undefined || letters.length % 4 === 0);
  const illegal = new GoFault('foreign', 'illegal base64 data');
  return { bytes: Buffer.from(letters, 'base64'), fault: isBase64 ? fault : illegal };
}

function hasBlock(reader: LineReader): boolean {
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    if (trim(line.text).startsWith(BEGIN)) return true;
  }
  return false;
}

function trim(line: string): string {
  return line.replaceAll(/^[ \t\v\f\r]+|[ \t\v\f\r]+$/g, '');
}
