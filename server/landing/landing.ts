// The routes for people: the page at `/`, and below `/nodes/` the files that it speaks of.
import { type Request, type Response, Router } from 'express';
import type { StoreUrl } from '../../generator/node-config/store-url.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import type { Refresher } from '../refresher.ts';
import { type PolicyFacts, createPolicyFacts } from './page-facts.ts';
import { renderPage } from './render-page.ts';
import { findStoreAddress } from './store-address.ts';

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

/** Facts are kept for so many addresses: a client may send any Host. */
const KEPT_ADDRESSES = 16;
const DOWNLOADS = '/nodes/';

/** Makes the routes; what they do not know is left to the next ones. */
export function createLanding({ policy, url, refresher }: LandingOptions): Router {
  const factsFor = createFactsCache();

  const findAnswer = (request: Request): Answer | undefined => {
    const { path, protocol } = request;
    if (path !== '/' && !path.startsWith(DOWNLOADS)) return undefined;
    const scheme = protocol === 'https' ? 'https' : 'http';
    const address = findStoreAddress(url, scheme, request.get('host'));
    const facts = factsFor(policy(), address.url);
    if (path !== '/') {
      const download = facts.downloads.find((one) => `/${one.path}` === path);
      return download && { ...download, body: Buffer.from(download.bytes) };
    }
    const store = refresher.store();
    const { generation } = refresher.status();
    const { signatures = 0, repositories = 0 } = store ?? {};
    const served = generation ? { ...generation, signatures, repositories } : undefined;
    const page = renderPage({ ...facts, origin: address.origin, served, now: new Date() });
    return { contentType: 'text/html; charset=utf-8', body: Buffer.from(page) };
  };

  const router = Router();
  router.use((request, response, next) => {
    const answer = findAnswer(request);
    if (answer) send(request, response, answer);
    else next();
  });
  return router;
}

function send({ method }: Request, response: Response, { contentType, body }: Answer): void {
  response.set('Cache-Control', 'no-store');
  if (method !== 'GET' && method !== 'HEAD') {
    response.status(405).set('Allow', 'GET, HEAD').end();
    return;
  }
  response.set('Content-Type', contentType).send(body);
}

/** Gives the function that works facts out once for a policy and an address. */
function createFactsCache(): (policy: Policy, url: StoreUrl) => PolicyFacts {
  const known = new Map<string, PolicyFacts>();
  return (policy, url) => {
    const key = JSON.stringify([policy.id, url]);
    const facts = known.get(key) ?? createPolicyFacts(policy, url);
    // Those asked for last are kept.
    known.delete(key);
    known.set(key, facts);
    const [oldest = ''] = known.keys();
    if (known.size > KEPT_ADDRESSES) known.delete(oldest);
    return facts;
  };
}
