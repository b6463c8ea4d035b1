// What to do, as the program says it: a sentence with commands between backticks. Where a command
// is whole, with the name of its file in quotes, it becomes a block to copy; a word of the sentence
// stays in it. Names that strangers chose have no backticks in such sentences, except in quotes inside
// a command (generator/terms/text.ts, withoutBackticks).
import { type Html, type Part, html } from './html.ts';
import { renderBlock } from './render-block.ts';

/** A sentence, or some, with what to paste. `label` tells its blocks from others of the page. */
export function renderAdvice(advice: string, label: string): Html {
  const parts: Part[] = [];
  let words: Part[] = [];
  const endParagraph = (): void => {
    if (words.some((part) => part !== '')) parts.push(html`<p>${words}</p> `);
    words = [];
  };
  for (const { isCommand, text } of splitAdvice(advice)) {
    if (!isCommand) words.push(words.length === 0 ? beginSentence(text) : text);
    else if (!text.includes("'")) words.push(html`<code>${text}</code>`);
    else {
      endParagraph();
      parts.push(renderBlock(undefined, label, text));
    }
  }
  endParagraph();
  return html`<div class="next">${parts}</div> `;
}

interface AdvicePart {
  readonly isCommand: boolean;
  readonly text: string;
}

/** The parts between backticks, and those around them. One that is not closed is text. */
function* splitAdvice(advice: string): Generator<AdvicePart> {
  let from = 0;
  for (let start = advice.indexOf('`'); start >= 0; start = advice.indexOf('`', from)) {
    const end = findEnd(advice, start + 1);
    if (end < 0) break;
    yield { isCommand: false, text: advice.slice(from, start) };
    yield { isCommand: true, text: advice.slice(start + 1, end) };
    from = end + 1;
  }
  yield { isCommand: false, text: advice.slice(from) };
}

/** The next backtick that is not between single quotes, as a shell reads them. */
function findEnd(advice: string, from: number): number {
  let isQuoted = false;
  for (let at = from; at < advice.length; at++) {
    const character = advice[at];
    if (character === "'") isQuoted = !isQuoted;
    else if (character === '\\' && !isQuoted) at++;
    else if (character === '`' && !isQuoted) return at;
  }
  return -1;
}

/** What stood behind a command in its sentence, as a sentence of its own. */
function beginSentence(text: string): string {
  const words = text.replace(/^[.,;:]?\s+|^[.,;:]$/, '');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
