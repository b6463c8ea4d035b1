// What stands in a page itself, so that it asks for nothing: style, script and icon.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Html } from './html.ts';

/** An element with its content, and what the content security policy has to say to allow it. */
export interface Inline {
  readonly element: Html;
  readonly source: string;
}

/** `content` is ours: nothing of it is escaped. */
export function createInline(name: 'style' | 'script', content: string): Inline {
  const digest = createHash('sha256').update(content).digest('base64');
  return {
    element: new Html(`<${name}>${content}</${name}>`),
    source: `'sha256-${digest}'`,
  };
}

/** The style that all pages share. */
export const BASE_STYLE = readFileSync(new URL('base.css', import.meta.url), 'utf8');

/** Puts a copy button on each block, also when the page dispatches `page-changed`. */
export const COPY_BUTTONS = readFileSync(new URL('copy-buttons.js', import.meta.url), 'utf8');

const ICON_SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">' +
  '<path fill="#1d5fa8" d="M8 0l6 2v6c0 4-3 7-6 8-3-1-6-4-6-8V2z"/>' +
  '<path fill="none" stroke="#fff" stroke-width="2" d="M5 8l2 2 4-4"/></svg>';
/** Browsers ask for one that is not there unless the page has its own. */
export const ICON = `data:image/svg+xml,${encodeURIComponent(ICON_SVG)}`;
