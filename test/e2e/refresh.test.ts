import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { assertMissing, assertServed } from '../kit/program/assert-served.ts';
import { eventually } from '../kit/eventually.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { makePublisher, type Publisher, type SignedFile } from '../kit/signer/publisher.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

const TOKEN = 's3cret-token';

describeWith(['gpg', 'git', 'git-http-backend'], 'refresh', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let first: SignedFile;
  let second: SignedFile;

  before(async () => {
    publisher = await makePublisher();
    [first, second] = await Promise.all([publisher.sign(), publisher.sign()]);
  });
  after(() => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ [first.location]: first.bytes });
  });
  afterEach(() => remote.remove());

  const serve = (source: string, ...args: readonly string[]) =>
    servers.startHere(source, [...publisher.serveArgs(directory()), ...args]);
  const push = () => remote.publish({ [second.location]: second.bytes });

  const sources = {
    'a path': async () => [remote.path],
    'http without a token': async () => [(await remote.serveHttp()).url],
    'http with a token': async () => {
      const file = join(directory(), 'token');
      await writeFile(file, `${TOKEN}\n`);
      return [(await remote.serveHttp({ token: TOKEN })).url, '--git-token-file', file];
    },
  };
  for (const [what, source] of Object.entries(sources)) {
    it(`serves what is pushed, and no longer what is removed, from ${what}`, async () => {
      const [url = '', ...args] = await source();
      const server = await serve(url, ...args);
      await assertServed(server, first);
      await assertMissing(server, second);

      const { status } = await publisher.announce(server, await push());
      assert.equal(status, 202);
      await eventually(() => assertServed(server, second));
      await assertServed(server, first);

      await publisher.announce(server, await remote.publish({ [second.location]: null }));
      await eventually(() => assertMissing(server, second));
      await assertServed(server, first);
      assert.ok(!server.stderr().includes(TOKEN));
    });
  }

  it('serves what is pushed within the poll interval', async () => {
    const server = await serve(remote.path, '--poll', '1s');
    await push();
    await eventually(() => assertServed(server, second));
    await remote.publish({ [second.location]: null });
    await eventually(() => assertMissing(server, second));
  });

  it('waits for a pushed commit that is not visible yet', async () => {
    const { url, requests } = await remote.serveHttp();
    const server = await serve(url);
    const commit = await remote.commit({ [second.location]: second.bytes });
    const asked = requests().length;
    await publisher.announce(server, commit);
    await eventually(() => assert.ok(requests().length > asked, 'not yet'));
    await eventually(async () => {
      const { lastRefresh } = await readStatus(server);
      assert.deepEqual([lastRefresh?.reason, lastRefresh?.result], ['retry', 'unchanged']);
    });
    await remote.push();
    await eventually(() => assertServed(server, second));
  });

  it('takes repeated deliveries without harm', async () => {
    const server = await serve(remote.path);
    const commit = await push();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => publisher.announce(server, commit)),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202]);
    await eventually(() => assertServed(server, second));
    await publisher.announce(server, commit);
    await eventually(async () =>
      assert.equal((await readStatus(server)).lastRefresh?.result, 'unchanged'),
    );
    assert.equal((await readStatus(server)).generation?.number, 2);
  });

  it('refreshes on SIGHUP', async () => {
    const server = await serve(remote.path);
    await push();
    server.signal('SIGHUP');
    await eventually(() => assertServed(server, second));
  });

  it('refreshes on POST /refresh', async () => {
    const server = await serve(remote.path);
    await push();
    const { status } = await fetch(`${server.statusUrl}/refresh`, { method: 'POST' });
    assert.equal(status, 202);
    await eventually(() => assertServed(server, second));
  });

  it('follows a rewritten history, and says so', async () => {
    const server = await serve(remote.path);
    await remote.git('commit', '--quiet', '--amend', '--message', 'Another history');
    const commit = await remote.commit({
      [first.location]: null,
      [second.location]: second.bytes,
    });
    await remote.push('--force');
    await publisher.announce(server, commit);
    await eventually(() => assertServed(server, second));
    await assertMissing(server, first);
    await server.waitForLine(/"level":"warn".*history was rewritten/);
  });

  it('serves on when the branch is deleted, and follows it when it is back', async () => {
    await remote.gitBare('config', 'receive.denyDeleteCurrent', 'ignore');
    const server = await serve(remote.path, '--branch', 'main');
    await remote.git('push', '--quiet', 'origin', ':main');
    await publisher.announce(server, '0'.repeat(40));
    await eventually(async () => {
      const { lastError, lastRefresh } = await readStatus(server);
      assert.equal(lastRefresh?.result, 'failed');
      assert.match(lastError?.message ?? '', /main/);
    });
    await assertServed(server, first);

    await publisher.announce(server, await push());
    await eventually(() => assertServed(server, second));
    // Told a moment after the state is in force.
    await eventually(async () => assert.equal((await readStatus(server)).lastError, null));
  });

  it('follows the default branch unless told', async () => {
    const trunk = await makeGitRemote('trunk');
    await trunk.publish({ [first.location]: first.bytes });
    await trunk.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
    const server = await serve(trunk.path);
    assert.equal((await readStatus(server)).source.branch, 'trunk');
    const commit = await trunk.publish({ [second.location]: second.bytes });
    await publisher.announce(server, commit, { ref: 'refs/heads/trunk' });
    await eventually(() => assertServed(server, second));
    await trunk.remove();
  });

  it('follows the branch that becomes the default', async () => {
    const server = await serve(remote.path);
    const commit = await remote.commit({ [second.location]: second.bytes });
    await remote.git('push', '--quiet', 'origin', 'HEAD:refs/heads/trunk');
    await remote.gitBare('symbolic-ref', 'HEAD', 'refs/heads/trunk');
    await remote.git('push', '--quiet', 'origin', ':main');
    server.signal('SIGHUP');
    await eventually(() => assertServed(server, second));
    const status = await readStatus(server);
    assert.deepEqual([status.source.branch, status.generation?.commit], ['trunk', commit]);
  });

  it('judges everything anew by the keys that are there on SIGHUP', async () => {
    const otherKey = await publisher.signer.makeKey({ algorithm: 'ed25519' });
    const other = await publisher.sign({ key: otherKey });
    await remote.publish({ [other.location]: other.bytes });
    const keys = join(directory(), 'keys.asc');
    await publisher.signer.exportKeys(keys, publisher.key);
    const args = ['--webhook-secret-file', publisher.secretFile, '--state-dir', directory()];
    const server = await servers.startHere(remote.path, ['--keys', keys, ...args]);
    await assertMissing(server, other);

    await publisher.signer.exportKeys(keys, otherKey);
    server.signal('SIGHUP');
    await eventually(() => assertServed(server, other));
    await assertMissing(server, first);

    await writeFile(keys, 'broken');
    server.signal('SIGHUP');
    await server.waitForLine(/keys\.asc: expected OpenPGP public keys/);
    await assertServed(server, other);
  });
});
