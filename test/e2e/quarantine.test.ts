import assert from 'node:assert/strict';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { makePublisher, type Publisher, type SignedFile } from '../kit/signer/publisher.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

const MODES = ['quarantine', 'refuse'] as const;

describeWith(['gpg', 'git'], 'a push that breaks a file', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  /** Pushed before; broken by the bad push; new with the bad push. */
  let kept: SignedFile;
  let broken: SignedFile;
  let added: SignedFile;

  before(async () => {
    publisher = await makePublisher();
    [kept, broken, added] = await Promise.all([
      publisher.sign(),
      publisher.sign(),
      publisher.sign(),
    ]);
  });
  after(() => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ [kept.location]: kept.bytes, [broken.location]: broken.bytes });
  });
  afterEach(() => remote.remove());

  const serve = (mode: (typeof MODES)[number]) =>
    servers.startHere(remote.path, [...publisher.serveArgs(directory()), '--on-invalid', mode]);
  const pushBadly = (bytes: string | Uint8Array = '<!doctype html>') =>
    remote.publish({ [broken.location]: bytes, [added.location]: added.bytes });
  const statuses = async (server: Lookaside) => {
    const files = [kept, broken, added];
    return Promise.all(files.map(async ({ location }) => (await lookUp(server, location)).status));
  };
  /** Waits until the newest refresh has this result and the status names the bad file. */
  const waitForReport = (server: Lookaside, result: string, code = 'html') =>
    eventually(async () => {
      const status = await readStatus(server);
      assert.equal(status.lastRefresh?.result, result);
      const rejected = status.rejected.map((file) => [file.path, file.code]);
      assert.deepEqual(rejected, [[broken.location, code]]);
      return status;
    });

  const defects: readonly (readonly [code: string, make: () => string | Uint8Array])[] = [
    ['html', () => '<!doctype html>'],
    ['empty', () => ''],
    ['armored', () => '-----BEGIN PGP MESSAGE-----\n'],
    ['digest-mismatch', () => kept.bytes],
    ['malformed', () => broken.bytes.subarray(0, broken.bytes.length / 2)],
  ];
  it('leaves out the file, whatever is wrong with it, and serves the rest', async () => {
    const server = await serve('quarantine');
    for (const [code, make] of defects) {
      await publisher.announce(server, await pushBadly(make()));
      const { lastError } = await waitForReport(server, 'changed', code);
      assert.deepEqual(await statuses(server), [200, 404, 200], code);
      assert.equal(lastError, null);
      await server.waitForLine(new RegExp(`"warn".*"path":"${broken.location}","code":"${code}"`));
    }
  });

  it('keeps the last good state with --on-invalid refuse, across a restart too', async () => {
    const good = await remote.git('rev-parse', 'HEAD');
    const server = await serve('refuse');
    const bad = await pushBadly();
    await publisher.announce(server, bad);
    const refused = await waitForReport(server, 'refused');
    assert.deepEqual(await statuses(server), [200, 200, 404]);
    assert.match(refused.lastError?.message ?? '', new RegExp(`${bad} is refused`));
    assert.equal(await server.stop(), 0);

    const again = await serve('refuse');
    assert.ok(again.commit && good.startsWith(again.commit));
    assert.deepEqual(await statuses(again), [200, 200, 404]);
    await waitForReport(again, 'refused');
    await publisher.announce(again, await pushBadly(broken.bytes));
    await eventually(async () => assert.deepEqual(await statuses(again), [200, 200, 200]));
    await assertHealthy(again);
  });

  it('serves nothing of a bad first state with --on-invalid refuse', async () => {
    await pushBadly();
    const args = [...publisher.serveArgs(directory()), '--on-invalid', 'refuse'];
    const server = await servers.startListening(remote.path, args);
    const status = await eventually(async () => {
      const now = await readStatus(server);
      assert.equal(now.lastRefresh?.result, 'refused');
      return now;
    });
    assert.equal(status.generation, null);
    assert.deepEqual(
      status.rejected.map(({ path }) => path),
      [broken.location],
    );
    assert.equal((await lookUp(server, kept.location)).status, 503);
    await publisher.announce(server, await pushBadly(broken.bytes));
    await server.waitForLine(/^lookaside: serving 3 signatures/);
  });

  for (const mode of MODES) {
    it(`is healed by the next good push with --on-invalid ${mode}`, async () => {
      const server = await serve(mode);
      await publisher.announce(server, await pushBadly());
      await waitForReport(server, mode === 'refuse' ? 'refused' : 'changed');
      await publisher.announce(server, await pushBadly(broken.bytes));
      await eventually(async () => assert.deepEqual(await statuses(server), [200, 200, 200]));
      await assertHealthy(server);
    });
  }
});

/** What is served comes into force before the report of it does. */
async function assertHealthy(server: Lookaside): Promise<void> {
  await eventually(async () => {
    const status = await readStatus(server);
    assert.deepEqual([status.lastError, status.rejected], [null, []]);
    assert.deepEqual(status.summary, { accepted: 3, unverified: 0, rejected: 0, ignored: 0 });
  });
}
