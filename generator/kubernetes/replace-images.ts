// Writes other images into a text of manifests, and changes nothing else in it.
import type { ImageString } from './find-images.ts';

/** An image string and what is to stand there. */
export interface ImageEdit {
  readonly at: ImageString;
  readonly image: string;
}

/** `edits` are of places that {@link findImageStrings} found in the same text. */
export function replaceImages(text: string, edits: readonly ImageEdit[]): string {
  let result = '';
  let done = 0;
  for (const { at, image } of edits.toSorted((a, b) => a.at.from - b.at.from)) {
    result += text.slice(done, at.from) + rewrite(text.slice(at.from, at.to), at.image, image);
    done = at.to;
  }
  return result + text.slice(done);
}

/** Within its quotes, or below the header of its block; what is written with escapes is quoted anew. */
function rewrite(source: string, before: string, after: string): string {
  const at = source.indexOf(before);
  const isPlain = at >= 0 && source.indexOf(before, at + 1) < 0;
  return isPlain
    ? source.slice(0, at) + after + source.slice(at + before.length)
    : JSON.stringify(after);
}
