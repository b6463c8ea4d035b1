// How texts are made and read, above all those of strangers on their way to terminals, logs and
// programs. Terminals obey control characters (U+009B begins a command as ESC does), format
// characters turn text round (U+202E), and line separators make two lines of one. None of them is
// passed on as it is: text says `\u{9b}`, JSON says `\u009b`, which is the same JSON.
import { closest, distance } from 'fastest-levenshtein';

/** Longer than any honest message, in UTF-16 code units. */
const MAX_LINE_LENGTH = 1000;

/** Control, format and line-breaking characters become `\u{NN}`. */
export function toPrintable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/**
 * One printable line, whatever a file holds: it goes to terminals and logs. It is a copy, lest a
 * slice keeps a payload of megabytes in memory for as long as the report.
 */
export function toLine(text: string): string {
  return toPrintable(Buffer.from(cut(text)).toString());
}

/** The beginning of a text that is longer than any honest message, and a mark that it goes on. */
export function cut(text: string): string {
  return text.length <= MAX_LINE_LENGTH ? text : `${text.slice(0, MAX_LINE_LENGTH)}…`;
}

/** `JSON.stringify` with nothing invisible in it. */
export function formatJson(value: unknown, indent?: number): string {
  return escapeJson(JSON.stringify(value, undefined, indent));
}

/** Escapes in JSON what {@link toPrintable} escapes in text, except line ends between members. */
export function escapeJson(json: string): string {
  return json.replaceAll(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => toEscape(character.charCodeAt(at))).join(
      '',
    ),
  );
}

function toEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** The last moment that a `Date` can hold, in milliseconds since 1970; the first is as long before. */
const LATEST = 8.64e15;

/**
 * ISO 8601 in UTC with whole seconds, as OpenPGP and signed claims count them. Strangers may write
 * any number as a date: one too far away for a calendar is shown as seconds since 1970.
 */
export function formatTime(milliseconds: number): string {
  if (!(Math.abs(milliseconds) <= LATEST)) return String(milliseconds / 1000);
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

const KIB = 1024;
const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** An amount as options take it, `4 GiB`; with a decimal where it is not whole. */
export function formatBytes(bytes: number): string {
  let [amount, unit] = [bytes, 0];
  while (amount >= KIB && unit < UNITS.length - 1) {
    amount /= KIB;
    unit += 1;
  }
  return `${Number.isInteger(amount) ? amount : amount.toFixed(1)} ${UNITS[unit]}`;
}

/** Digits of a commit or digest that tell it from others. */
const ABBREVIATED = 12;

/** The first digits of a commit or digest, for people. */
export function abbreviate(digits: string): string {
  return digits.slice(0, ABBREVIATED);
}

/** Words that begin and end as a sentence does; those that end with a sign keep it. */
export function asSentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.?!]$/.test(words) ? '' : '.'}`;
}

/** Quotes a text as one word of a POSIX shell. */
export function toShellWord(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** `did you mean X?` if one of the known words is close, else a list of them. */
export function suggest(word: string, known: readonly string[]): string {
  // A word that goes on as it begins is meant before one with other letters.
  const longer = known.filter((one) => one.startsWith(word));
  const nearest = known.length > 0 ? closest(word, longer.length > 0 ? longer : known) : '';
  return nearest !== '' && distance(word, nearest) <= Math.max(2, word.length / 3)
    ? `did you mean ${nearest}?`
    : `use one of ${known.join(', ')}`;
}

/**
 * A name in a sentence that has commands between backticks: one that has backticks itself is shown with
 * `\u{60}`, so that nobody's name passes for a command.
 */
export function withoutBackticks(name: string): string {
  return name.replaceAll('`', String.raw`\u{60}`);
}

/** What the lines of a list say, without comments, which begin with #, and without empty lines. */
export function listLines(text: string): readonly { readonly line: string; readonly at: number }[] {
  return text
    .split(/\r?\n/)
    .map((written, index) => ({
      line: written.replace(/(?:^|\s)#.*$/, '').trim(),
      at: index + 1,
    }))
    .filter(({ line }) => line !== '');
}

/** Undefined if text is no URL. Not `URL.canParse`: once compiled, Node 20's errs on Latin-1. */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
