/** What a payload says. Untrusted until its signature is verified. */
export interface UntrustedClaims {
  /** The identity: the image name that was signed, as written. */
  readonly dockerReference: string;
  /** `sha256:HEX`, as written. */
  readonly manifestDigest: string;
  /** The program that signed, if it says; a long one is cut. */
  readonly creator: string | null;
  /** When it was signed, in seconds since 1970, if it says. */
  readonly timestamp: number | null;
}
