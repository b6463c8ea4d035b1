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
