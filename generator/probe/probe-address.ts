// Asks one address of a store what nodes ask, and a few things around it. Nothing that it asks of a
// Lookaside is counted as a missing signature: it asks for numbers behind the first of an image that
// there is not, as every pull does at its end.
import pMap from 'p-map';
import { formatDirectory, formatLocation } from '../terms/location.ts';
import { type ProbedStore, formatQuestion } from './store-address.ts';
import { MOST_CONNECTIONS } from './address-agent.ts';
import { type Asked, type StoreAnswer, isAnswer } from './answering.ts';
import { GoClient } from './go-client.ts';
import {
  type ProbeFault,
  describeStatus,
  isListing,
  judgeKept,
  judgeMissing,
} from './judge-answer.ts';
import { type TlsQuestion, inspectTls, speaksOnlyHttp2 } from './inspect-tls.ts';
import { type ProbeFinding, type ProbeParticulars, createProbeFinding } from './probe-finding.ts';

export interface AddressOptions {
  readonly store: ProbedStore;
  readonly address: string;
  readonly trusted: readonly string[] | undefined;
  readonly expiryWarning: number;
  readonly now: Date;
  /** For one answer, in milliseconds. */
  readonly patience: number;
  /** From when on an answer is slow, in milliseconds. */
  readonly slowAfter: number;
  /** Before a question is repeated, in milliseconds; more than a second, for caches to count it. */
  readonly pause: number;
  readonly ending: AbortSignal;
  /** The digest of an image that there is not, in hexadecimal digits. */
  readonly missingHex: string;
}

/** An image that no one has. */
const MISSING_REPOSITORY = 'lookaside-probe/missing';
/** A lookup of the first number would be one of a missing signature. */
const SECOND = 2;
/** Names that bot rules let pass. */
const OTHER_AGENTS = [
  'curl/8.5.0',
  'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
];
/** Requests at once, as a node makes them that starts with many images. */
const BURST = 20;
/** Those for which there is no use to ask in another way. */
const WITHOUT_CONNECTION: ReadonlySet<string> = new Set(['unreachable', 'tls-handshake']);

export class AddressProbe {
  readonly client: GoClient;
  readonly findings: ProbeFinding[] = [];
  readonly options: AddressOptions;
  /** What comes for a signature that is not there. */
  missing: Asked | undefined;
  readonly #tls: TlsQuestion;

  constructor(options: AddressOptions) {
    const { store, address, patience, ending } = options;
    this.options = options;
    this.client = new GoClient({ address, host: store.url.host, patience, ending });
    this.#tls = { ...options, url: store.url };
  }

  /** Whether somebody takes connections there. */
  get isReachable(): boolean {
    return (
      this.missing !== undefined && (isAnswer(this.missing) || this.missing.failed !== 'connect')
    );
  }

  /** Whether it is this machine that has no way to it. */
  get hasNoRoute(): boolean {
    return (
      this.missing !== undefined && !isAnswer(this.missing) && this.missing.hasNoRoute === true
    );
  }

  /** Asks for what is not there, in several ways. */
  async run(): Promise<void> {
    if (this.options.store.url.protocol === 'https:') {
      for (const { code, got } of await inspectTls(this.#tls)) this.tell(code, { got });
    }
    const path = this.#missingPath(SECOND);
    const first = await this.ask(path);
    this.missing = first;
    const fault = judgeMissing(first);
    if (fault) {
      this.#tellFault(await this.#explain(fault, path), path);
      return;
    }
    if (isAnswer(first)) await this.#look(first, path);
  }

  /** Asks as nodes do, for a path below the store's address. */
  async ask(path: string): Promise<Asked> {
    const asked = await this.client.ask(formatQuestion(this.options.store, path));
    if (!isAnswer(asked)) return asked;
    const { status, milliseconds, hops, isRetried } = asked;
    if (milliseconds > this.options.slowAfter) {
      this.tell('slow', {
        got: `an answer after ${(milliseconds / 1000).toFixed(1)} s`,
        asked: path,
      });
    }
    if (isRetried) {
      this.tell('keep-alive-broken', { got: 'a kept connection that was closed', asked: path });
    }
    if (hops.length > 0 && status === 404) this.#tellRedirect(hops, path);
    return asked;
  }

  /** `asked` is a path below the store's address. */
  tell(code: ProbeFinding['code'], { asked, ...rest }: ProbeParticulars): void {
    const { address, store } = this.options;
    const shown = asked === undefined ? {} : { asked: `GET ${formatQuestion(store, asked, true)}` };
    this.findings.push(createProbeFinding(code, { ...rest, ...shown, address }));
  }

  #missingPath(number: number): string {
    return formatLocation(formatDirectory(MISSING_REPOSITORY, this.options.missingHex), number);
  }

  #tellFault({ code, got }: ProbeFault, asked: string): void {
    this.tell(code, { got, asked, severity: code === 'double-slash' ? 'fails' : undefined });
  }

