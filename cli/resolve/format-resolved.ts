import type { DescribedReference } from '../../generator/resolve/describe-resolved.ts';
import { formatJson, toLine } from '../../generator/terms/text.ts';
import type { ResolveAnswer } from './resolve-answer.ts';

/**
 * For programs, an object whose form is stable; for people and scripts a line an image that is resolved, with
 * its tag and digest.
 */
export function formatResolvedImages(
  { images, ...origin }: ResolveAnswer,
  isJson: boolean,
): string {
  if (isJson) return `${formatJson({ version: 1, ...origin, images }, 2)}\n`;
  return images.flatMap(({ reference }) => (reference === null ? [] : `${reference}\n`)).join('');
}

/** What else is to be said: why images are not resolved, and what some nodes take badly. */
export function tellUnresolved(
  images: readonly DescribedReference[],
  stderr: NodeJS.WritableStream,
): void {
  for (const { image, reason, warnings } of images) {
    for (const { message } of warnings) {
      stderr.write(`lookaside: warning: ${toLine(`${image}: ${message}`)}\n`);
    }
    if (!reason) continue;
    stderr.write(`lookaside: ${toLine(`${image}: ${reason.message}`)}\n`);
    stderr.write(`hint: ${toLine(reason.next)}\n`);
  }
}
