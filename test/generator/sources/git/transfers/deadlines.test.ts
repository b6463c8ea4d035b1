// What a remote may take in all, however busy it seems: it says something of its progress again and again.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { GitLimitError } from '../../../../../generator/sources/git/processes/running-git.ts';
import {
  GitHelpers,
  type TransferDeadlines,
} from '../../../../../generator/sources/git/transfers/transfers.ts';
import { openGitRepository } from '../../../../../generator/sources/git/clone/git-repository.ts';
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
  const opened: GitHelpers[] = [];

  const open = async (deadlines?: TransferDeadlines): Promise<GitHelpers> => {
    const clone = join(directory(), 'clone.git');
    const environment = { PATH: process.env['PATH'] ?? '' };
    await openGitRepository(clone, environment);
    const helpers = new GitHelpers(clone, {
      environment,
      ending: undefined,
      ...(deadlines && { deadlines }),
    });
    opened.push(helpers);
    return helpers;
  };
  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ first: '1' });
    host = await SmartHttp.start(remote.path);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(async (helpers) => helpers.close()));
    await host.stop();
    await remote.remove();
  });

  it('ends a first clone', async () => {
    host.behave(progressForEver(50));
    const helpers = await open({ refresh: NEVER, clone: SOON });
    await assertGivenUp(helpers.fetch(host.url, 'main'));
  });

  it('ends what brings all of a branch again', async () => {
    host.behave(progressForEver(50));
    const helpers = await open({ refresh: NEVER, clone: SOON });
    await assertGivenUp(helpers.bringAll(host.url, 'main'));
  });

  for (const way of ['transfer', 'fetch'] as const) {
    it(`ends a refresh, which has less time (${way})`, async () => {
      await (await open()).fetch(host.url, 'main');
      host.behave(progressForEver(50));
      const helpers = await open({ refresh: SOON, clone: NEVER });
      await assertGivenUp(helpers[way](host.url, 'main'));
    });
  }

  it('ends a question for blobs by their names', async () => {
    await remote.gitBare('config', 'uploadpack.allowAnySHA1InWant', 'true');
    await (await open()).fetch(host.url, 'main');
    const hang = progressForEver(50);
    host.behave((exchange) => (exchange.asks === 'refs' ? exchange.pass() : hang(exchange)));
    const helpers = await open({ refresh: SOON, clone: NEVER });
    const id = await remote.git('rev-parse', 'HEAD:first');
    await assertGivenUp(helpers.bringBlobs(host.url, 'a'.repeat(40), [id]));
  });
});
