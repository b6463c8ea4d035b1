// Asks the status listener of a running server for JSON. Every word of an answer is a stranger's.
import { z } from 'zod';
import { messageOf } from '../../generator/terms/errors.ts';
import { toLine } from '../../generator/terms/text.ts';
import { UsageError } from '../base/usage-error.ts';
import { SERVER_HINT } from './parse-server.ts';

/** Git may take seconds for each image. Milliseconds. */
const TIME_LIMIT = 120_000;
/** Far more than a hundred images need. Bytes. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const TRUST_HINT = 'name the file of its CA in NODE_EXTRA_CA_CERTS';
/** What a question gets that is not answered. */
const refusalSchema = z.object({ message: z.string() });

export interface ServerQuestion {
  /** `explain.json`. */
  readonly page: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Gives the question up. */
  readonly ending: AbortSignal;
  /** Milliseconds. */
  readonly timeLimit?: number | undefined;
}

/**
 * What a page of the server answers.
 * @throws UsageError where it does not, in words of the server where it has some
 */
export async function askServer<Schema extends z.ZodType>(
  server: URL,
  schema: Schema,
  { page, query, ending, timeLimit = TIME_LIMIT }: ServerQuestion,
): Promise<z.output<Schema>> {
  const url = new URL(server);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${page}`;
  url.search = new URLSearchParams(query.map((pair) => [...pair])).toString();
  const { status, text } = await ask(url, ending, timeLimit);
  const refused = status === 200 ? undefined : refusalSchema.safeParse(parseJson(text));
  if (refused?.success) {
    const hint = status === 503 ? 'try again' : undefined;
    throw new UsageError(
      `the server at ${server.href} says: ${toLine(refused.data.message)}`,
      hint,
    );
  }
  const answer = schema.safeParse(parseJson(text));
  if (status === 200 && answer.success) return answer.data;
  const what = status === 200 ? 'something else' : `status ${status}`;
  const message = `expected the status listener of a lookaside server at ${server.href}, got ${what}`;
  throw new UsageError(message, `${SERVER_HINT}; both must have the same version`);
}

interface Answered {
  readonly status: number;
  readonly text: string;
}

async function ask(url: URL, ending: AbortSignal, timeLimit: number): Promise<Answered> {
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
