import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertServed } from '../kit/program/assert-served.ts';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/process/free-port.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Publisher, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { readMetrics, sumsOf, valuesOf } from '../server/metrics/read-metrics.ts';
import { describeWith } from '../with-tools.ts';

const ANOTHER_HOST = '127.0.0.2';

/** What became of deliveries of git hosts, and to peers. */
async function deliveriesOf(server: Lookaside): Promise<readonly Record<string, number>[]> {
  const metrics = await readMetrics(server);
  const names = ['lookaside_webhook_deliveries_total', 'lookaside_peer_deliveries_total'];
  return names.map((name) =>
    Object.fromEntries(
      Object.entries(sumsOf(metrics, name, 'result')).filter(([, count]) => count > 0),
    ),
  );
}

async function countRefreshes(server: Lookaside): Promise<number> {
  const counts = Object.values(valuesOf(await readMetrics(server), 'lookaside_refresh_total'));
  return counts.reduce((sum, count) => sum + count, 0);
}

describeWith(['gpg', 'git'], 'two servers of a store', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;

  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ 'README.md': 'signatures' });
  });
  afterEach(() => remote.remove());

  const serve = async (name: string, ...args: readonly string[]): Promise<Lookaside> =>
    servers.startHere(remote.fileUrl, [...publisher.serveArgs(`${directory()}/${name}`), ...args]);
  it('both serve what one of them is told of; only what leads to a refresh is passed on, once', async () => {
    const port = await freePort();
    const second = await serve('second', `--listen=${ANOTHER_HOST}:${port}`, '--peers=127.0.0.1:1');
    const first = await serve('first', `--peers=${ANOTHER_HOST}:${port}`);
    await eventually(async () => {
      assert.equal((await readMetrics(first)).samples.get('lookaside_peers'), 1);
    });

    /** The start is one. */
    const assertRefreshes = async (count: number): Promise<void> => {
      await eventually(async () => {
        const counts = await Promise.all([first, second].map(countRefreshes));
        assert.deepEqual(counts, [count, count]);
      });
    };
    await assertRefreshes(1);
    const file = await publisher.sign();
    const commit = await remote.publish({ [file.location]: file.bytes });
    for (const options of [
      { event: 'ping' },
      { event: 'issues' },
      { ref: 'refs/heads/other' },
      { body: '{}' },
      { secret: 'another secret' },
    ]) {
      await publisher.announce(first, commit, options);
    }
    assert.equal((await publisher.announce(first, commit)).status, 202);
    await eventually(async () =>
      Promise.all([assertServed(first, file), assertServed(second, file)]),
    );
    await eventually(async () => {
      const [, passedOn] = await deliveriesOf(first);
      assert.deepEqual(passedOn, { delivered: 1 });
    });
    assert.deepEqual(await deliveriesOf(second), [{ accepted: 1 }, {}]);
    // Each of them has asked the git host once.
    await assertRefreshes(2);
  });

  it('both wait for a push that the git host shows later', async () => {
    const port = await freePort();
    const second = await serve('second', `--listen=${ANOTHER_HOST}:${port}`);
    const first = await serve('first', `--peers=${ANOTHER_HOST}:${port}`);
    const file = await publisher.sign();
    const commit = await remote.commit({ [file.location]: file.bytes });
    await remote.git('push', '--quiet', 'origin', 'HEAD:refs/prepared/next');
    assert.equal((await publisher.announce(first, commit)).status, 202);
    for (const server of [first, second]) {
      await eventually(async () => {
        assert.equal((await readStatus(server)).lastRefresh?.reason, 'retry');
      });
    }
    // Not by git, which may take long on a busy machine: servers wait for some time only.
    await writeFile(join(remote.path, 'refs/heads/main'), `${commit}\n`);
    await eventually(async () =>
      Promise.all([assertServed(first, file), assertServed(second, file)]),
    );
  });
});
