import { imageAt } from '../data/images.ts';
import type { Data } from '../data/open-data.ts';
import type { Answer } from './connection.ts';

/** A request whose answer is known. */
export interface Lookup {
  readonly path: string;
  readonly status: number;
  /** Exactly these bytes. */
  readonly body: Uint8Array;
}

const NOTHING = new Uint8Array();

/** What pulls of the first images ask for: the signature that is there, then the one that is not. */
export async function listLookups(data: Data, images: number): Promise<readonly Lookup[]> {
  const lookups: Lookup[] = [];
  let index = 0;
  for await (const body of data.signatures(images)) {
    const { location, nextLocation } = imageAt(index++);
    lookups.push({ path: `/${location}`, status: 200, body });
    lookups.push({ path: `/${nextLocation}`, status: 404, body: NOTHING });
  }
  return lookups;
}

/** Whether a lookup got the right status and, with 200, the right bytes. */
export function isRight({ status, body }: Lookup, answer: Answer): boolean {
  // The 404 of peers has a page.
  return answer.status === status && (status !== 200 || answer.body.equals(body));
}
