import { setTimeout as sleep } from 'node:timers/promises';
import { formatPush } from '../../../test/e2e/send-push.ts';
import type { Push } from '../data/pushes.ts';
import type { Server } from '../process/serve-lookaside.ts';
import { openConnection } from './connection.ts';
import { formatPost } from './request.ts';

/** A server that is told of pushes. */
export interface Followed extends Server {
  /** That of its webhook. */
  readonly secret: string;
}

const PATIENCE = 60_000;

/**
 * Tells the server of a push and gives the milliseconds from its 202 to the first 200 of the
 * signature. Throws if the signature was there before, never comes, or is another one.
 */
export async function timePush(server: Followed, push: Push): Promise<number> {
  const { baseUrl, secret } = server;
  const path = `/${push.location}`;
  const delivery = formatPost('/webhook', formatPush({ secret, after: push.commit }));
  // Not by fetch(): what a sender costs is taken from the server here.
  const [connection, hook] = [await openConnection(baseUrl), await openConnection(baseUrl)];
  try {
    const early = await connection.ask(path);
    if (early.status !== 404) throw new Error(`${path}: expected 404, got ${early.status}`);
    const { status, body } = await hook.send(delivery);
    const accepted = performance.now();
    if (status !== 202) throw new Error(`webhook: expected 202, got ${status} ${body.toString()}`);
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
      // Lookups without a pause would take a core away from what is measured.
      await sleep(1);
    }
  } finally {
    connection.close();
    hook.close();
  }
}
