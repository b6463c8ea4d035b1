import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atLength } from '../kit/at-length.ts';
import { describeWith } from '../with-tools.ts';
import { assertServed } from '../kit/program/assert-served.ts';
import { eventually } from '../kit/eventually.ts';
import type { GitHttp } from '../kit/remote/git-http.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Listening, runLookasideProcess } from '../kit/program/lookaside.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { makePublisher, type Publisher, type SignedFile } from '../kit/signer/publisher.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { stallAfter } from '../kit/remote/stalling-proxy.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

const KILLS = atLength(3, 10);
/** A refresh of a small repository takes less, in milliseconds. */
const LONGEST_REFRESH = 200;
/** Retries come with pauses that double; in milliseconds. */
const HEALED = 15_000;

describeWith(['gpg', 'git', 'git-http-backend'], 'crash', () => {
  const servers = useLookaside();
  const state = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let http: GitHttp;
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
    http = await remote.serveHttp();
  });
  afterEach(() => remote.remove());

  const serve = (url = http.url) => servers.startHere(url, publisher.serveArgs(state()));
  /** What can be killed is a process of its own. */
  const serveApart = (url = http.url) => servers.start(url, publisher.serveArgs(state()));
  const push = () => remote.publish({ [second.location]: second.bytes });

  it('starts cleanly after it was killed amid the clone', async () => {
    await remote.publish({ noise: randomBytes(1024 * 1024) });
    const proxy = await stallAfter(512 * 1024, http.url);
    const killed = await servers.startListening(proxy.url, publisher.serveArgs(state()));
    await proxy.stalled;
    assert.equal((await lookUp(killed, first.location)).status, 503);
    assert.equal(await killed.stop('SIGKILL'), null);
    proxy.release();

    const server = await serve(proxy.url);
    await assertServed(server, first);
    assert.doesNotMatch(server.stderr(), /"level":"(warn|error)"/);
    await proxy.stop();
  });

  it('starts cleanly after it was killed amid a refresh', async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      const server = await serveApart(remote.path);
      await assertServed(server, first);
      const commit = await remote.publish({ kill: String(kill) });
      assert.doesNotMatch(server.stderr(), /"level":"(warn|error)"/);
      await publisher.announce(server, commit);
      await sleep(Math.random() * LONGEST_REFRESH);
      assert.equal(await server.stop('SIGKILL'), null);
    }
    await push();
    const server = await serve(remote.path);
    await eventually(() => assertServed(server, second));
    assert.doesNotMatch(server.stderr(), /"level":"(warn|error)"/);
  });

  const outages: Readonly<Record<string, { begin: () => unknown; end: () => unknown }>> = {
    'is down': { begin: () => http.down(), end: () => http.up() },
    'fails with 502': { begin: () => http.failWith(502), end: () => http.failWith(undefined) },
    'is forbidden': { begin: () => http.failWith(403), end: () => http.failWith(undefined) },
  };
  for (const [what, { begin, end }] of Object.entries(outages)) {
    it(`serves on while the git host ${what}, and heals by itself`, async () => {
      const server = await serve();
      await begin();
      await publisher.announce(server, await push());
      assert.match(await waitForFailure(server), /^refresh failed: git fetch failed: /);
      await assertServed(server, first);
      assert.equal(await statusOf(server, '/readyz'), 200);
      await end();
      await eventually(() => assertServed(server, second), HEALED);
      await eventually(async () => assert.equal((await readStatus(server)).lastError, null));
    });
  }

  it('answers 503 while there is nothing to serve, and serves when the git host comes up', async () => {
    await http.down();
    const server = await servers.startListening(http.url, publisher.serveArgs(state()));
    await waitForFailure(server);
    const answer = await lookUp(server, first.location);
    assert.equal(answer.status, 503);
    assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
    assert.equal((await lookUp(server, 'team/app')).status, 404);
    assert.deepEqual(
      await Promise.all(['/readyz', '/livez'].map((path) => statusOf(server, path))),
      [503, 200],
    );
    assert.doesNotMatch(server.stderr(), /^lookaside: serving/m);

    await http.up();
    await server.waitForLine(/^lookaside: serving 1 signatures? /, HEALED);
    await assertServed(server, first);
    assert.equal(await statusOf(server, '/readyz'), 200);
  });

  it('starts from the state of last time while the git host is down, and says so', async () => {
    const before = await serveApart();
    await before.waitForLine(/"msg":"refreshed"/);
    assert.equal(await before.stop('SIGKILL'), null);
    await push();
    await http.down();
    const server = await serve();
    assert.equal(server.commit, before.commit);
    await assertServed(server, first);
    await server.waitForLine(/"level":"info".*"serving the last good state"/);
    assert.match(await waitForFailure(server), /git fetch failed/);
    await http.up();
    await eventually(() => assertServed(server, second), HEALED);
  });

  it('knows at the next start what it had just begun to serve when it was stopped', async () => {
    const before = await serveApart();
    assert.equal(await before.stop('SIGTERM'), 0);
    await http.down();
    const server = await serve();
    assert.equal(server.commit, before.commit);
    await assertServed(server, first);
  });

  it('leaves a state directory alone that another one uses', async () => {
    const server = await serveApart();
    const args = ['serve', http.url, '--listen', '127.0.0.1:0', ...publisher.serveArgs(state())];
    const { code, stderr } = await runLookasideProcess(args, { timeout: 30_000 });
    assert.equal(code, 2);
    const line = new RegExp(`^lookaside: .* is in use by .*process ${server.pid}\\)\nhint: .*\n$`);
    assert.match(stderr, line);
    await publisher.announce(server, await push());
    await eventually(() => assertServed(server, second));
    await server.stop('SIGKILL');
    const next = await serve();
    await eventually(() => assertServed(next, second));
  });

  it('outlives the loss of its clone, even when the history is rewritten meanwhile', async () => {
    const server = await serve();
    await server.waitForLine(/"msg":"refreshed"/);
    const [name = ''] = await readdir(state());
    await rm(join(state(), name, 'clone.git'), { recursive: true });
    await remote.git('commit', '--quiet', '--amend', '--message', 'Another history');
    const commit = await remote.commit({ [second.location]: second.bytes });
    await remote.push('--force');
    await publisher.announce(server, commit);
    await assertServed(server, first);
    await eventually(() => assertServed(server, second), HEALED);
    await assertServed(server, first);
  });
});

async function statusOf({ statusUrl }: Listening, path: string): Promise<number> {
  return (await fetch(`${statusUrl}${path}`)).status;
}

/** Waits for a refresh that failed; returns what the status says of it. */
async function waitForFailure(server: Listening): Promise<string> {
  return eventually(async () => {
    const { lastError, lastRefresh } = await readStatus(server);
    assert.equal(lastRefresh?.result, 'failed');
    return lastError?.message ?? '';
  });
}
