// What is to be promoted, and how it is called in the next stage, by the command line and a file.
import { formatReference, nameOf } from '../../generator/policy/signed-identity.ts';
import { MOST_TEXT_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { listLines } from '../../generator/terms/text.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { type Renaming, renameImage } from '../../signing/stage/renaming.ts';
import { toPulledName } from '../../signing/stage/stage.ts';
import { chooseIdentity } from '../../signing/sign/statement.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { type NamedImage, readImageName, toAsked } from '../sign/read-images.ts';

/** An image that is to be promoted. */
export interface NamedPromotion extends NamedImage {
  /** As nodes of the stage pull it: the name that must be signed there. */
  readonly pulled: DockerReference;
  /** As nodes of the next stage pull it. */
  readonly target: DockerReference;
  /** The pattern that has found it; undefined for an image that was named. */
  readonly pattern: string | undefined;
}

/** What was asked for. */
export interface Selection {
  readonly images: readonly NamedPromotion[];
  readonly patterns: readonly string[];
}

/**
 * Reads IMAGE… and the file of `--images`; with `--list` and neither, everything that `--map` covers.
 * @throws UsageError also for an image that `--map` does not cover
 */
export async function readSelection(
  names: readonly string[],
  { images: file, list, map }: Settings,
): Promise<Selection> {
  if (map.length === 0) {
    const hint = 'for example --map dev.example.com/team=example.com/team';
    throw new UsageError('promote needs --map: how images are called in the next stage', hint);
  }
  const all = [...names, ...(file === undefined ? [] : await readImagesFile(file))];
  if (all.length === 0 && !list) {
    const hint =
      "name images, or all with a pattern: 'dev.example.com/team/*:v1.*'; --list shows what there is";
    const message = file === undefined ? 'promote needs an image' : `--images: ${file} names none`;
    throw new UsageError(message, hint);
  }
  const patterns = all.filter((name) => name.includes('*'));
  const images = all
    .filter((name) => !name.includes('*'))
    .map((name) => toPromotion(readImageName(name), undefined, map));
  return all.length === 0 ? { images, patterns: map.map(toPattern) } : { images, patterns };
}

/** Of everything below a name. */
const EVERYTHING = '/**';

function toPattern({ from }: Renaming): string {
  return `${from}${EVERYTHING}`;
}

async function readImagesFile(file: string): Promise<readonly string[]> {
  const bytes = await readBounded(file, MOST_TEXT_BYTES).catch((cause: unknown) => {
    const hint = 'name a file with an image on each line';
    throw new UsageError(`--images: ${messageOf(cause)}`, hint, { cause });
  });
  return listLines(bytes.toString()).map(({ line }) => line);
}

/**
 * The images that are selected, each once, with their names in the next stage; patterns look among `known`,
 * which are signed with a tag.
 * @throws UsageError for one that `--map` does not cover, and a pattern that fits none
 */
export function toPromotions(
  { images, patterns }: Selection,
  known: readonly DockerReference[],
  { map, list }: Settings,
): readonly NamedPromotion[] {
  const found = patterns.flatMap((pattern) => {
    const fits = toMatcher(pattern);
    const fitting = known.filter((image) => fits(image));
    if (fitting.length === 0 && !list) {
      const hint =
        '* stands for any characters but / and :, and a pattern without a tag for all tags';
      throw new UsageError(`no image that is signed there fits ${JSON.stringify(pattern)}`, hint);
    }
    return fitting.map((image) => toPromotion(image, pattern, map));
  });
  return [...new Map([...found, ...images].map((one) => [one.name, one])).values()];
}

function toPromotion(
  image: DockerReference,
  pattern: string | undefined,
  map: readonly Renaming[],
): NamedPromotion {
  const pulled = toPulledName(image);
  const target = renameImage(pulled, map);
  if (!target) {
    const message = `no --map says how ${nameOf(image)} is called in the next stage`;
    throw new UsageError(
      message,
      `give --map ${nameOf(image)}=NAME, or that of a namespace around it`,
    );
  }
  return { ...toAsked(image), identity: chooseIdentity(target), pulled, target, pattern };
}

/** `*` stands for any characters but `/` and `:`. */
function toMatcher(pattern: string): (image: DockerReference) => boolean {
  const isAll = pattern.endsWith(EVERYTHING);
  const text = isAll ? pattern.slice(0, -EVERYTHING.length) : pattern;
  const hasTag = text.lastIndexOf(':') > text.lastIndexOf('/');
  const escaped = text.replaceAll(/[^*]+/g, (part) =>
    part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`),
  );
  const body = escaped.replaceAll('*', '[^/:]*');
  const end = isAll ? '(?:/[^:]*)?:[^:]*' : hasTag ? '' : ':[^:]*';
  const form = new RegExp(`^${body}${end}$`);
  return (image) => form.test(formatReference(image));
}
