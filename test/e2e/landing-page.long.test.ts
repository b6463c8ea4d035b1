import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { z } from 'zod';
import { createSimplePolicy } from '../../generator/policy/policy.ts';
import { type ExampleServer, startExample } from '../kit/server/example-server.ts';
import { BLUE, GREEN, RED, policyOf, signedBy } from '../server/landing/policies.ts';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import {
  type OpenPage,
  PLAIN_HOST,
  READERS,
  openPage,
  startBrowser,
  stopClock,
} from '../kit/browser/browser.ts';

const HOSTILE = `<img src="x" onerror='alert(1)'>\u202e${'long'.repeat(50)}`;
const MANY = ['two-a', 'lab', 'ed25519', 'ecdsa-p256', 'dsa2048', 'rsa1024', 'with-subkey'];
/** More scopes than are shown unfolded, all alike; axe takes long for many. */
const OTHERS = 40;
const UNFOLD = "document.querySelectorAll('details').forEach((one) => (one.open = true))";
const CLIPBOARD = ['clipboard-read', 'clipboard-write'];
const ASKED = '?scope=mirror.example/team,registry.redhat.io,quay.io/team#setup';
/** Milliseconds. */
const SAID_FOR = 3000;
const texts = z.array(z.string());
const violations = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
});

/** Scopes of all kinds, with keys that strangers named, that have expired, and that are many. */
async function makePolicy() {
  const renaming = {
    type: 'remapIdentity',
    prefix: 'mirror.example/team',
    signedPrefix: 'quay.io/team',
  } as const;
  const strange = await signedBy([RED], renaming, (key) => ({ ...key, userIds: [HOSTILE, 'me'] }));
  const expired = await signedBy([BLUE], undefined, (key) => ({
    ...key,
    expires: '2020-01-01T00:00:00Z',
  }));
  const many = await signedBy(MANY.map((name) => `lab/keys/${name}.gpg`));
  const others = Array.from({ length: OTHERS }, (_, index) => [
    `r.example/team-${index}`,
    [expired],
  ]);
  return policyOf({
    'mirror.example/team': [strange],
    [`${'long'.repeat(15)}.example:5000/team/app`]: [many],
    'quay.io/team': [await signedBy([RED, GREEN]), expired],
    ...Object.fromEntries(others),
    '': [await signedBy([GREEN])],
  });
}

const blocksOf = async ({ page }: OpenPage) => page.locator('pre').allTextContents();

