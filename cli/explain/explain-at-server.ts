// Asks a running server why it has no good signature for an image.
import { formatReference } from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { UsageError } from '../base/usage-error.ts';
import { askServer } from '../status-listener/ask-server.ts';
import { SERVER_HINT } from '../status-listener/parse-server.ts';
import { type ServerAnswer, answerSchema } from './explain-answer.ts';

/**
 * What the server says of the manifests with these digests, in their order.
 * @throws UsageError
 */
export async function explainAtServer(
  server: URL,
  image: DockerReference,
  hexes: readonly string[],
  ending: AbortSignal,
  timeLimit?: number,
): Promise<ServerAnswer> {
  const digests = hexes.map((digestHex) => `sha256:${digestHex}`);
  const answer = await askServer(server, answerSchema, {
    page: 'explain.json',
    query: [
      ['image', formatReference(image)],
      ...digests.map((digest) => ['digest', digest] as const),
    ],
    ending,
    timeLimit,
  });
  const { images } = answer;
  if (
    images.length === digests.length &&
    images.every(({ digest }, at) => digest === digests[at])
  ) {
    return answer;
  }
  throw new UsageError(`the server at ${server.href} answered for other images`, SERVER_HINT);
}
