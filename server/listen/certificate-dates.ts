// From when until when the certificate holds that is served. Clients refuse one that has expired, and
// nothing else would tell operators before.
import { X509Certificate } from 'node:crypto';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import type { Troubles } from '../troubles/troubles.ts';

export interface CertificateDatesOptions {
  /** The time of day. */
  readonly now: () => Date;
  readonly troubles: Pick<Troubles, 'raise' | 'clear'>;
  readonly log: Pick<ProgramLog, 'warn' | 'error'>;
}

/** Milliseconds since 1970. */
interface Dates {
  readonly from: number;
  readonly until: number;
}

type State = 'good' | 'soon' | 'expired' | 'early';

/** As the alert has it. Milliseconds. */
const SOON = 7 * 24 * 3_600_000;
const LOOK_INTERVAL = 10_000;
const RENEW =
  'put a new certificate and its key in the files of --tls-cert and --tls-key: they are read by themselves';

export class CertificateDates {
  readonly #options: CertificateDatesOptions;
  #dates: Dates | undefined;
  #state: State = 'good';
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CertificateDatesOptions) {
    this.#options = options;
  }

  /** When it expires, in milliseconds since 1970; undefined without a certificate. */
  readonly until = (): number | undefined => this.#dates?.until;

  /** Takes the certificate that is served from now on: PEM, with its chain behind it. */
  take(chain: Uint8Array): void {
    this.#dates = readDates(chain);
    this.#state = 'good';
    this.look();
  }

  /** Looks at the clock from now on. */
  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_INTERVAL).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Tells operators what has changed with the time. */
  look(): void {
    const dates = this.#dates;
    if (!dates) return;
    const state = stateOf(dates, this.#options.now().getTime());
    if (state === this.#state && state !== 'good') return;
    this.#state = state;
    this.#tell(dates);
  }

  #tell({ from, until }: Dates): void {
    const { troubles, log } = this.#options;
    const [start, end] = [from, until].map((date) => new Date(date).toISOString());
    switch (this.#state) {
      case 'good':
        troubles.clear('tls-certificate');
        return;
      case 'soon':
        troubles.clear('tls-certificate');
        log.warn({ hint: RENEW }, `the TLS certificate expires on ${end}`);
        return;
      case 'expired': {
        const message = `the TLS certificate expired on ${end}: clients refuse it`;
        log.error({ hint: RENEW }, message);
        troubles.raise('tls-certificate', { message, hint: RENEW });
        return;
      }
      case 'early': {
        const message = `the TLS certificate is not valid before ${start}: clients refuse it until then`;
        const hint = 'check the clock of this machine, or take a certificate that is valid now';
        log.error({ hint }, message);
        troubles.raise('tls-certificate', { message, hint });
      }
    }
  }
}

function stateOf({ from, until }: Dates, now: number): State {
  if (now > until) return 'expired';
  if (now < from) return 'early';
  return until - now < SOON ? 'soon' : 'good';
}

/** Of the first certificate, which is that of the server; undefined where it cannot be read. */
function readDates(chain: Uint8Array): Dates | undefined {
  try {
    const { validFrom, validTo } = new X509Certificate(chain);
    return { from: Date.parse(validFrom), until: Date.parse(validTo) };
  } catch {
    return undefined;
  }
}