describeWith(['chromium'], 'the landing page in a browser', () => {
  let browser: Browser;
  const servers = new Map<string, ExampleServer>();
  before('start', async () => {
    browser = await startBrowser();
    servers.set('with scopes', await startExample({ policy: await makePolicy() }));
    servers.set(
      'without keys',
      await startExample({ policy: await createSimplePolicy(undefined) }),
    );
  });
  after('stop', async () => {
    await browser.close();
    await Promise.all([...servers.values()].map(async (server) => server.stop()));
  });
  afterEach('close the pages', async () => {
    await Promise.all(browser.contexts().map(async (context) => context.close()));
  });

  const urlOf = (kind: string): string => `${servers.get(kind)?.url}/`;
  const open = async (kind: string, options?: BrowserContextOptions): Promise<OpenPage> =>
    openPage(browser, urlOf(kind), options);

  it('asks for which images, and shows the files for them, without scripts', async () => {
    const { page, complaints } = await open('with scopes', { javaScriptEnabled: false });
    await page.getByLabel('Images that need a signature').fill('registry.redhat.io');
    await page.getByRole('button', { name: 'Show the files' }).click();
    await page.getByRole('heading', { name: 'Set up a node for registry.redhat.io' }).waitFor();
    await page.getByText('OpenShift: release images').waitFor();
    await page.getByRole('group', { name: 'commands that require signatures' }).waitFor();
    assert.deepEqual(complaints, []);
  });

  for (const question of [ASKED, '?scope=Team']) {
    it(`has no fault that axe finds, and fits, for ${question}`, async () => {
      const url = urlOf('with scopes') + question;
      const { evaluate, page } = await openPage(browser, url, { bypassCSP: true });
      await evaluate(axe.source);
      for (const [reader, { viewport, colorScheme }] of Object.entries(READERS)) {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        const found = violations.parse(await evaluate('axe.run()'));
        assert.deepEqual(found.violations, [], reader);
        const width = await evaluate('document.documentElement.scrollWidth');
        assert.equal(width, viewport.width, reader);
      }
    });
  }

  for (const kind of ['with scopes', 'without keys']) {
    it(`${kind} has no fault that axe finds, and fits`, async () => {
      const { evaluate, page, complaints } = await open(kind, { bypassCSP: true });
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
      assert.deepEqual(complaints, []);
    });

    it(`${kind} has links that all lead somewhere`, async () => {
      const { page, evaluate, complaints } = await open(kind);
      const links = texts.parse(await evaluate('Array.from(document.links, (link) => link.href)'));
      assert.ok(links.length > 1);
      for (const link of new Set(links)) {
        const { hash, origin } = new URL(link);
        assert.equal(`${origin}/`, urlOf(kind));
        const target = `document.getElementById(${JSON.stringify(hash.slice(1))})`;
        if (hash !== '') assert.equal(await evaluate(`${target} !== null`), true, link);
        else assert.equal((await page.request.get(link)).status(), 200, link);
      }
      assert.deepEqual(complaints, []);
    });

    it(`${kind} copies exactly what stands in each block`, async () => {
      const opened = await open(kind, { permissions: CLIPBOARD });
      const { page, evaluate, complaints } = opened;
      await evaluate(UNFOLD);
      await stopClock(page);
      const blocks = await blocksOf(opened);
      const buttons = page.getByRole('button', { name: 'Copy' });
      assert.equal(await buttons.count(), blocks.length);
      for (const [index, text] of blocks.entries()) {
        // The last ones are like the first.
        if (index > 12 && index % 7 !== 0) continue;
        await page.locator('figure.block button').nth(index).click();
        await page.locator('figure.block button').nth(index).getByText('Copied').waitFor();
        assert.equal(await evaluate('navigator.clipboard.readText()'), text);
        assert.match((await page.textContent('#announcement')) ?? '', /^Copied: ./);
      }
      await page.clock.runFor(SAID_FOR);
      assert.equal(await page.locator('button').getByText('Copied').count(), 0);
      assert.equal(await page.textContent('#announcement'), '');
      assert.deepEqual(complaints, []);
    });

    it(`${kind} says the same without scripts`, async () => {
      const opened = await open(kind);
      const without = await open(kind, { javaScriptEnabled: false });
      assert.equal(await without.page.locator('figure button').count(), 0);
      await opened.evaluate(
        "document.querySelectorAll('figure button').forEach((one) => one.remove())",
      );
      const main = await without.page.textContent('main');
      assert.equal(main, await opened.page.textContent('main'));
      assert.ok(main && main.length > 500);
      assert.deepEqual([...without.complaints, ...opened.complaints], []);
    });
  }

  it('copies over plain HTTP, where there is no clipboard to ask for', async () => {
    const url = urlOf('without keys').replace('127.0.0.1', PLAIN_HOST);
    const opened = await openPage(browser, url);
    assert.equal(await opened.evaluate('navigator.clipboard === undefined'), true);
    await stopClock(opened.page);
    const [text] = await blocksOf(opened);
    await opened.page.getByRole('button', { name: 'Copy' }).first().click();
    await opened.page.locator('figure.block button').first().getByText('Copied').waitFor();
    assert.equal(await opened.evaluate('getSelection().toString()'), '');
    const reading = await open('without keys', { permissions: CLIPBOARD });
    assert.equal(await reading.evaluate('navigator.clipboard.readText()'), text);
    assert.deepEqual(opened.complaints, []);
  });

  it('selects what cannot be copied, for the reader to do it', async () => {
    const opened = await open('without keys');
    await opened.evaluate("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))");
    await stopClock(opened.page);
    const [text] = await blocksOf(opened);
    await opened.page.getByRole('button', { name: 'Copy' }).first().click();
    await opened.page.locator('figure.block button').first().getByText('Selected').waitFor();
    assert.equal(await opened.evaluate('getSelection().toString()'), text);
    assert.deepEqual(opened.complaints, []);
  });

  it('makes nothing of what strangers write but text', async () => {
    const { page, evaluate, complaints } = await open('with scopes');
    assert.equal(await evaluate("document.querySelector('img')"), null);
    const name = page.locator('.user').first();
    assert.equal(await name.textContent(), HOSTILE.replace('\u202e', String.raw`\u{202e}`));
    assert.deepEqual(complaints, []);
  });

  it('can be read with the keyboard alone', async () => {
    const { page, evaluate } = await open('with scopes', READERS['on a phone, dark']);
    await page.keyboard.press('Tab');
    assert.equal(await evaluate('document.activeElement.textContent'), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await evaluate('document.activeElement.id'), 'content');
    const wide =
      "[...document.querySelectorAll('pre')].find((pre) => pre.scrollWidth > pre.clientWidth)";
    await evaluate(`${wide}.focus()`);
    await page.keyboard.press('ArrowRight');
    await eventually(async () => assert.ok(await evaluate(`${wide}.scrollLeft > 0`), 'not yet'));
  });
});
