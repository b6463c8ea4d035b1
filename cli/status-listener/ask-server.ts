// Asks the status listener of a running server for JSON. Every word of an answer is a stranger's.
import { z } from 'zod';
import { toLine } from '../../generator/terms/text.ts';
import { UsageError } from '../base/usage-error.ts';
import { askStatusListener } from './ask-status-listener.ts';
import { SERVER_HINT } from './parse-server.ts';

/** Git may take seconds for each image. Milliseconds. */
const TIME_LIMIT = 120_000;
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
  const { status, text } = await askStatusListener(url, ending, timeLimit);
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
