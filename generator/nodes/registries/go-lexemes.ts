// Where go-yaml (scannerc.go of yaml.v2 and yaml.v3) takes text apart in another way than the lexer
// here: within braces, brackets and quotes.
import { Lexer } from 'yaml';

/** Text that nodes cannot take apart, and where; the message names the rule. */
export class LexemeError extends Error {
  override readonly name = 'LexemeError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** What the lexer puts in front of a word, and where braces end too early. */
const WORD = '\u001F';
const FLOW_END = '\u0018';
const OPENING = new Set(['[', '{']);
const CLOSING = new Set([']', '}']);
const INDICATORS = new Set([',', '[', ']', '{', '}']);
/** How often a file may go on at the start of a line within braces or quotes. */
const MAX_UNINDENTED = 20;
const ESCAPE = /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[^])/g;
const MAX_CODE = 0x10_ff_ff;

/**
 * Takes text apart as nodes do; joined without marks, the lexemes are a text of as many lines.
 * @throws LexemeError
 */
export function lexAsGo(text: string): readonly string[] {
  let indented = text;
  for (let count = 0; count < MAX_UNINDENTED; count++) {
    const lexemes = [...new Lexer().lex(indented)];
    const next = indentOne(indented, lexemes);
    if (next === undefined) return [...adapt(lexemes.filter(isFilled))];
    indented = next;
  }
  throw new LexemeError('lines within braces and quotes indented', 0);
}

/** The text that lexemes are of. */
export function joinLexemes(lexemes: readonly string[]): string {
  return lexemes.filter((lexeme) => !isMark(lexeme)).join('');
}

/** The lexer puts a word without text between a mark and a comma. */
function isFilled(_lexeme: string, index: number, lexemes: readonly string[]): boolean {
  const isEmpty = (at: number): boolean =>
    lexemes[at] === WORD && lexemes[at + 1] === '' && lexemes[at + 2] === ',';
  return !isEmpty(index) && !isEmpty(index - 1);
}

function isMark(lexeme: string): boolean {
  return lexeme === WORD || lexeme === FLOW_END || lexeme === '\u0002';
}

/** Indents what stands within quotes or braces, where nodes do not look at indents. */
function indentOne(text: string, lexemes: readonly string[]): string | undefined {
  let at = 0;
  let depth = 0;
  let opened = 0;
  for (const lexeme of lexemes) {
    if (lexeme === FLOW_END) return indentLines(text, opened, endOfBraces(text, opened));
    if (isMark(lexeme)) continue;
    if (OPENING.has(lexeme)) {
      if (depth === 0) opened = at;
      depth += 1;
    } else if (CLOSING.has(lexeme)) depth -= 1;
    const end = at + lexeme.length;
    if (/^["']/.test(lexeme) && text[end] === '\n') {
      const [quoted = ''] = matchAt(QUOTED, text, at) ?? [];
      if (quoted.length > lexeme.length) return indentLines(text, at, at + quoted.length);
    }
    at = end;
  }
  return undefined;
}

const QUOTED = /"(?:[^"\\]|\\[^])*"|'(?:[^']|'')*'/y;
const IN_BRACES = /\s+|#[^\n]*|"(?:[^"\\]|\\[^])*"|'(?:[^']|'')*'|[:,?[\]{}]|[^\s,[\]{}]+/y;

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Where braces end that open at a place. */
function endOfBraces(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length;) {
    const [part = ''] = matchAt(IN_BRACES, text, at) ?? [];
    if (OPENING.has(part)) depth += 1;
    else if (CLOSING.has(part)) depth -= 1;
    at += part.length;
    if (depth === 0 || part === '') return at;
  }
  return text.length;
}

/** Indents each line that starts in a part of the text; undefined where one ends the document. */
function indentLines(text: string, from: number, to: number): string | undefined {
  const part = text.slice(from, to);
  if (/\n(?:---|\.\.\.)(?:\s|$)/.test(part)) return undefined;
  const indent = ' '.repeat(from - text.lastIndexOf('\n', from));
  return `${text.slice(0, from)}${part.replaceAll('\n', `\n${indent}`)}${text.slice(to)}`;
}

function* adapt(lexemes: readonly string[]): Generator<string> {
  let depth = 0;
  let at = 0;
  let before = '';
  for (let index = 0; index < lexemes.length; index++) {
    const lexeme = lexemes[index] ?? '';
    const next = lexemes[index + 1] ?? '';
    if (OPENING.has(lexeme)) depth += 1;
    else if (CLOSING.has(lexeme)) depth = Math.max(depth - 1, 0);
    if (lexeme === WORD && depth > 0) {
      const more = colonOf(lexemes, index, at);
      const word = [next, ...more].join('');
      yield* adaptWord(word, at);
      at += word.length;
      index += 1 + more.length;
      before = next;
      continue;
    }
    if (lexeme === WORD) {
      yield* [lexeme, next];
      at += next.length;
      index += 1;
      continue;
    }
    if (depth > 0 && lexeme === ':' && (OPENING.has(before) || before === ',')) {
      throw new LexemeError('a key in front of each colon', at);
    }
    if (depth > 0 && lexeme === '-' && INDICATORS.has(next)) yield WORD;
    yield lexeme.startsWith('"') ? readEscapes(lexeme, at) : lexeme;
    if (!isMark(lexeme)) at += lexeme.length;
    if (lexeme.trim() !== '' && !lexeme.startsWith('#')) before = lexeme;
  }
}

/** The colon behind a word, and the space between: part of the word if no space is behind. */
function colonOf(lexemes: readonly string[], index: number, at: number): readonly string[] {
  const [word = '', ...more] = lexemes.slice(index + 1, index + 1 + MOST_BETWEEN);
  const count = more.findIndex((lexeme) => lexeme.trim() !== '');
  const next = more[count + 1] ?? '';
  if (more[count] !== ':' || !INDICATORS.has(next)) return [];
  if (OPENING.has(next)) throw new LexemeError('a space behind each colon', at + word.length);
  return more.slice(0, count + 1);
}

/** Space and breaks between a word and its colon are few lexemes. */
const MOST_BETWEEN = 20;

/** Within braces, nodes take these marks for those of a key or a value wherever they stand. */
function* adaptWord(word: string, at: number): Generator<string> {
  const isKey = word.startsWith('?');
  const rest = isKey ? word.slice(1) : word;
  const mark = rest.indexOf('?');
  if (mark >= 0) throw new LexemeError('no "?" in a word without quotes', at + mark);
  if (rest.startsWith(':')) throw new LexemeError('no word that starts with a colon', at);
  if (isKey) yield '?';
  yield* [WORD, rest];
}

/** Text in double quotes, whose escapes are those that both know. */
function readEscapes(quoted: string, offset: number): string {
  return quoted.replaceAll(ESCAPE, (escape, x?: string, u?: string, long?: string, at = 0) => {
    const digits = x ?? u ?? long;
    const code = digits === undefined ? 0 : Number.parseInt(digits, 16);
    const isLone = code >= 0xd8_00 && code <= 0xdf_ff;
    if (escape === String.raw`\/` || isLone || code > MAX_CODE) {
      throw new LexemeError(`no escape "${escape}"`, offset + at);
    }
    return escape === String.raw`\'` ? "'" : escape;
  });
}
