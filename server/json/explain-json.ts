// `/explain.json?image=NAME&digest=sha256:HEX&digest=…`: whether nodes would accept manifests of an
// image, by what is served at this moment.
import { setImmediate } from 'node:timers/promises';
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { type ExplainedImage, explainImage } from '../../generator/explain/explain-image.ts';
import { parsePulledImage } from '../../generator/terms/image-name.ts';
import { sendJson } from './send-json.ts';
import type { StatusServices } from '../status/services.ts';
import { readQuery } from './query.ts';

/** Digests of one question: each may cost a search in git. */
const MAX_DIGESTS = 100;

const expected = (form: string) => ({
  error: (issue: { readonly input?: unknown }) =>
    `expected ${form}, got ${JSON.stringify(issue.input) ?? 'nothing'}`,
});

const image = z.string(expected('one name')).transform((name, context) => {
  const reference = parsePulledImage(name);
  if (reference) return reference;
  context.addIssue(`expected the name of an image, got ${JSON.stringify(name)}`);
  return z.NEVER;
});

const digestHex = z
  .string(expected('a digest'))
  .regex(/^sha256:[0-9a-f]{64}$/, expected('sha256: and 64 hexadecimal digits'))
  .transform((digest) => digest.slice('sha256:'.length));

const querySchema = z.strictObject({
  image,
  digest: z
    .preprocess(
      (value) => (typeof value === 'string' ? [value] : value),
      z.array(digestHex, expected('one digest or several')),
    )
    .refine(({ length }) => length <= MAX_DIGESTS, `expected at most ${MAX_DIGESTS} digests`),
});

export function createExplainJson({
  refresher,
  policy,
  reasons,
}: Pick<StatusServices, 'refresher' | 'policy' | 'reasons'>): RequestHandler {
  return async (request, response) => {
    const query = readQuery(querySchema, request, response);
    if (!query) return;
    const store = refresher.store();
    const { generation } = refresher.status();
    if (!store || !generation) {
      sendJson(response.status(503), { message: 'no generation is loaded yet' });
      return;
    }
    const { rejectedOf } = refresher;
    const options = {
      store,
      rejectedOf,
      lastChange: reasons.lastChange.bind(reasons),
      policy: policy(),
      now: new Date(),
    };
    const images: ExplainedImage[] = [];
    for (const digest of query.digest) {
      // Nobody waits for the rest.
      if (response.destroyed) return;
      images.push(await explainImage(query.image, digest, options));
      // Lookups go on meanwhile.
      await setImmediate();
    }
    sendJson(response, { version: 1, generation, images });
  };
}
