import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { z } from 'zod';
import {
  type StatusServer,
  type StatusWorld,
  makeWorld,
  refusedPull,
  startStatus,
} from '../server/status/page-server.ts';
import {
  directoryOf,
  fullWorld,
  hexOf,
  troubleWorld,
  wellWorld,
} from '../server/status/sample-worlds.ts';
import { describeWith } from '../with-tools.ts';
import { type OpenPage, READERS, openPage, startBrowser } from '../kit/browser/browser.ts';
import { eventually } from '../kit/eventually.ts';

const HOSTILE = `<img src="x" onerror='alert(1)'>\u202e${'long'.repeat(50)}`;
const UNFOLD = "document.querySelectorAll('details').forEach((one) => (one.open = true))";
/** Milliseconds. */
const PERIOD = 10_000;
const violations = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
});
const imageOf = (directory: string): string => `/image?directory=${encodeURIComponent(directory)}`;
const WORLDS: Readonly<Record<string, () => Promise<Partial<StatusWorld>>>> = {
  full: fullWorld,
  empty: async () => makeWorld(),
  loading: async () => ({
    store: undefined,
    status: { generation: null, lastRefresh: null, lastError: null, runningSince: null },
  }),
  strange: async () => ({
    refused: [
      refusedPull(directoryOf(`${'long'.repeat(60)}/${HOSTILE.replaceAll('/', '')}`, 60), {
        clients: ['x'.repeat(64)],
      }),
      refusedPull(directoryOf(`team/${'ש'.repeat(100)}`, 61), { count: 2 }),
      refusedPull(directoryOf('team/app', 62)),
    ],
  }),
};
const PLACES: Readonly<Record<string, readonly string[]>> = {
  trouble: [
    '/',
    '/refused',
    '/refused?by=repository',
    '/rejected',
    '/explain?image=registry.example.com/team/app:1.1',
    `/explain?image=team/app@sha256:${hexOf(10)}`,
    '/explain?image=Team',
    '/search?q=release',
    '/search?q=app',
    `/search?q=${hexOf(13).slice(0, 12)}`,
    '/repository?name=team/app',
    imageOf(directoryOf('team/app', 0)),
    imageOf(directoryOf('team/app', 10)),
  ],
  full: ['/', '/refused?by=repository', '/repository?name=team/app'],
  empty: ['/', '/refused', '/search?q=app'],
  loading: ['/', '/refused', '/explain?image=team/app'],
  strange: ['/', '/refused', '/refused?by=repository', '/refused?by=client'],
};

