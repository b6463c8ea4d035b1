// Judges signatures that lie nowhere yet: what they sign says where they belong.
import type { OpenMessage, OpenedMessage } from '../openpgp/open-message.ts';
import { parseSignatureFile } from '../openpgp/signature-file.ts';
import type { Policy } from '../policy/policy.ts';
import { type ImageDirectory, classifyPath, formatLocation } from '../terms/location.ts';
import { type Rejection, isRejection } from '../terms/rejection.ts';
import { parseClaims } from './claims.ts';
import { Inquiry } from './inquiry.ts';
import { type JudgeOptions, PolicyJudge, type Signature } from './judge.ts';
import { openForAny, takesStrangers } from './open-for-any.ts';
import { defaultPlace, findPlace } from './place.ts';

/** A signature that nodes would accept, and the directory in which they would look for it. */
export interface PlacedSignature {
  readonly place: ImageDirectory;
  readonly signature: Signature;
}

export class PlacingJudge extends PolicyJudge {
  readonly #policy: Policy;
  readonly #openMessage: OpenMessage;

  constructor(options: JudgeOptions) {
    super(options);
    this.#policy = options.policy;
    this.#openMessage = options.openMessage;
  }

  /** Where a signature belongs, and the verdict on it there, as of `now`. */
  async place(bytes: Uint8Array, now: Date): Promise<PlacedSignature | Rejection> {
    const file = parseSignatureFile(bytes);
    if (isRejection(file)) return file;
    const opened = await this.#open(file.untrustedMessage, now);
    if (isRejection(opened)) return opened;
    const claims = parseClaims(opened.untrustedPayload);
    if (isRejection(claims)) return claims;
    const place = findPlace(this.#policy, claims, '') ?? defaultPlace(claims);
    return isRejection(place) ? place : this.placeAt(place, bytes, now);
  }

  /** The verdict on a signature in a directory that was chosen for it, as of `now`. */
  async placeAt(
    place: ImageDirectory,
    bytes: Uint8Array,
    now: Date,
  ): Promise<PlacedSignature | Rejection> {
    const found = classifyPath(formatLocation(place.directory, 1), this.paths);
    if (found.kind === 'rejected') return found.rejection;
    const signature = await this.judge({ ...place, number: 1 }, bytes, now);
    return isRejection(signature) ? signature : { place, signature };
  }

  async #open(message: Uint8Array, now: Date): Promise<OpenedMessage | Rejection> {
    const inquiry = new Inquiry(this.#openMessage, now, undefined);
    const opened = await openForAny(this.#policy, inquiry, message);
    if (!isRejection(opened) || !takesStrangers(this.#policy)) return opened;
    const unverified = await inquiry.open(message, undefined);
    return isRejection(unverified) ? opened : unverified;
  }
}
