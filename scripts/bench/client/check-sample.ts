import type { Server } from '../process/serve-lookaside.ts';
import { openConnection } from './connection.ts';
import { type Lookup, isRight } from './lookups.ts';

const SAMPLE = 200;

/** Throws if a server gives anything but the right answers: figures of wrong work are worthless. */
export async function checkSample(server: Server, lookups: readonly Lookup[]): Promise<void> {
  const connection = await openConnection(server.baseUrl);
  try {
    const step = Math.max(1, Math.floor(lookups.length / SAMPLE)) | 1;
    for (let at = 0; at < lookups.length; at += step) {
      const lookup = lookups[at];
      if (!lookup) continue;
      const answer = await connection.ask(lookup.path);
      if (isRight(lookup, answer)) continue;
      const got = `${answer.status} with ${answer.body.length} bytes`;
      throw new Error(`${server.name}: ${lookup.path}: expected ${lookup.status}, got ${got}`);
    }
  } finally {
    connection.close();
  }
}
