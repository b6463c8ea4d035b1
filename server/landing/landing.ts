// The routes for people: the page at `/`, and below `/nodes/` the files that it speaks of.
import type { Request, RequestHandler, Response } from 'express';
import type { StoreUrl } from '../../generator/nodes/store-url.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Refresher } from '../follow/refresher.ts';
import type { Download } from './downloads.ts';
import { type PolicyFacts, createPolicyFacts } from './page-facts.ts';
import { renderPage } from './render-page.ts';
import type { ServedCounts } from './render-overview.ts';
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

/** Days are told on the page; it need not be made anew for every reader. Milliseconds. */
const PAGE_AGE = 60_000;
const DOWNLOADS = '/nodes/';

/** Makes the handler of these routes; what is none of them is left to the next one. */
export function createLanding(options: LandingOptions): RequestHandler {
  const { policy, url, refresher, now = () => Date.now() } = options;
  const readKept = createKept(policy);

  const findAnswer = ({ path, protocol, headers }: Request): Answer | undefined => {
    if (path !== '/' && !path.startsWith(DOWNLOADS)) return undefined;
    const kept = readKept();
    const download = kept.downloads.get(path);
    if (path !== '/' && !download) return undefined;
    const scheme = protocol === 'https' ? 'https' : 'http';
    const address = findStoreAddress(url, scheme, headers.host);
    if (download) {
      return { contentType: download.contentType, body: kept.files.read(download, address) };
    }
    const { generation } = refresher.status();
    const minute = Math.floor(now() / PAGE_AGE);
    const render = (shown: StoreAddress): string => {
      const facts = { ...kept.facts, ...shown, served: readServed(refresher) };
      return renderPage({ ...facts, now: new Date(minute * PAGE_AGE) });
    };
    const body = kept.pages.read(address, { generation: generation?.number, minute }, render);
    return { contentType: 'text/html; charset=utf-8', body };
  };

  return (request, response, next) => {
    const answer = findAnswer(request);
    if (answer) send(request, response, answer);
    else next();
  };
}

function readServed({ store, status }: LandingOptions['refresher']): ServedCounts | undefined {
  const { signatures = 0, repositories = 0 } = store() ?? {};
  const { generation } = status();
  return generation ? { ...generation, signatures, repositories } : undefined;
}

function send({ method }: Request, response: Response, { contentType, body }: Answer): void {
  response.set('Cache-Control', 'no-store');
  if (method !== 'GET' && method !== 'HEAD') {
    response.status(405).set('Allow', 'GET, HEAD').end();
    return;
  }
  response.set('Content-Type', contentType).set('Content-Length', String(body.length));
  response.end(method === 'HEAD' ? undefined : body);
}

/** Gives the function that works out what the policy in force gives, once for each. */
function createKept(policy: () => Policy): () => Kept {
  let kept: Kept | undefined;
  return () => {
    const inForce = policy();
    if (kept?.id !== inForce.id) {
      const facts = createPolicyFacts(inForce);
      const downloads = new Map(facts.downloads.map((one) => [`/${one.path}`, one]));
      kept = {
        id: inForce.id,
        facts,
        downloads,
        files: new KeptFiles(),
        pages: new Pages(),
      };
    }
    return kept;
  };
}
