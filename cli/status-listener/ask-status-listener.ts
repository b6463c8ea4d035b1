// One question to the status listener of a running server.
import { messageOf } from '../../generator/terms/errors.ts';
import { toLine } from '../../generator/terms/text.ts';
import { UsageError } from '../base/usage-error.ts';
import { SERVER_HINT } from './parse-server.ts';

/** Far more than any answer needs. Bytes. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const TRUST_HINT = 'name the file of its CA in NODE_EXTRA_CA_CERTS';

/** An answer, whatever it is. */
export interface StatusAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Asks the status listener of a server, for `timeLimit` milliseconds at most.
 * @throws UsageError where it does not answer, or with more than any question needs
 */
export async function askStatusListener(
  url: URL,
  ending: AbortSignal,
  timeLimit: number,
): Promise<StatusAnswer> {
  // Not AbortSignal.any: Node 20 may collect what it makes before it is aborted.
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error('interrupted'));
  const timer = setTimeout(() => stopping.abort(new Error('no answer in time')), timeLimit);
  if (ending.aborted) stop();
  ending.addEventListener('abort', stop);
  try {
    const response = await fetch(url, { redirect: 'error', signal: stopping.signal });
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of response.body ?? []) {
      size += piece.length;
      if (size > MAX_ANSWER_BYTES) throw new Error('the answer is too large');
      pieces.push(piece);
    }
    return { status: response.status, text: Buffer.concat(pieces).toString() };
  } catch (cause) {
    // fetch says only that it failed; why is within.
    const inner = cause instanceof Error && cause.cause ? cause.cause : cause;
    throw new UsageError(
      `cannot ask the server at ${url.origin}: ${toLine(messageOf(inner))}`,
      isDistrust(inner) ? TRUST_HINT : SERVER_HINT,
      { cause },
    );
  } finally {
    clearTimeout(timer);
    ending.removeEventListener('abort', stop);
  }
}

function isDistrust(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /CERT|UNABLE_TO_/.test(String(error.code));
}
