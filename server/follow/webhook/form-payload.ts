// The JSON in a form: the field `payload` of application/x-www-form-urlencoded. It is read piece by piece,
// as the body comes: some forges sign what is in it, and strangers may send 25 MiB. It is what was signed
// only if there is one such field, and no byte of the form is open to interpretation.

const FIELD = Buffer.from('payload');
const [AND, IS, PLUS, PERCENT, SPACE] = [0x26, 0x3d, 0x2b, 0x25, 0x20] as const;

/** Whether a body of this Content-Type is a form. */
export function isForm(contentType: string | undefined): boolean {
  return /^application\/x-www-form-urlencoded[\t ]*(?:;|$)/i.test(contentType ?? '');
}

/** The JSON, or the JSON in the field `payload` of a form; undefined for anything else. */
export function parsePayload(body: Buffer, contentType: string | undefined): unknown {
  const json = isForm(contentType) ? decodePayload(body) : body;
  try {
    return JSON.parse(json?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}

/** The bytes of the field in a form that is there as a whole; undefined if it is not there once. */
export function decodePayload(body: Buffer): Buffer | undefined {
  const form = new FormPayload();
  const payload = form.decode(body);
  return form.end() ? payload : undefined;
}

export class FormPayload {
  #place: 'name' | 'payload' | 'other' = 'name';
  /** How many bytes of a name are those of the field that is wanted; less than 0 for another name. */
  #matched = 0;
  /** Hexadecimal digits that are due behind a percent sign. */
  #due = 0;
  #value = 0;
  #fields = 0;
  #isBroken = false;

  /** Takes a piece of the form; gives the bytes of the payload in it. */
  decode(piece: Buffer): Buffer {
    const payload = Buffer.allocUnsafe(piece.length);
    let length = 0;
    for (const byte of piece) {
      const decoded = this.#decode(byte);
      if (decoded === undefined) continue;
      if (this.#place === 'payload') payload[length++] = decoded;
      else if (this.#place === 'name') this.#match(decoded);
    }
    return payload.subarray(0, length);
  }

  /** The form is there as a whole. Whether it has one payload, and nothing that is malformed. */
  end(): boolean {
    if (this.#place === 'name') this.#endName();
    return this.#fields === 1 && this.#due === 0 && !this.#isBroken;
  }

  /** The byte that this one stands for, or ends; undefined if it stands for none. */
  #decode(byte: number): number | undefined {
    if (this.#due > 0) return this.#decodeDigit(byte);
    if (byte === PERCENT) {
      this.#due = 2;
      this.#value = 0;
      return undefined;
    }
    if (byte === AND) {
      if (this.#place === 'name') this.#endName();
      this.#place = 'name';
      return undefined;
    }
    if (byte === IS && this.#place === 'name') {
      this.#endName();
      return undefined;
    }
    return byte === PLUS ? SPACE : byte;
  }

  #decodeDigit(byte: number): number | undefined {
    const digit = toDigit(byte);
    if (digit < 0) this.#isBroken = true;
    this.#value = this.#value * 16 + digit;
    return --this.#due === 0 ? this.#value : undefined;
  }

  #match(byte: number): void {
    this.#matched = FIELD[this.#matched] === byte ? this.#matched + 1 : -1;
  }

  #endName(): void {
    this.#place = this.#matched === FIELD.length ? 'payload' : 'other';
    if (this.#place === 'payload') this.#fields++;
    this.#matched = 0;
  }
}

/** What a hexadecimal digit stands for; less than 0 for another character. */
function toDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
