// A state that is served stays so when the server is started again with budgets that it exceeds.
import assert from 'node:assert/strict';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useTemporary } from '../kit/temporary.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';

const EXAMPLE = fileURLToPath(new URL('../../signatures', import.meta.url));

describeWith(['git'], 'budgets that were lowered since', () => {
  const { start } = useLookaside();
  const directory = useTemporary();
  let remote: GitRemote;
  let good: string;
  let bytes: Buffer;
  beforeEach(async () => {
    remote = await makeGitRemote();
    const [app = ''] = await readdir(join(EXAMPLE, 'team'));
    good = `team/${app}/signature-1`;
    bytes = await readFile(join(EXAMPLE, good));
    await remote.publish({ [good]: bytes, one: '1', two: '2' });
  });
  afterEach(() => remote.remove());

  for (const isCheckpointThere of [true, false]) {
    const what = isCheckpointThere ? 'a checkpoint' : 'only a clone';
    it(`take away nothing, are told, and hold for what is pushed, with ${what}`, async () => {
      const args = ['--state-dir', directory(), '--poll', '1s'];
      const first = await start(remote.path, args);
      await eventually(async () => assert.ok((await readStatus(first)).lastRefresh, 'not yet'));
      await first.stop();
      if (!isCheckpointThere) {
        const images = (await readdir(directory())).filter((name) => name.endsWith('.checkpoint'));
        for (const name of images) await rm(join(directory(), name));
        assert.equal(images.length, 1);
      }
      const second = await start(remote.path, [...args, '--max-entries', '2']);
      assert.deepEqual((await lookUp(second, good)).bytes, bytes);
      const refused = async (said: RegExp): Promise<void> =>
        eventually(async () => {
          const { troubles } = await readStatus(second);
          const trouble = troubles.find(({ kind }) => kind === 'state-refused');
          assert.match(trouble?.message ?? '', said);
        });
      await refused(
        /it has 3 files or more, but --max-entries allows 2; the last good state is kept/,
      );
      await remote.publish({ three: '3' });
      await refused(/it has 4 files or more/);
      assert.deepEqual((await lookUp(second, good)).bytes, bytes);
      await remote.publish({ one: null, two: null, three: null });
      await eventually(async () => assert.deepEqual((await readStatus(second)).troubles, []));
      assert.deepEqual((await lookUp(second, good)).bytes, bytes);
    });
  }
});
