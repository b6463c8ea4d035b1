// How Go's readers say that something is wrong. The kind decides what its callers do next: pass over a packet,
// a key, or give up the whole file.

/** The kinds of errors that golang.org/x/crypto/openpgp tells apart. */
export type GoFaultKind =
  /** A clean end where something was expected; readers of packets then go on with the layer outside. */
  | 'eof'
  /** The end in the middle of something. */
  | 'unexpected-eof'
  | 'structural'
  | 'unsupported'
  | 'invalid-argument'
  | 'bad-signature'
  /** A type of packet that Go does not know, and passes over. */
  | 'unknown-packet'
  /** Another library's error: base64, compression. */
  | 'foreign'
  /** What is not read here although Go might. */
  | 'beyond';

/** An error as Go's library returns it. */
export class GoFault extends Error {
  override readonly name = 'GoFault';
  readonly kind: GoFaultKind;
  constructor(kind: GoFaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Runs `read`; gives its fault instead of throwing it. */
export function catchFault<T>(read: () => T): T | GoFault {
  try {
    return read();
  } catch (error) {
    if (error instanceof GoFault) return error;
    throw error;
  }
}
