// Which tags a repository has, by its registry.
import { z } from 'zod';
import { nameOf } from '../../generator/policy/signed-identity.ts';
import { type DockerReference, parseFullName } from '../../generator/terms/image-name.ts';
import { toLine } from '../../generator/terms/text.ts';
import { UsageError } from '../base/usage-error.ts';
import { type ManifestOptions, askRegistry } from './read-manifest.ts';

/** More than a hundred thousand tags. Bytes. */
const MAX_LIST_BYTES = 32 * 1024 * 1024;

const listSchema = z.object({ Tags: z.array(z.string()).nullable() });

/**
 * Lists the images of a repository by their tags.
 * @throws UsageError, also for what no client takes as a tag
 */
export async function listTags(
  repository: DockerReference,
  options: ManifestOptions,
): Promise<readonly DockerReference[]> {
  const name = nameOf(repository);
  const work = `list the tags of ${name}`;
  const question = { command: ['list-tags'], maxBytes: MAX_LIST_BYTES, work };
  const untrustedText = Buffer.from(await askRegistry(repository, name, options, question));
  const untrustedTags = parseTags(untrustedText.toString());
  if (!untrustedTags) {
    const hint = `look at it with \`skopeo list-tags docker://${name}\``;
    throw new UsageError(`expected the tags of ${name}, got something else`, hint);
  }
  return [...new Set(untrustedTags)].map((untrustedTag) => {
    const image = parseFullName(`${name}:${untrustedTag}`);
    if (image?.tag === untrustedTag) return image;
    const got = toLine(JSON.stringify(untrustedTag.slice(0, 200)));
    throw new UsageError(
      `expected tags of ${name}, got ${got}`,
      'its registry lists what no client takes as a tag: name the tags that are to be mirrored',
    );
  });
}

function parseTags(untrustedText: string): readonly string[] | undefined {
  try {
    return listSchema.parse(JSON.parse(untrustedText)).Tags ?? [];
  } catch {
    return undefined;
  }
}
