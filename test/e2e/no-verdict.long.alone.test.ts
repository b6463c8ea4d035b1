// A message that takes gpgv more time than it may have, pushed over a good signature: the real gpgv,
// whose calls are counted, and a server that is started again. Alone, because gpgv has one second.
import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SLOW } from '../kit/signer/slow-message.ts';
import { Toolbox } from '../kit/process/toolbox.ts';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

const EXAMPLE = fileURLToPath(new URL('../../signatures', import.meta.url));

/** Puts files where a server reads them; null takes one away. */
type Publish = (files: Readonly<Record<string, Uint8Array | null>>) => Promise<unknown>;

describeWith(['git', 'gpgv'], 'a gpgv that runs out of time', () => {
  const { start } = useLookaside();
  const directory = useTemporary();
  let remote: GitRemote | undefined;
  let toolbox: Toolbox;
  let good: string;
  let bytes: Buffer;
  beforeEach(async () => {
    toolbox = await Toolbox.make(join(directory(), 'tools'));
    const calls = join(directory(), 'calls');
    await appendFile(calls, '');
    const note = `case "$1" in --version) ;; *) echo x >> '${calls}';; esac`;
    await toolbox.replace('gpgv', `${note}\nexec '${toolbox.real('gpgv')}' "$@"`);
    const [app = ''] = await readdir(join(EXAMPLE, 'team'));
    good = `team/${app}/signature-1`;
    bytes = await readFile(join(EXAMPLE, good));
  });
  afterEach(async () => {
    await remote?.remove();
    remote = undefined;
  });

  const calls = async (): Promise<number> =>
    (await readFile(join(directory(), 'calls'), 'latin1')).length / 'x\n'.length;
  const makeGit = async (): Promise<[string, Publish]> => {
    const made = await makeGitRemote();
    remote = made;
    return [made.path, async (files) => made.publish(files)];
  };
  const makeDirectory = async (): Promise<[string, Publish]> => {
    const root = join(directory(), 'signatures');
    const publish: Publish = async (files) => {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        if (content) await writeFile(join(root, path), content);
        else await rm(join(root, path));
      }
    };
    await mkdir(root);
    return [root, publish];
  };
  const isTold = async (server: Lookaside): Promise<void> =>
    eventually(async () => {
      const { troubles, rejected } = await readStatus(server);
      const trouble = troubles.find(({ kind }) => kind === 'undecided-files');
      assert.match(trouble?.message ?? '', /in place of 1 of them an older file is served/);
      assert.deepEqual(
        rejected.map(({ code, olderServedAs }) => [code, olderServedAs]),
        [['cannot-verify', `/${good}`]],
      );
    });

  for (const [kind, make] of Object.entries({ git: makeGit, directory: makeDirectory })) {
    it(`takes nothing away, and is not asked again at a start (${kind})`, async () => {
      const [source, publish] = await make();
      await publish({ [good]: bytes });
      const state = join(directory(), 'state');
      const args = ['--state-dir', state, '--poll', '1s', '--gpgv-limit', '1s'];
      const first = await start(source, args, { env: { PATH: toolbox.path } });
      await publish({ [good]: SLOW });
      await isTold(first);
      await eventually(async () => assert.equal(await calls(), 1));
      await eventually(async () => {
        const names = await readdir(state);
        assert.ok(
          names.some((name) => name.endsWith('.given-up')),
          names.join(),
        );
      });
      assert.deepEqual((await lookUp(first, good)).bytes, bytes);
      assert.equal(await first.stop(), 0);

      const second = await start(source, args, { env: { PATH: toolbox.path } });
      assert.deepEqual((await lookUp(second, good)).bytes, bytes);
      await isTold(second);
      await eventually(async () => assert.ok((await readStatus(second)).lastRefresh, 'not yet'));
      assert.equal(await calls(), 1);
      await publish({ [good]: null });
      await eventually(async () => assert.equal((await lookUp(second, good)).status, 404));
    });
  }
});
