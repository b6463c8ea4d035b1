import assert from 'node:assert/strict';
import { getPriority } from 'node:os';
import { listTree } from '../../scripts/bench/process/proc.ts';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import { makeGitRemote } from '../kit/remote/git-remote.ts';
import { makePublisher } from '../kit/signer/publisher.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

/** As nice(1) counts. */
const GIT = 10;

describeWith(['gpg', 'git'], 'on a busy machine', () => {
  const servers = useLookaside();
  const directory = useTemporary();

  it('lookups go before the git that follows a source', async () => {
    const [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
    const { location, bytes } = await publisher.sign();
    await remote.publish({ [location]: bytes });
    const server = await servers.start(remote.path, publisher.serveArgs(directory()));
    await publisher.announce(server, await remote.publish({ 'README.md': 'more' }));
    await eventually(() => {
      const [own = 0, ...children] = listTree(server.pid);
      assert.ok(children.length >= 2, String(children.length));
      assert.deepEqual(
        new Set(children.map((pid) => getPriority(pid) - getPriority(own))),
        new Set([GIT]),
      );
    });
    await Promise.all([publisher.stop(), remote.remove()]);
  });
});
