import { once } from 'node:events';
import { createServer } from 'node:http';
import express from 'express';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { WEBHOOK_FORGES } from '../../../server/follow/webhook/proofs/webhook-forges.ts';
import { Webhook, type WebhookOptions } from '../../../server/follow/webhook/webhook.ts';
import { type CapturedLines, captureLines } from './captured-lines.ts';

export interface ListeningWebhook {
  readonly url: string;
  /** What it has asked for: the commit, or nothing for any. */
  readonly pushes: (string | undefined)[];
  /** `forge result` of each delivery. */
  readonly deliveries: string[];
  readonly log: CapturedLines;
  readonly close: () => void;
}

export interface ListeningWebhookOptions extends Partial<WebhookOptions> {
  /** As of Express: who is believed to speak for clients. */
  readonly trustedProxies?: readonly string[];
}

/** A webhook on a port of its own, which follows `main` and takes all forges unless told otherwise. */
export async function listenWebhook(options: ListeningWebhookOptions): Promise<ListeningWebhook> {
  const log = captureLines();
  const pushes: (string | undefined)[] = [];
  const deliveries: string[] = [];
  const webhook = new Webhook({
    secrets: () => [],
    forges: WEBHOOK_FORGES,
    branch: () => 'main',
    onPush: (commit) => void pushes.push(commit),
    onDelivery: (result, forge) => void deliveries.push(`${forge} ${result}`),
    log: createProgramLog(log.stream),
    clientOf: () => '-',
    now: () => new Date(),
    ...options,
  });
  const app = express();
  if (options.trustedProxies) app.set('trust proxy', [...options.trustedProxies]);
  const server = createServer(app.use('/webhook', webhook.createRouter()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  const url = `http://127.0.0.1:${address.port}`;
  return { url, pushes, deliveries, log, close: () => server.close() };
}
