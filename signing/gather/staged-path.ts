// A path as the system has it: bytes, which need not be UTF-8.
import { isUtf8 } from 'node:buffer';
import { basename, join } from 'node:path';

export class StagedPath {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  static of(text: string): StagedPath {
    return new StagedPath(Buffer.from(text));
  }

  /** What is not UTF-8 becomes U+FFFD. */
  get text(): string {
    return this.bytes.toString();
  }

  get isUtf8(): boolean {
    return isUtf8(this.bytes);
  }

  /** For people, and for a shell: what is not UTF-8 stands in `$'…'`, as bash and zsh read it. */
  get shown(): string {
    return this.isUtf8 ? this.text : `$'${Array.from(this.bytes, toAnsiC).join('')}'`;
  }

  get name(): string {
    return basename(this.text);
  }

  /** A name below it. */
  join(name: Uint8Array): StagedPath {
    // In Latin-1 each byte is a character, and stays one.
    const joined = join(this.bytes.toString('latin1'), Buffer.from(name).toString('latin1'));
    return new StagedPath(Buffer.from(joined, 'latin1'));
  }
}

/** One byte between the quotes of `$'…'`. */
function toAnsiC(byte: number): string {
  const character = String.fromCharCode(byte);
  if (character === "'" || character === '\\') return `\\${character}`;
  if (byte >= 0x20 && byte < 0x7f) return character;
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}