  #tellRedirect(hops: readonly string[], asked: string): void {
    const [first] = hops;
    const { protocol } = this.options.store.url;
    const isDowngrade = protocol === 'https:' && hops.some((hop) => hop.startsWith('http:'));
    const hint =
      first === undefined
        ? undefined
        : `Write the address to which it leads, at ${new URL(first).origin}, into \`registries.d\`.`;
    const got = `a redirect to ${hops.join(', then ')}`;
    if (isDowngrade) this.tell('redirect-to-http', { got, asked });
    else this.tell('redirect', { got, asked, hint });
  }

  /** Finds out whether another question gets a better answer, which says more than the fault alone. */
  async #explain(fault: ProbeFault, path: string): Promise<ProbeFault> {
    if (WITHOUT_CONNECTION.has(fault.code)) return fault;
    const { store } = this.options;
    if (store.url.protocol === 'https:' && (await speaksOnlyHttp2(this.#tls))) {
      return { code: 'http2-only', got: 'HTTP/2, and no HTTP/1.1' };
    }
    const welcome = await this.#findWelcomeAgent(formatQuestion(store, path));
    if (welcome !== undefined) {
      return { code: 'agent-refused', got: `${fault.got}; ${welcome} gets 404` };
    }
    if (fault.code === 'no-answer') return fault;
    if (
      store.slashes !== '' &&
      (await this.#isMissing(formatQuestion({ ...store, slashes: '' }, path)))
    ) {
      return { code: 'double-slash', got: `${fault.got}; without the slash at the end it is 404` };
    }
    const control = formatLocation(`${MISSING_REPOSITORY}/${this.options.missingHex}`, SECOND);
    if (await this.#isMissing(formatQuestion(store, control))) {
      return { code: 'at-sign-refused', got: `${fault.got}; a path without @ and = gets 404` };
    }
    return fault;
  }

  /** Who gets a 404 while nodes get none; undefined if nobody does, or nodes do by now. */
  async #findWelcomeAgent(href: string): Promise<string | undefined> {
    for (const userAgent of OTHER_AGENTS) {
      const asked = await this.client.ask(href, { userAgent });
      if (!judgeMissing(asked)) return (await this.#isMissing(href)) ? undefined : userAgent;
      // Whoever gives no answer would let all of them wait.
      if (!isAnswer(asked) && asked.failed === 'silence') return undefined;
    }
    return undefined;
  }

  async #isMissing(href: string): Promise<boolean> {
    return judgeMissing(await this.client.ask(href)) === undefined;
  }

  /** What is around a good 404. */
  async #look(first: StoreAnswer, path: string): Promise<void> {
    if (!first.isKept)
      this.tell('no-keep-alive', { got: 'a connection that is closed', asked: path });
    else if (first.hasBody) {
      const length = first.headers['content-length'];
      const got = length === undefined ? 'a body without a length' : `a body of ${length} bytes`;
      this.tell('missing-has-body', { got, asked: path });
    }
    // Whatever is asked next would meet the same limit.
    if (await this.#meetsLimit()) return;
    await pass(this.options.pause, this.options.ending);
    const again = await this.ask(path);
    const fault = judgeMissing(again) ?? (isAnswer(again) ? judgeKept(first, again) : undefined);
    if (fault) this.#tellFault(fault, path);
    const head = await this.client.ask(formatQuestion(this.options.store, path), {
      method: 'HEAD',
    });
    if (!isAnswer(head) || head.status !== first.status) {
      const got = isAnswer(head) ? describeStatus(head) : head.message;
      this.tell('head-differs', { got: `${got} for HEAD, 404 for GET`, asked: path });
    }
    await this.#lookForListing();
  }

  /** Whether some of many quick requests are refused. */
  async #meetsLimit(): Promise<boolean> {
    const numbers = Array.from({ length: BURST }, (_, index) => SECOND + 1 + index);
    const faults = await pMap(
      numbers,
      async (number) => judgeMissing(await this.ask(this.#missingPath(number))),
      { concurrency: MOST_CONNECTIONS },
    );
    const bad = faults.filter((fault) => fault !== undefined);
    const [one] = bad;
    if (!one) return false;
    const got = `for ${bad.length} of ${BURST} requests, ${MOST_CONNECTIONS} at a time: ${one.got}`;
    this.tell('rate-limited', { got, asked: this.#missingPath(SECOND + 1) });
    return true;
  }

  async #lookForListing(): Promise<void> {
    const { store } = this.options;
    const asked = await this.client.ask(formatQuestion({ ...store, slashes: '' }, ''));
    if (!isAnswer(asked) || asked.status !== 200 || !isListing(asked.body)) return;
    this.tell('listing', { got: 'a list of files', asked: '' });
  }
}

async function pass(milliseconds: number, ending: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(end, milliseconds);
    ending.addEventListener('abort', end);
    function end(): void {
      clearTimeout(timer);
      ending.removeEventListener('abort', end);
      resolve();
    }
  });
}
