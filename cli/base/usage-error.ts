import { hasCode, hintOf, messageOf } from '../../generator/terms/errors.ts';
import { toLine } from '../../generator/terms/text.ts';

/** Wrong use, or a disk, network or program that fails: told in one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly hint: string | undefined;
  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}

/** An image that no node could pull, however it is signed: told as an error, with exit code 1. */
export class RefusedImageError extends UsageError {}

/** What may go well a moment later: a registry that is overloaded or does not answer. */
export class PassingError extends UsageError {}

/** A registry says that it does not have an image. */
export class MissingImageError extends UsageError {}

const MORE_FILES = 'raise the limit of open files: `ulimit -n 1024`, or LimitNOFILE in a unit';

/** `lookaside: MESSAGE` and, where there is a cure, a `hint:` line. */
export function formatUsageError(error: unknown): string {
  const hint = hintOf(error) ?? (hasCode(error, 'EMFILE', 'ENFILE') ? MORE_FILES : undefined);
  const cure = hint === undefined ? '' : `hint: ${toLine(hint)}\n`;
  return `lookaside: ${toLine(messageOf(error))}\n${cure}`;
}

/** Where an error comes from, for those who mend it: a line a call. */
export function formatStack(error: unknown): string {
  const { stack = '' } = error instanceof Error ? error : {};
  return stack
    .split('\n')
    .slice(1)
    .map((line) => `${toLine(line)}\n`)
    .join('');
}

/** Says each of several errors once: a registry that is down is down for all images. Gives the exit code. */
export function tellEach({ errors }: AggregateError, stderr: NodeJS.WritableStream): number {
  const complaints = errors.map((one: unknown) => formatUsageError(one));
  for (const complaint of new Set(complaints)) stderr.write(complaint);
  return errors.every((one) => one instanceof RefusedImageError) ? 1 : 2;
}
