// What the registry has under the names of images now, and whether that has changed meanwhile.
import pMap from 'p-map';
import { LIST_PART, type Statement } from '../../signing/sign/statement.ts';
import {
  type PlatformOptions,
  type Pulled,
  readDigest,
  readPlatforms,
} from '../registry/read-platforms.ts';
import type { NamedImage } from './read-images.ts';

/** An image with its digests, which no later change of a tag touches. */
export interface ResolvedImage extends NamedImage {
  /** Of its list, or of its one manifest: 64 hexadecimal digits. */
  readonly digestHex: string;
  /** One for each manifest, that of the list among them. */
  readonly statements: readonly Statement[];
  /** Entries of the list that are not signed, as nodes cannot choose them. */
  readonly companions: number;
}

/** A registry answers a few at once. */
const CONCURRENCY = 4;

/**
 * Finds the manifests of images, each with what a signature of it is to say.
 * @throws AggregateError of UsageErrors, one for each image that cannot be found.
 */
export async function resolveImages(
  images: readonly NamedImage[],
  options: PlatformOptions,
): Promise<readonly ResolvedImage[]> {
  const resolve = async (image: NamedImage): Promise<ResolvedImage> =>
    toResolved(image, await readPlatforms(image.asked, options));
  return pMap(images, resolve, { concurrency: CONCURRENCY, stopOnError: false });
}

function toResolved(image: NamedImage, { list, manifests, companions }: Pulled): ResolvedImage {
  const { name, identity } = image;
  const state = (part: string | null, digestHex: string): Statement => ({
    image: name,
    part,
    identity,
    digestHex,
  });
  const statements = manifests.map(({ platform, digestHex }) => state(platform, digestHex));
  if (list !== undefined) statements.unshift(state(LIST_PART, list));
  return { ...image, digestHex: statements[0]?.digestHex ?? '', statements, companions };
}

/**
 * Finds the images whose tag has moved since they were resolved: their names, and the digest of each
 * now, in hexadecimal digits.
 * @throws AggregateError of UsageErrors
 */
export async function findMoved(
  images: readonly ResolvedImage[],
  options: PlatformOptions,
): Promise<readonly (readonly [name: string, nowHex: string])[]> {
  const tagged = images.filter(({ asked }) => asked.digest === undefined);
  const look = async ({ name, asked, digestHex }: ResolvedImage) => {
    const nowHex = await readDigest(asked, options);
    return nowHex === digestHex ? [] : [[name, nowHex] as const];
  };
  const seen = await pMap(tagged, look, { concurrency: CONCURRENCY, stopOnError: false });
  return seen.flat();
}
