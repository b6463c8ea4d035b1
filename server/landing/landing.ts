// The routes for people: the page at `/`, and below `/nodes/` the files that it speaks of.
import type { Request, RequestHandler, Response } from 'express';
import type { StoreUrl } from '../../generator/nodes/store-url.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Refresher } from '../follow/refresher.ts';
import { findAskedScopes, readScopeNames } from './asked-scopes.ts';
import { READ_METHODS } from '../lookups/answer-headers.ts';
import type { Download } from './downloads.ts';
import { type NodeGuide, createNodeGuide } from './node-guide.ts';
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
  readonly status?: 200 | 400 | 404;
  readonly contentType: string;
  readonly body: Buffer;
}

/** What was worked out for one policy. */
interface Kept {
  readonly id: string;
  readonly policy: Policy;
  readonly guide: NodeGuide;
  readonly facts: PolicyFacts;
  /** By the path of a request. */
  readonly downloads: ReadonlyMap<string, Download>;
  readonly files: KeptFiles;
  readonly pages: Pages;
}

/** The page tells ages in days, so it need not be made anew for every reader. Milliseconds. */
const PAGE_AGE = 60_000;
const DOWNLOADS = '/nodes/';
const ASKED = `${DOWNLOADS}scopes/`;
/** Longer than the names of scopes that are taken at once, in characters. */
const MOST_ASKED = 4096;
const HTML = 'text/html; charset=utf-8';

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

  #findAnswer({ path, protocol, headers, query }: Request): Answer | undefined {
    if (path !== '/' && !path.startsWith(DOWNLOADS)) return undefined;
    const kept = this.#readKept();
    const download = kept.downloads.get(path) ?? findAskedFile(path, kept);
    if (path !== '/' && !download) return undefined;
    const scheme = protocol === 'https' ? 'https' : 'http';
    const address = findStoreAddress(this.#options.url, scheme, headers.host);
    if (download) {
      return { contentType: download.contentType, body: kept.files.read(download, address) };
    }
    const asked = query['scope'];
    if (typeof asked === 'string' && asked.length <= MOST_ASKED) {
      return this.#answerQuestion(asked, kept, address);
    }
    return { contentType: HTML, body: this.#readPage(kept, address) };
  }

  /** The way of a node to ask for signatures of what a reader has named. */
  #answerQuestion(text: string, { policy, guide, facts }: Kept, address: StoreAddress): Answer {
    const { refresher, now = Date.now } = this.#options;
    const names = readScopeNames(text);
    const answer = typeof names === 'string' ? names : findAskedScopes(names, policy, guide);
    const served = readServed(refresher);
    const page = renderPage({
      ...facts,
      ...address,
      served,
      now: new Date(now()),
      question: { text, answer },
    });
    const body = Buffer.from(page);
    if (typeof answer !== 'string') return { contentType: HTML, body };
    return { status: typeof names === 'string' ? 400 : 404, contentType: HTML, body };
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
    const guide = createNodeGuide(policy);
    const facts = createPolicyFacts(policy, guide);
    const all = [...facts.way, ...facts.downloads];
    const downloads = new Map(all.map((one) => [`/${one.path}`, one]));
    const [files, pages] = [new KeptFiles(), new Pages()];
    this.#kept = { id: policy.id, policy, guide, facts, downloads, files, pages };
    return this.#kept;
  }
}

/** A file for scopes that a reader has named: `/nodes/scopes/NAME[,NAME…]/policy.json`. */
function findAskedFile(path: string, { policy, guide }: Kept): Download | undefined {
  if (!path.startsWith(ASKED) || path.length > MOST_ASKED) return undefined;
  const names = readScopeNames(path.slice(ASKED.length, path.lastIndexOf('/')));
  if (typeof names === 'string') return undefined;
  const asked = findAskedScopes(names, policy, guide);
  if (typeof asked === 'string') return undefined;
  return asked.downloads.find((one) => `/${one.path}` === path);
}

function readServed({ store, status }: LandingOptions['refresher']): ServedSummary | undefined {
  const served = store();
  const { generation } = status();
  if (!generation) return undefined;
  const { signatures = 0, repositories = 0 } = served ?? {};
  const isInUse = (subkey: string): boolean => served?.hasSigned(subkey) ?? false;
  return { ...generation, signatures, repositories, isInUse };
}

function send(
  { method }: Request,
  response: Response,
  { status = 200, contentType, body }: Answer,
): void {
  response.set('Cache-Control', 'no-store');
  if (method !== 'GET' && method !== 'HEAD') {
    response.status(405).set('Allow', READ_METHODS).end();
    return;
  }
  response
    .status(status)
    .set('Content-Type', contentType)
    .set('Content-Length', String(body.length));
  response.end(method === 'HEAD' ? undefined : body);
}
