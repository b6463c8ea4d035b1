// The routes for people: the page at `/`, and below `/nodes/` the files that it speaks of.
import type { Request, RequestHandler, Response } from 'express';
import type { StoreUrl } from '../../generator/nodes/store-url.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Refresher } from '../follow/refresher.ts';
import { READ_METHODS } from '../lookups/answer-headers.ts';
import type { Download } from './downloads.ts';
import { type PolicyFacts, type ServedSummary, createPolicyFacts } from './page-facts.ts';
import { renderPage } from './render-page.ts';
import { KeptFiles, Pages } from './prepared.ts';
import { type StoreAddress, findStoreAddress } from './store-address.ts';

export interface LandingOptions {
  /** The policy in force. */
  readonly policy: () => Policy;
  /** Where nodes find the store; undefined: where the reader found it. */
  readonly url: StoreUrl | undefined;
  readonly refresher: Pick<Refresher, 'store' | 'status'>;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

interface Answer {
  readonly contentType: string;
  readonly body: Buffer;
}

/** What was worked out for one policy. */
interface Kept {
  readonly id: string;
  readonly facts: PolicyFacts;
  /** By the path of a request. */
  readonly downloads: ReadonlyMap<string, Download>;
  readonly files: KeptFiles;
  readonly pages: Pages;
}

/** The page tells ages in days, so it need not be made anew for every reader. Milliseconds. */
const PAGE_AGE = 60_000;
const DOWNLOADS = '/nodes/';

/** Answers these routes; what is none of them is left to the next handler. */
export class Landing {
  readonly #options: LandingOptions;
  #kept: Kept | undefined;

  constructor(options: LandingOptions) {
    this.#options = options;
  }

  readonly handle: RequestHandler = (request, response, next) => {
    const answer = this.#findAnswer(request);
    if (answer) send(request, response, answer);
    else next();
  };

  #findAnswer({ path, protocol, headers }: Request): Answer | undefined {
    if (path !== '/' && !path.startsWith(DOWNLOADS)) return undefined;
    const kept = this.#readKept();
    const download = kept.downloads.get(path);
    if (path !== '/' && !download) return undefined;
    const scheme = protocol === 'https' ? 'https' : 'http';
    const address = findStoreAddress(this.#options.url, scheme, headers.host);
    return download
      ? { contentType: download.contentType, body: kept.files.read(download, address) }
      : { contentType: 'text/html; charset=utf-8', body: this.#readPage(kept, address) };
  }

  #readPage({ facts, pages }: Kept, address: StoreAddress): Buffer {
    const { refresher, now = Date.now } = this.#options;
    const { generation } = refresher.status();
    const minute = Math.floor(now() / PAGE_AGE);
    return pages.read(address, { generation: generation?.number, minute }, (shown) => {
      const served = readServed(refresher);
      return renderPage({ ...facts, ...shown, served, now: new Date(minute * PAGE_AGE) });
    });
  }

  /** What the policy in force gives, worked out once for each policy. */
  #readKept(): Kept {
    const policy = this.#options.policy();
    if (this.#kept?.id === policy.id) return this.#kept;
    const facts = createPolicyFacts(policy);
    const downloads = new Map(facts.downloads.map((one) => [`/${one.path}`, one]));
    const { id } = policy;
    this.#kept = { id, facts, downloads, files: new KeptFiles(), pages: new Pages() };
    return this.#kept;
  }
}

function readServed({ store, status }: LandingOptions['refresher']): ServedSummary | undefined {
  const { signatures = 0, repositories = 0 } = store() ?? {};
  const { generation } = status();
  return generation ? { ...generation, signatures, repositories } : undefined;
}

function send({ method }: Request, response: Response, { contentType, body }: Answer): void {
  response.set('Cache-Control', 'no-store');
  if (method !== 'GET' && method !== 'HEAD') {
    response.status(405).set('Allow', READ_METHODS).end();
    return;
  }
  response.set('Content-Type', contentType).set('Content-Length', String(body.length));
  response.end(method === 'HEAD' ? undefined : body);
}
