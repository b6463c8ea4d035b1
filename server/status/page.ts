import type { Request } from 'express';
import type { RefreshStatus } from '../follow/refresher.ts';
import { type Html, html } from '../html/html.ts';
import type { Searches } from '../search/searches.ts';
import type { PageView } from './parts/render-commit.ts';
import type { StatusServices } from './services.ts';

/** What a page is made from. */
export interface PageRequest extends PageView {
  readonly query: Request['query'];
  readonly services: StatusServices;
  readonly searches: Searches;
  /** Fires when the reader is gone. */
  readonly signal: AbortSignal;
}

/** What one address of the status pages answers. */
export interface Page {
  readonly status: 200 | 400 | 404 | 500 | 503;
  /** Of the tab, and the heading. */
  readonly title: string;
  readonly content: Html;
  /** What was searched for, to stand in the field again. */
  readonly query?: string;
}

/** For a reader who changed an address by hand, or followed a link that was cut. */
export function refuseQuery(message: string): Page {
  return {
    status: 400,
    title: 'This address is not complete',
    content: html`<p>${message}</p>
      ${WAY_OUT}`,
  };
}

/** For what nobody can tell yet, with what is known all the same. */
export function notLoaded({ lastError }: RefreshStatus, known: Html | undefined): Page {
  return {
    status: 503,
    title: 'Nothing is loaded yet',
    content: html`<p>${lastError?.message ?? 'The signatures are being loaded.'}</p>
      ${known} ${WAY_OUT}`,
  };
}

/** The way on for whoever came to an address with nothing behind it. */
export const WAY_OUT: Html = html`<p>
  Search for a repository or a digest, or go to the <a href="./">overview</a>.
</p>`;

/** Longer than any path in a source, in characters. */
const MAX_LENGTH = 16_384;

/**
 * A parameter of the query as it is, since paths are exact: '' where it is missing, undefined where
 * it is there twice or too long.
 */
export function readParameter(query: Request['query'], name: string): string | undefined {
  const value = query[name] ?? '';
  return typeof value === 'string' && value.length <= MAX_LENGTH ? value : undefined;
}
