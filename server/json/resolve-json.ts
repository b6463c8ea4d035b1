// `/resolve.json?image=NAME`: which digest an image is, by what is served at this moment. No registry is asked
// while anybody waits, and what a tag is in a registry does not count.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { describeResolved } from '../../generator/resolve/describe-resolved.ts';
import { parseWrittenImage } from '../../generator/terms/image-name.ts';
import type { StatusServices } from '../status/services.ts';
import { readQuery } from './query.ts';
import { sendJson } from './send-json.ts';

/** Longer than any name that is taken, in characters. */
const MOST_LENGTH = 1000;
/** Git may take long to say which commit was the later one; it is known the next time. Milliseconds. */
const PATIENCE = 2000;

const querySchema = z.strictObject({
  image: z
    .string('expected one name')
    .max(MOST_LENGTH, `expected at most ${MOST_LENGTH} characters`)
    .transform((name, context) => {
      const image = parseWrittenImage(name);
      if (image) return image;
      context.addIssue(`expected the name of an image, got ${JSON.stringify(name)}`);
      return z.NEVER;
    }),
});

export function createResolveJson({
  refresher,
  policy,
  reasons,
  resolutions,
  now,
}: Pick<
  StatusServices,
  'refresher' | 'policy' | 'reasons' | 'resolutions' | 'now'
>): RequestHandler {
  return async (request, response) => {
    const query = readQuery(querySchema, request, response);
    if (!query) return;
    const isReady = await resolutions.ready();
    const { generation } = refresher.status();
    const store = refresher.store();
    let resolved = isReady ? resolutions.resolve(query.image) : undefined;
    if (!resolved || !store || !generation) {
      sendJson(response.status(503), { message: 'no generation is loaded yet' });
      return;
    }
    const { commits } = resolved.wanted;
    if (commits.length > 0) {
      const learnt = resolutions.learnCommits(commits);
      await Promise.race([learnt, sleep(PATIENCE, undefined, { ref: false })]);
      resolved = resolutions.resolve(query.image) ?? resolved;
    }
    const described = await describeResolved(resolved, {
      store,
      policy: policy(),
      rejectedOf: refresher.rejectedOf,
      lastChange: reasons.lastChange.bind(reasons),
      now: now(),
      commitOf: (directory) => resolutions.commitOf(directory),
    });
    sendJson(response, { version: 1, generation, ...described });
  };
}
