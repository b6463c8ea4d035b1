import { toShellWord } from '../shell-word.ts';
import { TargetError } from './target.ts';

/**
 * A word that a POSIX shell takes as it is.
 * @throws TargetError for control characters, which no list of lines could hold.
 */
export function quoteForShell(word: string): string {
  if (/\p{Cc}/u.test(word)) {
    throw new TargetError(
      `expected a path without control characters, got ${JSON.stringify(word)}`,
    );
  }
  return toShellWord(word);
}

/**
 * A here-document whose text the shell leaves alone: from its operator to the line that ends it.
 * @param text ends with a line feed, or is empty.
 */
export function formatHereDocument(text: string): string {
  const lines = new Set(text.split('\n'));
  let delimiter = 'END_OF_FILE';
  while (lines.has(delimiter)) delimiter += '_';
  return `<<'${delimiter}'\n${text}${delimiter}\n`;
}
