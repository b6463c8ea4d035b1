import assert from 'node:assert/strict';
import { type RequestListener, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { type StatusServer, startStatus } from '../server/status/page-server.ts';
import { troubleWorld } from '../server/status/sample-worlds.ts';
import { describeWith } from '../with-tools.ts';
import { type OpenPage, openPage, startBrowser } from '../kit/browser/browser.ts';
import { eventually } from '../kit/eventually.ts';

/** Milliseconds. */
const PERIOD = 10_000;
const SIGN_IN = '<title>Sign in</title><main id="content"><h1>Sign in</h1></main>';

describeWith(['chromium'], 'the refresh of the status pages', () => {
  let browser: Browser;
  let server: StatusServer;
  let proxy: Server;
  /** Answers in place of the server, if set. */
  let instead: RequestListener | undefined;
  before('start', async () => {
    browser = await startBrowser();
  });
  beforeEach('serve', async () => {
    instead = undefined;
    server = await startStatus(await troubleWorld());
    proxy = createServer((request, response) => {
      if (instead) instead(request, response);
      else void pass(server.url + request.url, response);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterEach('close', async () => {
    await Promise.all(browser.contexts().map(async (context) => context.close()));
    proxy.closeAllConnections();
    proxy.close();
    await server.stop();
  });
  after('stop', async () => browser.close());

  const open = async (): Promise<OpenPage> => {
    const { port } = proxy.address() as AddressInfo;
    const opened = await openPage(browser, `http://127.0.0.1:${port}/`);
    await opened.page.clock.install();
    await opened.page.reload();
    return opened;
  };

  const answers: readonly (readonly [string, RequestListener])[] = [
    ['a login page', (_, response) => response.writeHead(200, HTML).end(SIGN_IN)],
    ['401', (_, response) => response.writeHead(401, HTML).end(SIGN_IN)],
    [
      'a redirect',
      (_, response) => response.writeHead(302, { Location: 'http://login.example/' }).end(),
    ],
    [
      'a page of another build',
      (_, response) =>
        response.writeHead(200, HTML).end(SIGN_IN.replace('<main', '<main data-build="1"')),
    ],
  ];
  for (const [name, answer] of answers) {
    it(`stops at ${name}, and goes on when asked to`, async () => {
      const { page } = await open();
      instead = answer;
      await page.clock.runFor(PERIOD);
      await page.getByText(/is not this page.* sign in again or reload/).waitFor();
      assert.equal(await page.title(), 'Signature store - Lookaside status');
      assert.match((await page.textContent('main')) ?? '', /Missing signatures/);
      instead = undefined;
      await page.clock.runFor(3 * PERIOD);
      assert.match((await page.textContent('#connection')) ?? '', /sign in again/);
      await page.getByRole('button', { name: 'Go on refreshing' }).click();
      await eventually(async () => assert.equal(await page.textContent('#connection'), ''));
    });
  }

  it('tells an error from silence, by the time of the page', async () => {
    const { page } = await open();
    instead = (_, response) => response.writeHead(500, HTML).end('no');
    await page.clock.runFor(PERIOD);
    await page
      .getByText(/answers with an error \(500\) since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\./)
      .waitFor();
    instead = (request) => request.socket.destroy();
    await page.clock.runFor(PERIOD);
    await page.getByText(/cannot be reached since .* UTC\./).waitFor();
    server.world.store = undefined;
    instead = undefined;
    await eventually(async () => {
      await page.clock.runFor(PERIOD);
      assert.equal(await page.textContent('#connection'), '');
    });
  });

  it('waits while text is selected', async () => {
    const { page, evaluate } = await open();
    await evaluate("getSelection().selectAllChildren(document.querySelector('.pulls .soft'))");
    const selected = await evaluate('getSelection().toString()');
    const { world } = server;
    world.refused = world.refused.slice(1);
    await Promise.all([page.waitForResponse(/./), page.clock.runFor(PERIOD)]);
    assert.equal(await evaluate('getSelection().toString()'), selected);
    assert.equal(await page.locator('.pulls > li').count(), world.refused.length + 1);
    await evaluate('getSelection().removeAllRanges()');
    await page.clock.runFor(PERIOD);
    await eventually(async () =>
      assert.equal(await page.locator('.pulls > li').count(), world.refused.length),
    );
  });

  it('leaves whoever was at something that is gone at its heading', async () => {
    const { page, evaluate } = await open();
    await evaluate("document.querySelector('.pulls li a').focus()");
    server.world.refused = server.world.refused.slice(1);
    await page.clock.runFor(PERIOD);
    await eventually(async () =>
      assert.equal(await evaluate('document.activeElement.id'), 'refused'),
    );
    await page.clock.runFor(PERIOD);
    assert.equal(await evaluate('document.activeElement.id'), 'refused');
  });
});

const HTML = { 'Content-Type': 'text/html' };

async function pass(url: string, response: ServerResponse): Promise<void> {
  const { status, headers, body } = await fetch(url).then(async (answer) => ({
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: await answer.text(),
  }));
  response.writeHead(status, headers).end(body);
}
