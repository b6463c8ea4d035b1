// A delivery that is passed on to other servers of the store, and what tells that one was.
import type { IncomingHttpHeaders } from 'node:http';

/** A delivery as it came. */
export interface KeptDelivery {
  readonly bytes: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** Marks what was passed on by a peer, and is not passed on again. */
export const RELAYED_HEADER = 'x-lookaside-relayed';
