// The routes for people: the page at `/`, and below `/nodes/` the files that it speaks of.
import type { Request, RequestHandler, Response } from 'express';
import type { StoreUrl } from '../../generator/node-config/store-url.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Refresher } from '../refresher.ts';
import type { Download } from './downloads.ts';
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

/** A page as it was last asked for, and what it was made from. */
interface Page {
  readonly stamp: string;
  readonly body: Buffer;
}

/** What was worked out for one policy. */
interface Kept {
  readonly id: string;
  readonly facts: PolicyFacts;
  /** By the path of a request. */
  readonly downloads: ReadonlyMap<string, Download>;
  /** By the address that they name; the one asked for last is the last. */
  readonly pages: Map<string, Page>;
}

/** A client may send any Host: pages for so many addresses are kept. */
const KEPT_PAGES = 16;
/** Days are told on the page; it need not be made anew for every reader. Milliseconds. */
const PAGE_AGE = 60_000;
const DOWNLOADS = '/nodes/';

/** Makes the handler of these routes; what is none of them is left to the next one. */
export function createLanding({ policy, url, refresher }: LandingOptions): RequestHandler {
  const readKept = createKept(policy);

  const findAnswer = ({ path, protocol, headers }: Request): Answer | undefined => {
    if (path !== '/' && !path.startsWith(DOWNLOADS)) return undefined;
    const kept = readKept();
    const download = kept.downloads.get(path);
    if (path !== '/' && !download) return undefined;
    const scheme = protocol === 'https' ? 'https' : 'http';
    const address = findStoreAddress(url, scheme, headers.host);
    if (download) {
      const { contentType, bytesFor } = download;
      return { contentType, body: Buffer.from(bytesFor(address.url)) };
    }
    const body = renderKept(kept, address, readServed(refresher));
    return { contentType: 'text/html; charset=utf-8', body };
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
  { facts, pages }: Kept,
  address: StoreAddress,
  served: Served | undefined,
): Buffer {
  const now = new Date(Math.floor(Date.now() / PAGE_AGE) * PAGE_AGE);
  const key = JSON.stringify(address);
  const stamp = JSON.stringify([served, now]);
  const known = pages.get(key);
  const page =
    known?.stamp === stamp
      ? known
      : { stamp, body: Buffer.from(renderPage({ ...facts, ...address, served, now })) };
  pages.delete(key);
  pages.set(key, page);
  const [oldest = ''] = pages.keys();
  if (pages.size > KEPT_PAGES) pages.delete(oldest);
  return page.body;
}

function send({ method }: Request, response: Response, { contentType, body }: Answer): void {
  response.set('Cache-Control', 'no-store');
  if (method !== 'GET' && method !== 'HEAD') {
    response.status(405).set('Allow', 'GET, HEAD').end();
    return;
  }
  response.set('Content-Type', contentType).send(body);
}

/** Gives the function that works out what the policy in force gives, once for each. */
function createKept(policy: () => Policy): () => Kept {
  let kept: Kept | undefined;
  return () => {
    const inForce = policy();
    if (kept?.id !== inForce.id) {
      const facts = createPolicyFacts(inForce);
      const downloads = new Map(facts.downloads.map((one) => [`/${one.path}`, one]));
      kept = { id: inForce.id, facts, downloads, pages: new Map() };
    }
    return kept;
  };
}
