// What the verdict on one file is made of. A judge may have to open a message for several keyrings;
// its verdict holds for as long as every answer does that it has taken into account.
import {
  DEFERRED,
  type Effort,
  type OpenMessage,
  type OpenedMessage,
} from '../openpgp/open-message.ts';
import type { Keyring } from '../openpgp/openpgp-js.ts';
import {
  type Rejection,
  during,
  isRejection,
  isUndecided,
  validityOf,
} from '../terms/rejection.ts';
import { ALWAYS, type Validity, intersect, wholeSecond } from '../terms/validity.ts';

/** A verdict that was found although one engine gave no answer is looked at again. Milliseconds. */
const LOOK_AGAIN = 3_600_000;

export class Inquiry {
  readonly #openMessage: OpenMessage;
  readonly #now: Date;
  readonly #effort: Effort | undefined;
  #validity: Validity = ALWAYS;
  #gpgv: string | undefined;
  #isDeferred = false;

  /** Into one file, as of `now`. */
  constructor(openMessage: OpenMessage, now: Date, effort: Effort | undefined) {
    this.#openMessage = openMessage;
    this.#now = now;
    this.#effort = effort;
  }

  /** When the verdict holds, by what was asked so far. */
  get validity(): Validity {
    return this.#validity;
  }

  /** The version of the gpgv whose word the verdict takes; undefined where it takes none. */
  get gpgv(): string | undefined {
    return this.#gpgv;
  }

  async open(
    message: Uint8Array,
    keyring: Keyring | undefined,
  ): Promise<OpenedMessage | Rejection> {
    const opened = await this.#openMessage(message, keyring, this.#now, this.#effort);
    if (opened === DEFERRED) this.#isDeferred = true;
    this.#validity = intersect(this.#validity, this.#validityOf(opened));
    if (!isRejection(opened)) this.#gpgv ??= opened.gpgv;
    return opened;
  }

  /** The verdict, with the time in which it holds; none if an answer would have cost too much. */
  conclude<Verdict extends object>(verdict: Verdict | Rejection): Verdict | Rejection {
    if (this.#isDeferred) return DEFERRED;
    if (!isRejection(verdict) || isUndecided(verdict)) return verdict;
    return during(this.#validity, verdict);
  }

  #validityOf(opened: OpenedMessage | Rejection): Validity {
    if (!isRejection(opened)) return opened.validity;
    if (!isUndecided(opened)) return validityOf(opened);
    const from = wholeSecond(this.#now.getTime());
    return { from, until: from + LOOK_AGAIN };
  }
}
