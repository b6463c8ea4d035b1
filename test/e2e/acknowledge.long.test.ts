// Whoever has read on the page what was taken away ends the trouble there, with nothing but a browser.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import axe from 'axe-core';
import { READERS, openPage, startBrowser } from '../kit/browser/browser.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { eventually } from '../kit/eventually.ts';
import { makeGitRemote } from '../kit/remote/git-remote.ts';
import { makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

describeWith(['chromium', 'gpg', 'git'], 'what was taken away, in a browser', () => {
  const servers = useLookaside();
  const directory = useTemporary();

  it('is acknowledged with a button, without scripts', async () => {
    const [publisher, remote, browser] = await Promise.all([
      makePublisher(),
      makeGitRemote(),
      startBrowser(),
    ]);
    try {
      const digest = `sha256:${'ab'.repeat(32)}`;
      const first = await publisher.sign({ digest });
      const key = await publisher.signer.makeKey({ algorithm: 'ed25519', name: 'Other' });
      const second = await publisher.sign({ digest, number: 2, key });
      const keys = await publisher.signer.exportKeys(join(directory(), 'other.asc'), key);
      await remote.publish({ [first.location]: first.bytes, [second.location]: second.bytes });
      const args = publisher.serveArgs(join(directory(), 'state'));
      const { statusUrl } = await servers.startHere(remote.path, [...args, `--keys=${keys}`]);
      await remote.publish({ [second.location]: null });
      await fetch(`${statusUrl}/refresh`, { method: 'POST' });
      await eventually(async () =>
        assert.notEqual((await readStatus({ statusUrl })).lost?.author ?? null, null),
      );

      const read = await openPage(browser, statusUrl, { bypassCSP: true });
      await read.evaluate(axe.source);
      for (const [reader, { viewport, colorScheme }] of Object.entries(READERS)) {
        await read.page.setViewportSize(viewport);
        await read.page.emulateMedia({ colorScheme });
        assert.deepEqual(
          await read.evaluate('axe.run().then((all) => all.violations)'),
          [],
          reader,
        );
        assert.equal(
          await read.evaluate('document.documentElement.scrollWidth'),
          viewport.width,
          reader,
        );
      }

      const { page, complaints } = await openPage(browser, statusUrl, { javaScriptEnabled: false });
      const sent = page.waitForRequest((request) => request.method() === 'POST');
      await page.getByRole('button', { name: 'Acknowledge' }).click();
      // Over plain HTTP from afar it is all by which a browser says that its own page asks.
      assert.equal(await (await sent).headerValue('origin'), statusUrl);
      await page.getByRole('heading', { name: 'Signature store' }).waitFor();
      assert.equal(page.url(), `${statusUrl}/`);
      assert.equal(await page.getByText('signatures-lost').count(), 0);
      assert.equal((await readStatus({ statusUrl })).lost, null);
      assert.deepEqual(complaints, []);
    } finally {
      await Promise.all([browser.close(), publisher.stop(), remote.remove()]);
    }
  });
});
