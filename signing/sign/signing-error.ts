/** Nothing can be signed: the key, gpg or its agent is at fault. Told in one line, with the cure. */
export class SigningError extends Error {
  override readonly name = 'SigningError';
  readonly hint: string;
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}
