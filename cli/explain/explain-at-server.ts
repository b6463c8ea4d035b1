// Asks a running server why it has no good signature for an image.
import { formatReference } from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { toLine, parseUrl } from '../../generator/terms/text.ts';
import { UsageError } from '../base/usage-error.ts';
import { STATUS_LISTENER_HINT, askStatusListener } from './ask-status-listener.ts';
import { type ServerAnswer, answerSchema, refusalSchema } from './explain-answer.ts';

/** Git may take seconds for each image. Milliseconds. */
const TIME_LIMIT = 120_000;

/** The address of a running server; undefined for what is a SOURCE. */
export function parseServer(text: string): URL | undefined {
  if (/^(?:[a-z0-9.-]+|\[[0-9a-f:]+\]):[0-9]+\/?$/i.test(text)) {
    throw new UsageError(
      `--server: expected a URL, got ${JSON.stringify(text)}`,
      `write http://${text}`,
    );
  }
  if (!isServerUrl(text)) return undefined;
  const url = parseUrl(text);
  if (!url)
    throw new UsageError(
      `--server: expected a URL, got ${JSON.stringify(text)}`,
      STATUS_LISTENER_HINT,
    );
  if (url.username !== '' || url.password !== '') {
    throw new UsageError(
      '--server: expected no user name or password in the URL',
      STATUS_LISTENER_HINT,
    );
  }
  if (/[?#]/.test(text)) {
    throw new UsageError(
      '--server: expected no query and no fragment in the URL',
      STATUS_LISTENER_HINT,
    );
  }
  return url;
}

/** Whether text is taken for a running server, and not for a git repository. */
export function isServerUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && !/\.git\/*$/.test(text);
}

/**
 * What the server says of the manifests with these digests, in their order.
 * @throws UsageError
 */
export async function explainAtServer(
  server: URL,
  image: DockerReference,
  hexes: readonly string[],
  ending: AbortSignal,
  timeLimit = TIME_LIMIT,
): Promise<ServerAnswer> {
  const { status, text } = await askStatusListener(
    toQuestion(server, image, hexes),
    ending,
    timeLimit,
  );
  const refused = status === 200 ? undefined : refusalSchema.safeParse(parseJson(text));
  if (refused?.success) {
    const hint = status === 503 ? 'try again' : undefined;
    throw new UsageError(
      `the server at ${server.href} says: ${toLine(refused.data.message)}`,
      hint,
    );
  }
  const answer = answerSchema.safeParse(parseJson(text));
  if (status !== 200 || !answer.success) {
    const what = status === 200 ? 'something else' : `status ${status}`;
    const message = `expected the status listener of a lookaside server at ${server.href}, got ${what}`;
    throw new UsageError(message, `${STATUS_LISTENER_HINT}; both must have the same version`);
  }
  const { images } = answer.data;
  if (
    images.length === hexes.length &&
    images.every(({ digest }, at) => digest === toDigest(hexes[at]))
  ) {
    return answer.data;
  }
  throw new UsageError(
    `the server at ${server.href} answered for other images`,
    STATUS_LISTENER_HINT,
  );
}

function toQuestion(server: URL, image: DockerReference, hexes: readonly string[]): URL {
  const url = new URL(server);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/explain.json`;
  url.search = new URLSearchParams([
    ['image', formatReference(image)],
    ...hexes.map((digestHex) => ['digest', toDigest(digestHex)]),
  ]).toString();
  return url;
}

function toDigest(digestHex: string | undefined): string {
  return `sha256:${digestHex}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
