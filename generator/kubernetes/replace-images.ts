// Writes other images into a text of manifests, and changes nothing else in it.
import { type ImageString, findImageStrings } from './find-images.ts';

/** An image string and what is to stand there. */
export interface ImageEdit {
  readonly at: ImageString;
  readonly image: string;
}

/**
 * `edits` are of places that {@link findImageStrings} found in the same text.
 * @throws Error where the text that comes out would not have these images
 */
export function replaceImages(text: string, edits: readonly ImageEdit[]): string {
  if (edits.length === 0) return text;
  let result = '';
  let done = 0;
  for (const { at, image } of edits.toSorted((a, b) => a.at.from - b.at.from)) {
    result += text.slice(done, at.from) + rewrite(text.slice(at.from, at.to), at.image, image);
    done = at.to;
  }
  result += text.slice(done);
  assertReplaced(text, result, edits);
  return result;
}

function rewrite(source: string, before: string, after: string): string {
  const quote = /^["']/.exec(source)?.[0] ?? '';
  if (source === quote + before + quote) return quote + after + quote;
  const isBlock = /^[|>]/.test(source);
  // A comment may stand behind the header of a block.
  const at = isBlock ? source.indexOf(before, source.search(/[\r\n]/)) : -1;
  return at < 0
    ? JSON.stringify(after)
    : source.slice(0, at) + after + source.slice(at + before.length);
}

function assertReplaced(before: string, after: string, edits: readonly ImageEdit[]): void {
  const changed = new Map(edits.map(({ at, image }) => [at.from, image]));
  const wanted = findImageStrings(before).images.map(
    ({ from, image }) => changed.get(from) ?? image,
  );
  const { images } = findImageStrings(after);
  const isAsWanted =
    images.length === wanted.length && images.every(({ image }, at) => image === wanted[at]);
  if (!isAsWanted) throw new Error('its images cannot be replaced: write them in a simpler form');
}
