// Asks a running server which digest images are.
import pMap from 'p-map';
import type { z } from 'zod';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { type DockerReference, parseDockerReference } from '../../generator/terms/image-name.ts';
import { UsageError } from '../base/usage-error.ts';
import { askServer } from '../status-listener/ask-server.ts';
import { SERVER_HINT } from '../status-listener/parse-server.ts';
import { type ResolveAnswer, resolvedSchema } from './resolve-answer.ts';

/** Questions at the same time. */
const CONCURRENCY = 4;
const PINNED = /@sha256:[0-9a-f]{64}$/;

/**
 * What the server says of images, in their order. Its word is taken for which digest it is, never for another
 * image than the one that was asked about.
 * @throws UsageError
 */
export async function resolveAtServer(
  server: URL,
  images: readonly DockerReference[],
  ending: AbortSignal,
): Promise<ResolveAnswer> {
  const answers = await pMap(
    images,
    async (image) => {
      const query = [['image', formatReference(image)]] as const;
      const answer = await askServer(server, resolvedSchema, {
        page: 'resolve.json',
        query,
        ending,
      });
      if (isAbout(image, answer)) return answer;
      throw new UsageError(`the server at ${server.href} answered for another image`, SERVER_HINT);
    },
    { concurrency: CONCURRENCY },
  );
  const { generation } = answers.at(-1) ?? { generation: undefined };
  if (!generation) throw new Error('there is an image to ask about');
  return { server: server.href, generation, images: answers };
}

function isAbout(image: DockerReference, answer: z.output<typeof resolvedSchema>): boolean {
  if (!isSame(image, answer.image)) return false;
  const { verdict, reference } = answer;
  return verdict === 'resolved'
    ? reference !== null && isSame(image, reference) && PINNED.test(reference)
    : reference === null;
}

function isSame(image: DockerReference, answered: string): boolean {
  const { host, repository, tag, digest } = parseDockerReference(answered) ?? {};
  return (
    host === image.host &&
    repository === image.repository &&
    tag === image.tag &&
    (image.digest === undefined || digest === image.digest)
  );
}
