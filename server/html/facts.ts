import { type Html, type Part, html } from './html.ts';

/** One line of a list of facts: goes into a `dl`. */
export function renderFact(term: string, text: Part): Html {
  return html`<div>
    <dt>${term}</dt>
    <dd>${text}</dd>
  </div> `;
}

/** `1 key`, `2 keys`. */
export function countOf(number: number, one: string, many = `${one}s`): string {
  return `${formatNumber(number)} ${number === 1 ? one : many}`;
}

/** `1,000,000`. */
export function formatNumber(number: number): string {
  return number.toLocaleString('en');
}
