/** The bar comes after a time: beside other tests a quick check might not be quick. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../kit/eventually.ts';
import { type Background, startBackground } from '../../kit/process/background.ts';
import { HeldGit } from '../../kit/process/held-git.ts';
import { startOnTerminal } from '../../kit/process/terminal.ts';
import { makeGitRemote } from '../../kit/remote/git-remote.ts';
import { makePublisher } from '../../kit/signer/publisher.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
/** By then a bar would be there. Milliseconds. */
const LONG = 3000;

describeWith(['gpg', 'git', 'script'], 'lookaside check', () => {
  const directory = useTemporary();

  it('on a terminal shows a bar when it takes long, and none when it does not', async () => {
    const [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
    const { location, bytes } = await publisher.sign();
    await remote.publish({ [location]: bytes });
    const git = await HeldGit.make(directory());
    const command = [process.execPath, MAIN, 'check', remote.path, '--keys', publisher.keyFile];
    const onTerminal = async (env: Readonly<Record<string, string>>): Promise<Background> =>
      startOnTerminal(command, { NO_COLOR: undefined, TERM: 'xterm', ...env });

    const quick = await onTerminal({});
    assert.equal(await quick.ended(), 0);
    assert.doesNotMatch(quick.stdout(), /files, /);

    const PATH = git.searchPath;
    const slow = await onTerminal({ PATH, NO_COLOR: '1' });
    await eventually(() => assert.match(slow.stdout(), /0\/1 files, /));
    // These have no bar, however long it takes.
    const dumb = await onTerminal({ PATH, TERM: 'dumb' });
    const [node = '', ...args] = command;
    const piped = await startBackground(node, args, { env: { PATH } });
    await sleep(LONG);
    await git.letGo();
    for (const check of [slow, dumb, piped]) assert.equal(await check.ended(), 0);
    assert.match(slow.stdout(), /good.*: 1 files: 1 accepted/);
    // oxlint-disable-next-line no-control-regex -- what is looked for
    assert.doesNotMatch(slow.stdout(), /\u001b\[[0-9;]+m/);
    assert.doesNotMatch(dumb.stdout(), /files, /);
    assert.ok(!dumb.stdout().includes('\u001b'));
    assert.equal(piped.stderr(), '');
    await Promise.all([publisher.stop(), remote.remove()]);
  });
});
