// Everything of the main listener that is not a lookup.
import express, { type Express } from 'express';
import type { StoreUrl } from '../generator/nodes/store-url.ts';
import type { Policy } from '../generator/policy/policy.ts';
import type { ProgramLog } from '../generator/system/program-log.ts';
import type { Refresher } from './follow/refresher.ts';
import { Webhook, type WebhookOptions } from './follow/webhook/webhook.ts';
import { createPageHeaders } from './html/page-headers.ts';
import { Landing } from './landing/landing.ts';
import { PAGE_SOURCES } from './landing/render-page.ts';
import { createClientAddress } from './listen/client-address.ts';
import type { Lookup } from './lookups/lookup.ts';
import { createFailedRequest } from './troubles/failed-request.ts';
import type { Failures } from './troubles/failures.ts';

export interface AppOptions extends Required<
  Pick<WebhookOptions, 'branch' | 'onDelivery' | 'onVerified'>
> {
  readonly refresher: Pick<Refresher, 'store' | 'status' | 'request'>;
  readonly lookup: Lookup;
  readonly webhookSecrets: () => readonly string[];
  /** The policy in force. */
  readonly policy: () => Policy;
  /** Where nodes find the store; undefined if that is not configured. */
  readonly url: StoreUrl | undefined;
  readonly trustedProxies: readonly string[];
  /** Told of what fails unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
  readonly log: ProgramLog;
}

/** The Express app behind the lookup: the page for people, its files, and the webhook. */
export function createApp(options: AppOptions): Express {
  const { refresher, lookup, webhookSecrets, branch, onDelivery, onVerified } = options;
  const { policy, url, trustedProxies, failures, log } = options;
  const app = express();
  app.disable('x-powered-by');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  // Only those proxies are believed when they say that they were asked over TLS.
  if (trustedProxies.length > 0) app.set('trust proxy', [...trustedProxies]);
  app.use(createPageHeaders(PAGE_SOURCES));
  app.use(new Landing({ policy, url, refresher }).handle);
  const webhook = new Webhook({
    secrets: webhookSecrets,
    branch,
    onPush: (commit) => refresher.request('webhook', commit),
    onDelivery,
    onVerified,
    log,
    clientOf: createClientAddress(trustedProxies),
  });
  app.use('/webhook', webhook.createRouter());
  app.use((request, response) => lookup.answerUnknown(request, response));
  app.use(createFailedRequest('a request', { failures, log }));
  return app;
}
