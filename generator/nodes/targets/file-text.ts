import type { NodeFile } from '../node-file.ts';
import { TargetError } from './target.ts';

/**
 * A file as the text that people review, for forms that show it.
 * @throws TargetError if it is not UTF-8, or has a NUL.
 */
export function toFileText({ path, bytes }: NodeFile): string {
  const text = decode(bytes);
  if (text === undefined || text.includes('\0')) throw new TargetError(`/${path} is not text`);
  return text;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
