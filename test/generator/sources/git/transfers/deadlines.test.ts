// What a remote may take in all, however busy it seems: it says something of its progress again and again.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { GitClone } from '../../../../../generator/sources/git/git-clone.ts';
import { GitLimitError } from '../../../../../generator/sources/git/processes/running-git.ts';
import { openGitRepository } from '../../../../../generator/sources/git/clone/git-repository.ts';
import type {
  TransferDeadlines,
  Transfers,
} from '../../../../../generator/sources/git/transfers/transfers.ts';
import { type GitRemote, makeGitRemote } from '../../../../kit/remote/git-remote.ts';
import { useTemporary } from '../../../../kit/temporary.ts';
import { SmartHttp, progressForEver } from '../../../../kit/remote/smart-http.ts';
import { describeWith } from '../../../../with-tools.ts';

const NEVER = 1e9;
const SOON = 1500;

const assertGivenUp = async (bringing: Promise<unknown>): Promise<void> => {
  const error: unknown = await bringing.catch((reason: unknown) => reason);
  assert.ok(error instanceof GitLimitError, String(error));
  assert.equal(error.limit, 'deadline');
};

describeWith(['git', 'git-http-backend'], 'the deadline of what talks to a remote', () => {
  const directory = useTemporary();
  let remote: GitRemote;
  let host: SmartHttp;
  const opened: GitClone[] = [];

  const open = async (deadlines?: TransferDeadlines): Promise<Transfers> => {
    const path = join(directory(), 'clone.git');
    const environment = { PATH: process.env['PATH'] ?? '' };
    await openGitRepository(path, environment);
    const clone = new GitClone(path, {
      url: host.url,
      environment,
      ending: undefined,
      ...(deadlines && { deadlines }),
    });
    opened.push(clone);
    return clone.transfers;
  };
  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ first: '1' });
    host = await SmartHttp.start(remote.path);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(async (clone) => clone.close()));
    await host.stop();
    await remote.remove();
  });

  it('ends a first clone', async () => {
    host.behave(progressForEver(50));
    const transfers = await open({ refresh: NEVER, clone: SOON });
    await assertGivenUp(transfers.fetch('main'));
  });

  it('ends what brings all of a branch again', async () => {
    host.behave(progressForEver(50));
    const transfers = await open({ refresh: NEVER, clone: SOON });
    await assertGivenUp(transfers.bringAll('main'));
  });

  for (const way of ['transfer', 'fetch'] as const) {
    it(`ends a refresh, which has less time (${way})`, async () => {
      await (await open()).fetch('main');
      host.behave(progressForEver(50));
      const transfers = await open({ refresh: SOON, clone: NEVER });
      await assertGivenUp(transfers[way]('main'));
    });
  }

  it('ends a question for blobs by their names', async () => {
    await remote.gitBare('config', 'uploadpack.allowAnySHA1InWant', 'true');
    await (await open()).fetch('main');
    const hang = progressForEver(50);
    host.behave((exchange) => (exchange.asks === 'refs' ? exchange.pass() : hang(exchange)));
    const transfers = await open({ refresh: SOON, clone: NEVER });
    const id = await remote.git('rev-parse', 'HEAD:first');
    await assertGivenUp(transfers.bringBlobs('a'.repeat(40), [id]));
  });
});
