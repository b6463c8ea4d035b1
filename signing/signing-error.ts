/** An image cannot be signed, or a signature not be pushed, for a cause that people can mend. */
export class SigningError extends Error {
  override readonly name: string = 'SigningError';
  /** What to do about it. */
  readonly hint: string | undefined;
  constructor(message: string, { hint, cause }: { hint?: string; cause?: unknown } = {}) {
    super(message, cause === undefined ? {} : { cause });
    this.hint = hint;
  }
}
