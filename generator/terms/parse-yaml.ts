// YAML that other people wrote. The parser goes down a level of the stack for each level of the text, and shows
// each fault with the line around it: a small file could take minutes, or end the process.
import { Lexer, parseAllDocuments } from 'yaml';
import { messageOf } from './errors.ts';

/** Neither a configuration nor an object of a cluster has so many levels. */
const MOST_LEVELS = 1000;
/** Each may stand for all that an anchor names. */
const MOST_ALIASES = 100;

/** Text that is no YAML, or none that anybody means; the message says where. */
export class YamlTextError extends Error {
  override readonly name = 'YamlTextError';
}

/**
 * Reads all documents of a text; none for an empty one.
 * @throws YamlTextError with the first fault, in one line
 */
export function parseYaml(text: string, maxAliases = MOST_ALIASES): readonly unknown[] {
  if (isYamlTooDeep(text)) throw new YamlTextError('it is nested too deeply');
  const parsed = parseAllDocuments(text, { logLevel: 'silent', prettyErrors: false });
  const documents = 'empty' in parsed ? [] : parsed;
  for (const { errors } of documents) {
    const [error] = errors;
    if (!error) continue;
    const place = describePlace(text, error.pos[0]);
    throw new YamlTextError(`${error.message} at ${place}`, { cause: error });
  }
  try {
    return documents.map((document): unknown => document.toJS({ maxAliasCount: maxAliases }));
  } catch (cause) {
    const why = maxAliases === 0 ? 'it has aliases, and none is taken here' : messageOf(cause);
    throw new YamlTextError(why, { cause });
  }
}

function describePlace(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}

/** Before the text of a scalar, in which brackets mean nothing. */
const SCALAR = '\u001F';
/** Where brackets that nobody has closed end. */
const BROKEN_OFF = '\u0018';

/** Whether there are more levels than anybody needs: of brackets, or of what begins in one line. */
export function isYamlTooDeep(text: string): boolean {
  let brackets = 0;
  let inLine = 0;
  let previous = '';
  for (const token of new Lexer().lex(text)) {
    if (previous !== SCALAR) {
      if (token === '[' || token === '{') brackets += 1;
      else if (token === ']' || token === '}') brackets = Math.max(0, brackets - 1);
      else if (token === BROKEN_OFF) brackets = 0;
      else if (token.startsWith('\n') || token.startsWith('\r')) inLine = 0;
      else if (brackets === 0) inLine += levelsOf(token);
      if (brackets > MOST_LEVELS || inLine > MOST_LEVELS) return true;
    }
    previous = token;
  }
  return false;
}

/** An indentation stands for as many levels as it has blanks, at most. */
function levelsOf(token: string): number {
  if (token === '-' || token === '?' || token === ':') return 1;
  return /^[ \t]+$/.test(token) ? token.length : 0;
}
