// The one place where text becomes markup. Whatever a template is given is text of strangers,
// unless it came out of a template itself.
import { toPrintable } from '../../generator/terms/text.ts';

/** Markup that may go into a page as it is. */
export class Html {
  readonly markup: string;
  constructor(markup: string) {
    this.markup = markup;
  }
}

/** Undefined is nothing. */
export type Part = string | number | Html | undefined | readonly Part[];

/**
 * A template whose values are text: in elements and in quoted attributes it stays text, and
 * characters that are not seen, or turn others round, are made visible.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((text, index) => text + toMarkup(parts[index])).join(''));
}

/** Text of several lines. */
export function htmlLines(text: string): Html {
  return new Html(text.split('\n').map(escape).join('\n'));
}

function toMarkup(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Html) return part.markup;
  if (typeof part === 'object') return part.map(toMarkup).join('');
  return escape(String(part));
}

/** Most of what stands on a page: it needs no second look. */
const PLAIN = /^[\w ./:@=,;()+-]*$/;

function escape(text: string): string {
  if (PLAIN.test(text)) return text;
  return toPrintable(text.toWellFormed()).replaceAll(
    /[&<>"'`]/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}
