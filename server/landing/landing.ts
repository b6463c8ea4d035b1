// The routes for people: the page at `/`, and below `/nodes/` the files that it speaks of.
import type { Request, RequestHandler, Response } from 'express';
import type { StoreUrl } from '../../generator/node-config/store-url.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Refresher } from '../refresher.ts';
import { type PolicyFacts, createPolicyFacts } from './page-facts.ts';
import { renderPage } from './render-page.ts';
import type { Served } from './render-overview.ts';
import { type StoreAddress, findStoreAddress } from './store-address.ts';

export interface LandingOptions {
  /** The policy in force. */
  readonly policy: () => Policy;
  /** Where nodes find the store; undefined: where the reader found it. */
  readonly url: StoreUrl | undefined;
  readonly refresher: Pick<Refresher, 'store' | 'status'>;
}

interface Answer {
  readonly contentType: string;
  readonly body: Buffer;
}

/** What was worked out for one policy and one address. */
interface Kept {
  readonly facts: PolicyFacts;
  /** The page as it was last asked for, and what it was made from. */
  page: { readonly stamp: string; readonly body: Buffer } | undefined;
}

/** A client may send any Host: so many addresses are kept. */
const KEPT_ADDRESSES = 16;
/** Days are told on the page; it need not be made anew for every reader. Milliseconds. */
const PAGE_AGE = 60_000;
const DOWNLOADS = '/nodes/';

/** Makes the handler of these routes; what is none of them is left to the next one. */
export function createLanding({ policy, url, refresher }: LandingOptions): RequestHandler {
  const keptFor = createKept();

  const findAnswer = ({ path, protocol, headers }: Request): Answer | undefined => {
    if (path !== '/' && !path.startsWith(DOWNLOADS)) return undefined;
    const scheme = protocol === 'https' ? 'https' : 'http';
    const address = findStoreAddress(url, scheme, headers.host);
    const kept = keptFor(policy(), address.url);
    if (path === '/') {
      const body = renderKept(kept, address.origin, readServed(refresher));
      return { contentType: 'text/html; charset=utf-8', body };
    }
    const download = kept.facts.downloads.find((one) => `/${one.path}` === path);
    return download && { ...download, body: Buffer.from(download.bytes) };
  };

  return (request, response, next) => {
    const answer = findAnswer(request);
    if (answer) send(request, response, answer);
    else next();
  };
}

function readServed({ store, status }: LandingOptions['refresher']): Served | undefined {
  const { signatures = 0, repositories = 0 } = store() ?? {};
  const { generation } = status();
  return generation ? { ...generation, signatures, repositories } : undefined;
}

function renderKept(
  kept: Kept,
  origin: StoreAddress['origin'],
  served: Served | undefined,
): Buffer {
  const now = new Date();
  const stamp = JSON.stringify([origin, served, Math.floor(now.getTime() / PAGE_AGE)]);
  if (kept.page?.stamp !== stamp) {
    const body = Buffer.from(renderPage({ ...kept.facts, origin, served, now }));
    kept.page = { stamp, body };
  }
  return kept.page.body;
}

function send({ method }: Request, response: Response, { contentType, body }: Answer): void {
  response.set('Cache-Control', 'no-store');
  if (method !== 'GET' && method !== 'HEAD') {
    response.status(405).set('Allow', 'GET, HEAD').end();
    return;
  }
  response.set('Content-Type', contentType).send(body);
}

/** Gives the function that works out what a policy and an address give, once. */
function createKept(): (policy: Policy, url: StoreUrl) => Kept {
  const known = new Map<string, Kept>();
  return (policy, url) => {
    const key = JSON.stringify([policy.id, url]);
    const kept = known.get(key) ?? { facts: createPolicyFacts(policy, url), page: undefined };
    // Those asked for last are kept.
    known.delete(key);
    known.set(key, kept);
    const [oldest = ''] = known.keys();
    if (known.size > KEPT_ADDRESSES) known.delete(oldest);
    return kept;
  };
}
