// Tells a server of pushes, as GitHub would. GitHub is another machine, so what can be made ahead
// is made ahead: a processor that it takes here would be missing to what is measured.
import { setTimeout as sleep } from 'node:timers/promises';
import { formatPush } from '../../../test/kit/program/send-push.ts';
import type { Push } from '../data/pushes.ts';
import type { Server } from '../process/serve-lookaside.ts';
import { openConnection } from './connection.ts';
import { formatPost } from './request.ts';

/** A server that is told of pushes. */
export interface Followed extends Server {
  /** That of its webhook. */
  readonly secret: string;
}

/** A push, and the signed delivery that tells of it. */
export interface Delivery {
  readonly push: Push;
  readonly request: string;
}

export interface Pusher {
  readonly prepare: (push: Push) => Delivery;
  /**
   * Sends a delivery, looks the signature up every `interval` milliseconds, and gives those from
   * the 202 to the first 200. Throws if the signature was there before, never comes, or is another
   * one.
   */
  readonly time: (delivery: Delivery, interval: number) => Promise<number>;
  readonly stop: () => Promise<void>;
}

const PATIENCE = 60_000;

/** Connects to the server, for good: deliveries come through proxies that keep their connections. */
export async function openPusher({ baseUrl, secret }: Followed): Promise<Pusher> {
  const [connection, hook] = [await openConnection(baseUrl), await openConnection(baseUrl)];
  return {
    prepare: (push) => ({
      push,
      request: formatPost('/webhook', formatPush({ secret, after: push.commit })),
    }),
    time: async ({ push, request }, interval) => {
      const path = `/${push.location}`;
      const early = await connection.ask(path);
      if (early.status !== 404) throw new Error(`${path}: expected 404, got ${early.status}`);
      const { status, body } = await hook.send(request);
      const accepted = performance.now();
      if (status !== 202)
        throw new Error(`webhook: expected 202, got ${status} ${body.toString()}`);
      for (;;) {
        const answer = await connection.ask(path);
        const took = performance.now() - accepted;
        if (answer.status === 200) {
          if (answer.body.equals(push.signature)) return took;
          throw new Error(`${path}: another signature than the one that was pushed`);
        }
        if (answer.status !== 404 || took > PATIENCE) {
          throw new Error(`${path}: got ${answer.status} after ${Math.round(took)} ms`);
        }
        await sleep(interval);
      }
    },
    stop: async () => {
      connection.close();
      hook.close();
    },
  };
}
