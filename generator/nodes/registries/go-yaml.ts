// YAML as the YAML reader of nodes parses it (go-yaml, which follows libyaml and so YAML 1.1), up to
// the tree of nodes; what a client makes of the tree is another matter.
import { Composer, type Document, Parser, visit } from 'yaml';
import { messageOf } from '../../terms/errors.ts';
import { LexemeError, joinLexemes, lexAsGo } from './go-lexemes.ts';

/** Text that nodes cannot parse; the message names the rule. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/** A document, whose scalars are as written. */
export interface YamlDocument {
  readonly root: unknown;
  /** Where each alias leads. */
  readonly targets: ReadonlyMap<unknown, unknown>;
}

/**
 * Parses the first document of a file: nodes read no further.
 * @throws YamlError with the first fault.
 */
export function parseGoYaml(bytes: Uint8Array): YamlDocument | undefined {
  const text = decode(bytes).replaceAll(BREAK, '\n');
  const forbidden = FORBIDDEN.exec(text);
  if (forbidden) {
    const code = forbidden[0].codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
    throw new YamlError(`no control characters, got U+${code}${lineAt(text, forbidden.index)}`);
  }
  const lexemes = takeApart(text);
  checkDepth(lexemes);
  // All numbers and words stay text: each client resolves them in its own way.
  const options = {
    schema: 'failsafe',
    uniqueKeys: false,
    keepSourceTokens: true,
    // A file of faults would take minutes: each is shown with the text around it.
    prettyErrors: false,
  } as const;
  const parser = new Parser();
  const tokens = [...lexemes.flatMap((lexeme) => [...parser.next(lexeme)]), ...parser.end()];
  const [document] = new Composer(options).compose(tokens);
  if (!document) return undefined;
  const [error] = document.errors;
  if (error)
    throw new YamlError(`${messageOf(error)}${lineAt(joinLexemes(lexemes), error.pos[0])}`);
  checkDirectives(document);
  return { root: document.contents, targets: findTargets(document) };
}

/** The characters that libyaml calls not printable, wherever they stand (readerc.go). */
const FORBIDDEN = /[^\t\n\r\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
/** Line breaks of YAML 1.1. */
const BREAK = /\r\n?|[\u0085\u2028\u2029]/g;

/** UTF-16 is told by its mark; all else is UTF-8. */
function decode(bytes: Uint8Array): string {
  const mark = Buffer.from(bytes.subarray(0, 2)).toString('hex');
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new YamlError(`text in ${encoding.toUpperCase()}`);
  }
}

/** Nesting above which a file was made to keep us busy; the parser uses the stack. */
const MAX_DEPTH = 200;

function takeApart(text: string): readonly string[] {
  try {
    return lexAsGo(text);
  } catch (error) {
    if (!(error instanceof LexemeError)) throw error;
    throw new YamlError(`${error.message}${lineAt(text, error.offset)}`, { cause: error });
  }
}

function checkDepth(lexemes: readonly string[]): void {
  let flow = 0;
  let block = 0;
  for (const token of lexemes) {
    if (token === '[' || token === '{') flow += 1;
    else if (token === ']' || token === '}') flow -= 1;
    else if (flow === 0 && (token === '-' || token === '?' || token === ':')) block += 1;
    else if (token.startsWith('\n')) block = 0;
    if (flow + block > MAX_DEPTH) throw new YamlError(`at most ${MAX_DEPTH} levels`);
  }
}

function checkDirectives({ directives, warnings }: Document.Parsed): void {
  const { explicit, version } = directives.yaml;
  if (explicit && version !== '1.1') throw new YamlError(`%YAML 1.1, got %YAML ${version}`);
  const directive = warnings.find(({ code }) => code === 'BAD_DIRECTIVE');
  if (directive) throw new YamlError('no directives but %YAML and %TAG');
}

/** Follows aliases. */
function findTargets(document: Document.Parsed): ReadonlyMap<unknown, unknown> {
  const anchors = new Map<string, unknown>();
  const targets = new Map<unknown, unknown>();
  visit(document, {
    Alias: (_key, node) => {
      if (!anchors.has(node.source)) {
        throw new YamlError(`an anchor of the name ${JSON.stringify(node.source)}`);
      }
      targets.set(node, anchors.get(node.source));
    },
    Value: (_key, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function lineAt(text: string, offset: number): string {
  return ` in line ${text.slice(0, offset).split('\n').length}`;
}
