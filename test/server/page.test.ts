import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { PAGE_STYLE, renderPage } from '../../server/page.ts';
import { type ExampleServer, startExample } from './example-server.ts';
import { type RawAnswer, headerOf, parseAnswers, sendRaw } from './raw-http.ts';

const FACTS = {
  baseUrl: 'https://sigs.example',
  signatures: 7,
  repositories: 3,
  commit: null,
  loadedAt: '2026-11-21T00:00:00.000Z',
};

function tags(html: string): readonly string[] {
  return html.match(/<[^>]*>/g) ?? [];
}

describe('the page for people', () => {
  let server: ExampleServer;
  before('start', async () => {
    server = await startExample();
  });
  after('stop', async () => server.stop());

  const get = async (host: string, method = 'GET'): Promise<RawAnswer> => {
    const request = `${method} / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const [answer] = parseAnswers(await sendRaw(server.url, request), [method]);
    assert.ok(answer);
    return answer;
  };

  it('tells how a node uses this store', async () => {
    const answer = await get('sigs.example:8080');
    assert.equal(answer.status, 200);
    assert.equal(headerOf(answer, 'Content-Type'), 'text/html; charset=utf-8');
    assert.equal(headerOf(answer, 'Cache-Control'), 'no-store');
    assert.match(answer.body, /lookaside: http:\/\/sigs\.example:8080</);
    assert.match(answer.body, /serves 7 signatures of 3 repositories, since 20/);
  });

  it('allows its own style and nothing else', async () => {
    const answer = await get('x');
    const [, style = ''] = /<style>([^]*?)<\/style>/.exec(answer.body) ?? [];
    assert.equal(style, PAGE_STYLE);
    const hash = createHash('sha256').update(style).digest('base64');
    assert.equal(
      headerOf(answer, 'Content-Security-Policy'),
      `default-src 'none';style-src 'sha256-${hash}'`,
    );
    assert.equal(headerOf(answer, 'X-Content-Type-Options'), 'nosniff');
    assert.equal(headerOf(answer, 'X-Frame-Options'), 'SAMEORIGIN');
    assert.equal(headerOf(answer, 'Strict-Transport-Security'), undefined);
    assert.equal(headerOf(answer, 'X-Powered-By'), undefined);
  });

  it('asks for nothing from anywhere', async () => {
    const { body } = await get('x');
    assert.doesNotMatch(body, /\b(?:src|href|action|style|on\w+)\s*=|url\(|@import|<script|<link/i);
  });

  it('answers HEAD without a body', async () => {
    const answer = await get('x', 'HEAD');
    assert.deepEqual([answer.status, answer.body], [200, '']);
  });

  const hosts = [
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    'a</pre><base href=//evil.example>',
    '&lt;script&gt;',
    'a b\tc',
    '\xff\xfe',
    '',
  ];
  for (const host of hosts) {
    it(`is not changed by the host ${JSON.stringify(host)}`, async () => {
      const plain = await get('x');
      const answer = await get(host);
      assert.deepEqual(tags(answer.body), tags(plain.body));
      assert.doesNotMatch(answer.body, /&lt;|onerror=alert\(1\)>/);
    });
  }

  it('does not believe that a proxy speaks TLS', async () => {
    const more = 'X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n';
    const request = `GET / HTTP/1.1\r\nHost: x\r\n${more}Connection: close\r\n\r\n`;
    const [answer] = parseAnswers(await sendRaw(server.url, request), ['GET']);
    assert.match(answer?.body ?? '', /lookaside: http:\/\/x</);
  });
});

describe('renderPage', () => {
  it('says that nothing is loaded yet', () => {
    const page = renderPage({ ...FACTS, signatures: 0, loadedAt: null });
    assert.match(page, /The signatures are being loaded\./);
    assert.doesNotMatch(page, /It serves/);
  });
  it('names the commit', () => {
    assert.match(renderPage({ ...FACTS, commit: 'c0ffee' }), /from commit <code>c0ffee<\/code>,/);
  });
  it('escapes whatever it is given', () => {
    const evil = `<b a="1" b='2'>&amp;`;
    const page = renderPage({ ...FACTS, baseUrl: evil, commit: evil, loadedAt: evil });
    assert.doesNotMatch(page, /<b a|&amp;/);
    assert.equal(page.split('&#60;b a=&#34;1&#34; b=&#39;2&#39;&#62;&#38;amp;').length, 5);
  });
});
