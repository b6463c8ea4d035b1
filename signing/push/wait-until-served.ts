// Waits until a store serves what was pushed. A store renumbers what has holes, so that a signature is
// looked for under every number that the directory has.
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_SIGNATURES } from '../../generator/store/numbering.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { RepositoryError } from '../target/repository-error.ts';

/** What a store is to serve. */
export interface AwaitedSignature {
  /** `[prefix/]namespace/repo@sha256=HEX`, below the store's address. */
  readonly directory: string;
  readonly bytes: Uint8Array;
}

export interface WaitOptions {
  /** The store's address, without a slash at the end. */
  readonly store: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly ending?: AbortSignal | undefined;
}

/** Between two looks at what was missing. Milliseconds. */
const PAUSE = 250;
const PATIENCE = 10_000;

/**
 * Waits until all of them are served with these bytes; gives how long that took, in milliseconds.
 * @throws RepositoryError when the time is over, with what the store said last
 */
export async function waitUntilServed(
  awaited: readonly AwaitedSignature[],
  { store, timeout, ending }: WaitOptions,
): Promise<number> {
  const start = performance.now();
  let missing = awaited;
  for (;;) {
    let last = '';
    const left: AwaitedSignature[] = [];
    for (const one of missing) {
      const fault = await findFault(one, store, ending);
      if (fault === undefined) continue;
      left.push(one);
      last = fault;
    }
    missing = left;
    const taken = performance.now() - start;
    if (missing.length === 0) return taken;
    if (taken > timeout) {
      const count = missing.length === 1 ? '1 signature is' : `${missing.length} signatures are`;
      throw new RepositoryError(`${store}: ${count} pushed, but not served yet: ${last}`, {
        hint: 'see whether the store follows this branch, or wait longer with --timeout',
      });
    }
    await sleep(PAUSE, undefined, { signal: ending });
  }
}

/** Why a signature is not served yet; undefined if it is. */
async function findFault(
  { directory, bytes }: AwaitedSignature,
  store: string,
  ending: AbortSignal | undefined,
): Promise<string | undefined> {
  for (let number = 1; number <= MAX_SIGNATURES; number++) {
    const location = formatLocation(directory, number);
    try {
      const limit = AbortSignal.timeout(PATIENCE);
      const response = await fetch(`${store}/${encodeURI(location)}`, {
        signal: ending ? AbortSignal.any([ending, limit]) : limit,
      });
      const body = new Uint8Array(await response.arrayBuffer());
      if (response.status !== 200) return `${response.status} for ${location}`;
      if (Buffer.compare(body, bytes) === 0) return undefined;
    } catch (error) {
      ending?.throwIfAborted();
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      return messageOf(cause);
    }
  }
  return `${formatLocation(directory, MAX_SIGNATURES)} is another signature`;
}
