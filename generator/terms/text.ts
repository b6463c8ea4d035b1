// Text of strangers on its way to terminals, logs and programs. Control characters are obeyed by
// terminals (U+009B begins a command as ESC does), format characters turn text round (U+202E), and
// line separators make two lines of one. None of them leaves as it is: text says `\u{9b}`, JSON
// says `\u009b`, which is the same JSON.

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

/** `JSON.stringify`, for whoever may read it: what is in `value` stands there in visible characters. */
export function formatJson(value: unknown, indent?: number): string {
  return escapeJson(JSON.stringify(value, undefined, indent));
}

/** Escapes in JSON what {@link toPrintable} does in text; between members a line may end. */
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