describeWith(['chromium'], 'the status pages in a browser', () => {
  let browser: Browser;
  let server: StatusServer;
  before('start', async () => {
    browser = await startBrowser();
  });
  beforeEach('serve', async () => {
    server = await startStatus(await troubleWorld());
  });
  afterEach('close the pages', async () => {
    await Promise.all(browser.contexts().map(async (context) => context.close()));
    await server.stop();
  });
  after('stop', async () => browser.close());

  const open = async (path: string, options?: BrowserContextOptions): Promise<OpenPage> =>
    openPage(browser, server.url + path, options);

  /** A page whose time goes on when the test says so. */
  const openTimed = async (path: string): Promise<OpenPage> => {
    const opened = await open(path, READERS['on a desk, light']);
    await opened.page.clock.install();
    await opened.page.reload();
    return opened;
  };

  for (const [world, paths] of Object.entries(PLACES)) {
    for (const path of paths) {
      it(`have no fault that axe finds, and fit, with ${world}: ${path}`, async () => {
        Object.assign(server.world, await WORLDS[world]?.());
        const { evaluate, page, complaints } = await open(path, { bypassCSP: true });
        await evaluate(UNFOLD);
        await evaluate(axe.source);
        for (const [reader, { viewport, colorScheme }] of Object.entries(READERS)) {
          await page.setViewportSize(viewport);
          await page.emulateMedia({ colorScheme });
          const found = violations.parse(await evaluate('axe.run()'));
          assert.deepEqual(found.violations, [], reader);
          const width = await evaluate('document.documentElement.scrollWidth');
          assert.equal(width, viewport.width, reader);
        }
        // Chromium complains of every answer but 200.
        assert.deepEqual(
          complaints.filter((one) => !one.startsWith('Failed to load resource')),
          [],
        );
      });
    }
  }

  it('say the same without scripts, and can be searched', async () => {
    const { page, complaints } = await open('/', { javaScriptEnabled: false });
    const text = (await page.textContent('main')) ?? '';
    assert.match(
      text,
      /The newest state is not served, and 4 images were looked up without a signature/,
    );
    assert.equal(
      ((await page.textContent('footer')) ?? '').trim(),
      'Lookaside 1.2.3, Node v24.0.0',
    );
    assert.equal(await page.getByRole('button', { name: 'Copy' }).count(), 0);
    await page.getByRole('searchbox').fill('team/app');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('link', { name: 'team/app', exact: true }).click();
    assert.equal(await page.textContent('h1'), 'team/app');
    await page.locator('td').getByText('team/app:1.3').waitFor();
    await page.locator('#images ~ table a').nth(1).click();
    await page.getByRole('heading', { name: 'Signatures' }).waitFor();
    assert.deepEqual(complaints, []);
  });

  it('take over a new refused pull, and leave the reader where he is', async () => {
    const { page, evaluate, complaints } = await openTimed('/');
    const { world } = server;
    const second = page.locator('.pulls > li').nth(1);
    const key = await second.getAttribute('data-key');
    await second.locator('summary').click();
    await page.getByRole('searchbox').fill('typed so far');
    await second.locator('summary').focus();
    await evaluate('scrollTo(0, 600)');
    const placeOf = `document.activeElement.closest('li').getBoundingClientRect().top`;
    const before = Number(await evaluate(placeOf));
    const newest = refusedPull(directoryOf('team/app', 50), { lastSeen: Date.now() });
    const name = `sha256:${hexOf(50)}`;
    world.refused = [newest, ...world.refused];
    await page.clock.runFor(PERIOD);
    await page.locator('.pulls a').getByText(name).waitFor();
    const keyNow = `document.activeElement.closest('li').dataset.key`;
    assert.equal(await evaluate(keyNow), key);
    assert.equal(await evaluate("document.activeElement.closest('details').open"), true);
    assert.equal(await evaluate('document.querySelectorAll("details[open]").length'), 1);
    assert.equal(await page.inputValue('[name=q]'), 'typed so far');
    assert.ok(Number(await evaluate('scrollY')) > 500);
    assert.ok(Math.abs(Number(await evaluate(placeOf)) - before) < 5);
    world.refused = world.refused.toReversed();
    await page.clock.runFor(PERIOD);
    await page.locator('#refused ~ .pulls > li:last-child a').getByText(name).waitFor();
    assert.equal(await evaluate(keyNow), key);
    assert.equal(await evaluate("document.activeElement.closest('details').open"), true);
    assert.equal(await page.textContent('#connection'), '');
    assert.deepEqual(complaints, []);
  });

  it('show what the server says now, whatever they showed before', async () => {
    const { page, complaints } = await openTimed('/');
    let number = 1;
    for (const world of [await wellWorld(), await fullWorld(), await troubleWorld()]) {
      Object.assign(server.world, world);
      const { generation } = world.status;
      assert.ok(generation);
      number++;
      server.world.status = { ...world.status, generation: { ...generation, number } };
      await page.clock.runFor(PERIOD);
      const fresh = await open('/');
      const expected = await readMain(fresh);
      await eventually(async () => assert.equal(await readMain({ page }), expected));
    }
    assert.deepEqual(complaints, []);
  });

  it('rest while nobody looks, and while the reader wants it', async () => {
    const { page, evaluate } = await openTimed('/');
    let asked = 0;
    page.on('request', () => asked++);
    const hide = async (hidden: boolean): Promise<unknown> =>
      evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))`,
      );
    await hide(true);
    await page.clock.runFor(5 * PERIOD);
    assert.equal(asked, 0);
    await hide(false);
    await eventually(() => assert.equal(asked, 1));
    await page.getByRole('button', { name: 'Pause refreshing' }).click();
    await page.clock.runFor(5 * PERIOD);
    assert.equal(asked, 1);
    await page.getByRole('button', { name: 'Go on refreshing' }).click();
    await eventually(() => assert.equal(asked, 2));
  });

  it('say that the server is gone, and when it is back', async () => {
    const { page } = await openTimed('/');
    const { port } = new URL(server.url);
    const said = page.locator('#connection');
    await server.stop();
    await page.clock.runFor(PERIOD);
    await said.getByText(/cannot be reached since .* tries again/).waitFor();
    assert.match((await page.textContent('main')) ?? '', /Missing signatures/);
    const world = { ...server.world, refused: [] };
    server = await startStatus(world, Number(port));
    await eventually(async () => {
      await page.clock.runFor(PERIOD);
      assert.equal(await said.textContent(), '');
    });
    assert.match(
      (await page.textContent('main')) ?? '',
      /No image was looked up without a signature in the last seven days/,
    );
  });

  it('make nothing of what strangers write but text, also when it comes later', async () => {
    const { page, evaluate, complaints } = await openTimed('/');
    server.world.refused = [
      refusedPull(directoryOf(`team/${HOSTILE.replaceAll('/', '')}`, 60), { clients: [HOSTILE] }),
    ];
    await page.clock.runFor(PERIOD);
    await page.locator('.clients code').getByText('<img').waitFor({ state: 'attached' });
    assert.equal(await evaluate("document.querySelector('img')"), null);
    assert.equal(await evaluate('document.documentElement.scrollWidth'), 1280);
    assert.deepEqual(complaints, []);
  });

  it('keep what strangers write from right to left in its place', async () => {
    const { world } = server;
    const author = { name: 'אבגד', email: 'ה@example.com' };
    const date = new Date().toISOString();
    world.lastChange = async () => ({ id: 'c0ffee', author, date, subject: 'שלום 1' });
    world.refused = [refusedPull(directoryOf('אבג/דה', 11))];
    const { evaluate } = await open('/', READERS['on a desk, light']);
    await evaluate(UNFOLD);
    const link = `document.querySelector('.pulls h3 a').firstChild`;
    const names = "document.querySelectorAll('.pulls details bdi')";
    const inOrder: readonly (readonly string[])[] = [
      [
        `[${link}, 0]`,
        `[${link}, 2]`,
        `[${link}, 4]`,
        `[${link}.nextElementSibling.firstChild, 0]`,
      ],
      [
        `[${names}[0].firstChild, 1]`,
        `[${names}[1].firstChild, 0]`,
        `[${names}[1].firstChild, 5]`,
        `[${names}[1].parentElement.querySelector('time').firstChild, 0]`,
      ],
    ];
    for (const parts of inOrder) {
      const lefts: number[] = [];
      for (const part of parts) lefts.push(Number(await evaluate(leftOf(part))));
      assert.deepEqual(
        lefts,
        lefts.toSorted((one, other) => one - other),
      );
    }
  });

  it('can be used with the keyboard alone', async () => {
    const { page, evaluate } = await open('/', READERS['on a phone, light']);
    await page.keyboard.press('Tab');
    assert.equal(await evaluate('document.activeElement.textContent'), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await evaluate('document.activeElement.id'), 'content');
  });

  it('copy commands, and keep the button where it is while the page refreshes', async () => {
    const { page, evaluate, complaints } = await openTimed('/');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const block = page.locator('.pulls figure.block').first();
    const button = block.getByRole('button');
    await button.click();
    await button.getByText('Copied').waitFor();
    assert.equal(
      await evaluate('navigator.clipboard.readText()'),
      await block.locator('pre').textContent(),
    );
    assert.match(String(await evaluate('navigator.clipboard.readText()')), /^gpg --dearmor </);
    await button.focus();
    await evaluate("document.activeElement.dataset.mine = 'yes'");
    const before = await page.getByRole('button', { name: /^Copy: / }).count();
    const { world } = server;
    world.refused = world.refused.slice(0, 2);
    await page.clock.runFor(PERIOD);
    await page.getByText('2 images were looked up').waitFor();
    assert.equal(await evaluate('document.activeElement.dataset.mine'), 'yes');
    assert.equal(await block.getByRole('button').count(), 1);
    assert.ok((await page.getByRole('button', { name: /^Copy: / }).count()) <= before);
    assert.deepEqual(complaints, []);
  });

  it('answer the form, and narrow down what is missing, without scripts', async () => {
    const { page, complaints } = await open('/', { javaScriptEnabled: false });
    await page
      .getByLabel('Image, as nodes pull it')
      .fill('docker://registry.example.com/team/app:1.1');
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('Nodes would accept it.').first().waitFor();
    await page.goto(`${server.url}/refused`);
    await page.getByLabel('Count by').selectOption('client');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByRole('link', { name: 'fd00::17' }).click();
    await page.getByRole('heading', { name: '1 to 1 of 1 image' }).waitFor();
    assert.deepEqual(complaints, []);
  });

  it('say on a phone what a number counts', async () => {
    const path = imageOf(directoryOf('team/app', 0));
    const { evaluate } = await open(path, READERS['on a phone, dark']);
    const shown = await evaluate(
      "[...document.querySelectorAll('.cards tbody th')].map((one) => getComputedStyle(one, '::before').content + one.textContent)",
    );
    assert.deepEqual(shown, ['"Number: "1', '"Number: "2']);
  });

  it('give the whole digest to whoever copies it', async () => {
    const { evaluate } = await open('/repository?name=team/app', READERS['on a desk, dark']);
    const selected = await evaluate(
      "getSelection().selectAllChildren(document.querySelector('#images ~ table code')), getSelection().toString()",
    );
    assert.match(String(selected), /^sha256:[0-9a-f]{64}$/);
  });
});

/** Where a character begins; `part` gives its node and its place therein. */
function leftOf(part: string): string {
  return `(() => {
    const range = document.createRange();
    const [node, from] = ${part};
    range.setStart(node, from);
    range.setEnd(node, from + 1);
    return range.getBoundingClientRect().left;
  })()`;
}

/** What stands in the page, but for how long ago it was. */
async function readMain({ page }: Pick<OpenPage, 'page'>): Promise<string> {
  const text = (await page.textContent('main')) ?? '';
  return text
    .replaceAll(/\b\d+ (?:second|minute|hour|day)s? ago|just now|As of [^U]*UTC/g, '')
    .replaceAll(/\s+/g, ' ');
}
