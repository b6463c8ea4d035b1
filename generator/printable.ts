/**
 * Text of strangers made fit for terminals and logs: control, format and line-breaking
 * characters become `\u{NN}`.
 */
export function toPrintable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** Longer than any honest message, in UTF-16 code units. */
const MAX_LINE_LENGTH = 1000;

/**
 * One printable line, whatever a file holds: it goes to terminals and logs. It is a copy, lest a
 * slice keeps a payload of megabytes in memory for as long as the report.
 */
export function toLine(text: string): string {
  const cut = text.length <= MAX_LINE_LENGTH ? text : `${text.slice(0, MAX_LINE_LENGTH)}…`;
  return toPrintable(Buffer.from(cut).toString());
}
