// Numbers that caches may hold, from one run of the program to the next.
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../kit/eventually.ts';
import { makeGitRemote } from '../kit/remote/git-remote.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { EXAMPLE, TWICE } from '../kit/server/example-server.ts';
import { useTemporary } from '../kit/temporary.ts';

const FIRST = `${TWICE}/signature-1`;

/** What is at numbers 1 to 3. */
async function read(baseUrl: string): Promise<readonly string[]> {
  const answers = [1, 2, 3].map(async (number) => {
    const { status, headers } = await fetch(`${baseUrl}/${TWICE}/signature-${number}`);
    return status === 200 ? (headers.get('ETag') ?? '') : String(status);
  });
  return Promise.all(answers);
}

describe('a signature that is removed while the server does not run', () => {
  const servers = useLookaside();
  const directory = useTemporary();

  /** Serves, makes a change while it does not, and serves again. */
  async function restart(source: string, change: () => Promise<unknown>): Promise<void> {
    const args = ['--state-dir', join(directory(), 'state'), '--poll', '0s'];
    const first = await servers.startHere(source, args);
    const [one, two, end] = await read(first.baseUrl);
    assert.notEqual(one, two);
    assert.equal(end, '404');
    await first.stop();
    await change();
    const second = await servers.startHere(source, args);
    await eventually(async () => assert.deepEqual(await read(second.baseUrl), [two, two, '404']));
    await second.stop();
  }

  it('leaves the other one where it was, from a directory', async () => {
    const source = join(directory(), 'source');
    await cp(EXAMPLE, source, { recursive: true });
    await restart(source, async () => rm(join(source, FIRST)));
  });

  it('leaves the other one where it was, from git', async () => {
    const remote = await makeGitRemote();
    await cp(EXAMPLE, remote.work, { recursive: true });
    await remote.publish({});
    await restart(remote.path, async () => remote.publish({ [FIRST]: null }));
    await remote.remove();
  });
});
