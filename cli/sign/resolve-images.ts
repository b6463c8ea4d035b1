// What the registry has under the names of images now, and whether that has changed meanwhile.
import pMap, { pMapSkip } from 'p-map';
import { LIST_PART, type Statement } from '../../signing/sign/statement.ts';
import type { ProcessIo } from '../base/process-io.ts';
import {
  type PlatformOptions,
  type Pulled,
  readDigest,
  readPlatforms,
} from '../registry/read-platforms.ts';
import type { NamedImage } from './read-images.ts';

/** The digests of an image, which no later change of a tag touches. */
export interface Resolution {
  /** Of its list, or of its one manifest: 64 hexadecimal digits. */
  readonly digestHex: string;
  /** One for each manifest, that of the list among them. */
  readonly statements: readonly Statement[];
  /** Entries of the list that are not signed, as nodes cannot choose them. */
  readonly companions: number;
  /** The digests of entries of the list that no node asks for: hexadecimal digits. */
  readonly others: readonly string[];
}

export type ResolvedImage = NamedImage & Resolution;

/** A registry answers a few at once. */
const CONCURRENCY = 4;

/**
 * Finds the manifests of images, each with what a signature of it is to say. Leaves out those whose error
 * `isPassedOver`; none unless told.
 * @throws AggregateError of UsageErrors, one for each image that cannot be found.
 */
export async function resolveImages<Image extends NamedImage>(
  images: readonly Image[],
  options: PlatformOptions,
  isPassedOver: (image: Image, error: unknown) => boolean = () => false,
): Promise<readonly (Image & Resolution)[]> {
  const resolve = async (image: Image): Promise<(Image & Resolution) | typeof pMapSkip> => {
    try {
      return await resolveImage(image, options);
    } catch (error) {
      if (isPassedOver(image, error)) return pMapSkip;
      throw error;
    }
  };
  return pMap(images, resolve, { concurrency: CONCURRENCY, stopOnError: false });
}

/**
 * Finds the manifests of one image.
 * @throws UsageError
 */
export async function resolveImage<Image extends NamedImage>(
  image: Image,
  options: PlatformOptions,
): Promise<Image & Resolution> {
  return toResolved(image, await readPlatforms(image.asked, options));
}

function toResolved<Image extends NamedImage>(
  image: Image,
  { list, manifests, companions, others }: Pulled,
): Image & Resolution {
  const { name, identity } = image;
  const state = (part: string | null, digestHex: string): Statement => ({
    image: name,
    part,
    identity,
    digestHex,
  });
  const statements = manifests.map(({ platform, digestHex }) => state(platform, digestHex));
  if (list !== undefined) statements.unshift(state(LIST_PART, list));
  return { ...image, digestHex: statements[0]?.digestHex ?? '', statements, companions, others };
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

/** Says of entries that are left out why they are. */
export function tellCompanions(images: readonly ResolvedImage[], { stderr }: ProcessIo): void {
  for (const { name, companions } of images) {
    if (companions === 0) continue;
    const what =
      companions === 1
        ? '1 entry without a platform, such as an attestation, was not signed: nodes never pull it'
        : `${companions} entries without a platform, such as attestations, were not signed: nodes never pull them`;
    stderr.write(`lookaside: ${name}: ${what}\n`);
  }
}
