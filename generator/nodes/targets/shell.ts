import { toShellWord } from '../../terms/text.ts';
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

const OTHERS = Array.from('ABCDFGHIJKLMNOPQRSTUVWXYZ', (letter) => `${letter}_END_OF_FILE`);
const DELIMITERS = ['END_OF_FILE', ...OTHERS];

/**
 * A here-document whose text the shell leaves alone: from its operator to the line that ends it.
 * @param text ends with a line feed, or is empty.
 * @param path the file whose text it is, for the error.
 * @throws TargetError for a text whose lines clash with every delimiter.
 */
export function formatHereDocument(text: string, path: string): string {
  const lines = text.split('\n');
  const delimiter = DELIMITERS.find((word) => !lines.some((line) => clashes(line, word)));
  if (delimiter === undefined) {
    throw new TargetError(
      `/${path} cannot be put into a shell script: dash would damage some of its lines`,
      'Leave out lines that begin with one capital letter and a character that is not ASCII.',
    );
  }
  return `<<'${delimiter}'\n${text}${delimiter}\n`;
}

/** dash 0.5.12 loses a byte above 127 that follows what begins like the delimiter. */
function clashes(line: string, delimiter: string): boolean {
  let same = 0;
  while (same < delimiter.length && line[same] === delimiter[same]) same += 1;
  if (line.length === same) return same === delimiter.length;
  return same > 0 && line.charCodeAt(same) > 127;
}
