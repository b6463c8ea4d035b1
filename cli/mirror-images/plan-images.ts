// What a run has to do: which images upstream has, and which of them are here already.
import pMap from 'p-map';
import { formatReference, nameOf } from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { chooseIdentity } from '../../signing/sign/statement.ts';
import { hintOf, messageOf } from '../../generator/terms/errors.ts';
import { MissingImageError, RefusedImageError, UsageError } from '../base/usage-error.ts';
import { atDigest } from '../registry/copy-whole.ts';
import { listTags } from '../registry/list-tags.ts';
import { type PlatformOptions, findDigest } from '../registry/read-platforms.ts';
import { retrying } from '../registry/retrying.ts';
import type { RefusedOutcome } from '../sign/format-signed.ts';
import type { NamedImage } from '../sign/read-images.ts';
import { type ResolvedImage, resolveImage } from '../sign/resolve-images.ts';
import type { ImageSource } from './read-sources.ts';

/** An image upstream, and what it is to be here. */
export interface NamedMirrorImage extends NamedImage {
  readonly source: ImageSource;
  readonly target: DockerReference;
}

/** One whose digests are known. */
export type PlannedImage = NamedMirrorImage &
  ResolvedImage & {
    /** What the tag names here now, in hexadecimal digits; undefined for nothing. */
    readonly there: string | undefined;
  };

/** Why nothing comes of an image, for a fault of a registry, of git or of gpg. */
export interface FailedOutcome {
  readonly status: 'failed';
  readonly message: string;
  readonly hint: string | undefined;
}

/** What cannot be mirrored: an image, or a repository with all that is wanted of it. */
export interface PlanObstacle {
  /** As people name it. */
  readonly name: string;
  /** Where it would go. */
  readonly target: string;
  readonly outcome: RefusedOutcome | FailedOutcome;
}

export interface Plan {
  readonly images: readonly PlannedImage[];
  readonly obstacles: readonly PlanObstacle[];
}

/** What is asked of registries, and how many questions at once. */
export interface PlanImagesOptions {
  readonly registry: PlatformOptions;
  readonly jobs: number;
}

/**
 * Finds the images of all repositories.
 * @throws UsageError once the run is to end
 */
export async function planImages(
  sources: readonly ImageSource[],
  options: PlanImagesOptions,
): Promise<Plan> {
  const images: PlannedImage[] = [];
  const obstacles: PlanObstacle[] = [];
  for (const source of sources) {
    const names = await findNames(source, options);
    if ('outcome' in names) {
      obstacles.push(names);
      continue;
    }
    const concurrency = options.jobs;
    const found = await pMap(names, async (name) => findImage(name, options), { concurrency });
    for (const one of found) {
      if ('outcome' in one) obstacles.push(one);
      else images.push(one);
    }
  }
  return { images, obstacles };
}

/** v1.9 before v1.10. */
const BY_VERSION = new Intl.Collator('en', { numeric: true });

/** The images that are wanted of a repository. */
async function findNames(
  source: ImageSource,
  { registry }: PlanImagesOptions,
): Promise<readonly NamedMirrorImage[] | PlanObstacle> {
  const { from, to, tags } = source;
  const place = { name: nameOf(from), target: nameOf(to) };
  try {
    const all = tags.named
      ? tags.named.map((tag) => ({ ...from, tag }))
      : await retrying(registry.ending, async () => listTags(from, registry));
    const wanted = all.filter(({ tag }) => tag !== undefined && tags.isWanted(tag));
    const names = wanted.map((image) => toName(image, source));
    if (names.length > 0) return names.toSorted((a, b) => BY_VERSION.compare(a.name, b.name));
  } catch (error) {
    return { ...place, outcome: toOutcome(error, registry.ending) };
  }
  const message = `no tag of ${nameOf(from)} fits ${tags.globs.join(' ') || '*'}`;
  const hint = `look at its tags with \`skopeo list-tags docker://${nameOf(from)}\``;
  return { ...place, outcome: { status: 'refused', code: 'not-found', message, hint } };
}

function toName(image: DockerReference, source: ImageSource): NamedMirrorImage {
  const target = { ...source.to, tag: image.tag };
  const name = formatReference(image);
  return { name, asked: image, identity: chooseIdentity(target), source, target };
}

async function findImage(
  name: NamedMirrorImage,
  { registry }: PlanImagesOptions,
): Promise<PlannedImage | PlanObstacle> {
  try {
    // What is not to be trusted is not looked at.
    name.source.policy.requirementsFor(name.asked);
    const image = await retrying(registry.ending, async () => resolveImage(name, registry));
    const there = await retrying(registry.ending, async () => findDigest(name.target, registry));
    // From here on a tag that moves upstream changes nothing.
    return { ...image, asked: atDigest(name.asked, image.digestHex), there };
  } catch (error) {
    const outcome = toOutcome(error, registry.ending);
    return { name: name.name, target: formatReference(name.target), outcome };
  }
}

/**
 * What an error means for one of several images.
 * @throws whatever is no UsageError, and anything once the run is to end
 */
export function toOutcome(error: unknown, ending: AbortSignal): RefusedOutcome | FailedOutcome {
  if (ending.aborted || !(error instanceof UsageError)) throw error;
  const message = messageOf(error);
  const hint = hintOf(error);
  const code =
    error instanceof MissingImageError
      ? 'not-found'
      : error instanceof RefusedImageError
        ? 'not-pullable'
        : undefined;
  return code === undefined
    ? { status: 'failed', message, hint }
    : { status: 'refused', code, message, hint: hint ?? '' };
}
