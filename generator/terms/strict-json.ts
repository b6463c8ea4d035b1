// JSON as the nodes read it (containers/image signature/internal/json.go): the grammar of
// RFC 8259 over the whole input, and no member twice. JSON.parse checks the grammar but
// keeps the last of two equal members without a word, so members are found by hand.

/**
 * Nesting at which the nodes' parser gives up: Go's encoding/json at 10,000 in a value, and they
 * read the members of the outermost object as values of their own.
 */
const MAX_DEPTH = 10_001;

const TOKEN = /["{}[\]]|-?[0-9][0-9.eE+-]*/g;

/**
 * One member of an object: its name, and its value still as JSON text. Lone surrogates in names are
 * U+FFFD, as the nodes read them: else two of them would not be equal.
 */
export interface Member {
  readonly name: string;
  readonly json: string;
}

/**
 * Says whether text is one JSON value that the nodes' parser reads: well-formed, not
 * nested too deep. Invalid UTF-8 must have been replaced before, as the nodes do.
 */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  return text.length <= MAX_DEPTH || depthOf(text) <= MAX_DEPTH;
}

/**
 * The members of an object in their order, duplicates included; undefined if the value is
 * no object. The text must have passed {@link isJson}.
 */
export function membersOf(json: string): readonly Member[] | undefined {
  let at = skipSpace(json, 0);
  if (json[at] !== '{') return undefined;
  const members: Member[] = [];
  at = skipSpace(json, at + 1);
  while (json[at] !== '}') {
    const nameEnd = endOfValue(json, at);
    const name: unknown = JSON.parse(json.slice(at, nameEnd));
    const valueAt = skipSpace(json, skipSpace(json, nameEnd) + 1);
    const valueEnd = endOfValue(json, valueAt);
    members.push({ name: String(name).toWellFormed(), json: json.slice(valueAt, valueEnd) });
    at = skipSpace(json, valueEnd);
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  return members;
}

/**
 * The index of a member's name that its object, at whatever depth, has had already; undefined if
 * there is none. The text must have passed {@link isJson}.
 */
export function findRepeatedMember(json: string): number | undefined {
  const open: Set<string>[] = [];
  for (const { text, start, end } of tokens(json, 0)) {
    if (text === '{' || text === '[') open.push(new Set());
    else if (text === '}' || text === ']') open.pop();
    else if (text === '"' && json[skipSpace(json, end)] === ':') {
      const name: unknown = JSON.parse(json.slice(start, end));
      const known = String(name).toWellFormed();
      if (open.at(-1)?.has(known)) return start;
      open.at(-1)?.add(known);
    }
  }
  return undefined;
}

/** Whether a number in the text is too large for a double, at which the nodes give up. */
export function hasInfiniteNumber(json: string): boolean {
  for (const token of tokens(json, 0)) {
    if (!'"{}[]'.includes(token.text) && !Number.isFinite(Number(token.text))) return true;
  }
  return false;
}

function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const { text } of tokens(json, 0)) {
    if (text === '{' || text === '[') deepest = Math.max(deepest, ++depth);
    else if (text === '}' || text === ']') depth--;
  }
  return deepest;
}

/** The index behind the value that starts at `at`. No recursion: nesting is the sender's choice. */
function endOfValue(json: string, at: number): number {
  const first = json[at] ?? '';
  if (first === '"') return endOfString(json, at);
  if (first !== '{' && first !== '[') {
    const scalar = /[^\s,\]}:]+/y;
    scalar.lastIndex = at;
    scalar.exec(json);
    return scalar.lastIndex;
  }
  let depth = 0;
  for (const { text, end } of tokens(json, at)) {
    if (text === '{' || text === '[') depth++;
    else if (text === '}' || text === ']') depth--;
    if (depth === 0) return end;
  }
  throw new Error('endOfValue was given text that is not JSON');
}

interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Brackets, numbers and strings (as `"`), with the index of each and that behind it. */
function* tokens(json: string, from: number): Generator<Token> {
  const token = new RegExp(TOKEN);
  token.lastIndex = from;
  for (let match = token.exec(json); match; match = token.exec(json)) {
    const [text] = match;
    if (text === '"') token.lastIndex = endOfString(json, match.index);
    yield { text, start: match.index, end: token.lastIndex };
  }
}

function endOfString(json: string, at: number): number {
  for (let index = at + 1; index < json.length; index++) {
    const code = json.charCodeAt(index);
    if (code === 0x5c) index++;
    else if (code === 0x22) return index + 1;
  }
  return json.length;
}

function skipSpace(json: string, at: number): number {
  let index = at;
  while (' \t\r\n'.includes(json[index] ?? '!')) index++;
  return index;
}
