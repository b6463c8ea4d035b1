// Collects the answers on which the verdict about one file rests. A judge may have to open a message
// with several keyrings; its verdict holds only as long as each of the answers does.
import {
  DEFERRED,
  type Effort,
  type OpenMessage,
  type OpenedMessage,
} from '../openpgp/open-message.ts';
import type { Keyring } from '../openpgp/keyring.ts';
import {
  type Rejection,
  during,
  isRejection,
  isUndecided,
  validityOf,
} from '../terms/rejection.ts';
import { ALWAYS, type Validity, intersect, wholeSecond } from '../terms/validity.ts';

/** A verdict reached although an engine gave no answer is looked at again after this. Milliseconds. */
const LOOK_AGAIN = 3_600_000;

export class Inquiry {
  readonly #openMessage: OpenMessage;
  readonly #now: Date;
  readonly #effort: Effort | undefined;
  #validity: Validity = ALWAYS;
  #gpgv: string | undefined;
  #isDeferred = false;

  /** About one file, as of `now`. */
  constructor(openMessage: OpenMessage, now: Date, effort: Effort | undefined) {
    this.#openMessage = openMessage;
    this.#now = now;
    this.#effort = effort;
  }

  /** How long the verdict holds, by the answers so far. */
  get validity(): Validity {
    return this.#validity;
  }

  /** The version of the gpgv on which the verdict rests; undefined if none was asked. */
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

  /** The verdict with how long it holds; DEFERRED if an answer would have cost too much. */
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
