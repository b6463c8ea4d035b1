import assert from 'node:assert/strict';
import type { StatusServer } from './page-server.ts';

export interface ReadPage {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** What people read in `main`, without markup. */
  readonly text: string;
}

/** Asks for a page. */
export async function readPage({ url }: StatusServer, path: string): Promise<ReadPage> {
  const { status, headers, ...answer } = await fetch(url + path).then(async (response) => ({
    status: response.status,
    headers: response.headers,
    body: await response.text(),
  }));
  assert.equal(headers.get('Content-Type'), 'text/html; charset=utf-8');
  assert.equal(headers.get('Cache-Control'), 'no-store');
  return { status, headers, body: answer.body, text: textOf(answer.body) };
}

/** The addresses that a page leads to. */
export function linksOf({ body }: ReadPage): readonly string[] {
  return [...body.matchAll(/ href="([^"#][^"]*)"/g)]
    .map(([, link = '']) => unescape(link))
    .filter((link) => !link.startsWith('data:'));
}

export function textOf(page: string): string {
  const [, main = ''] = /<main[^>]*>([^]*)<\/main>/.exec(page) ?? [];
  return unescape(main.replaceAll(/<[^>]*>/g, ' ')).replaceAll(/\s+/g, ' ');
}

function unescape(markup: string): string {
  return markup
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
}
