/** The bar comes after a time: beside other tests a quick check might not be quick. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeGitRemote } from '../../kit/remote/git-remote.ts';
import { runLookasideProcess } from '../../kit/program/lookaside.ts';
import { makePublisher } from '../../kit/signer/publisher.ts';
import { run, type RunResult } from '../../kit/process/run.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith, toolPath } from '../../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** Under a pseudo-terminal, where standard output and standard error are one. */
const onTerminal = async (
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<RunResult> => {
  const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`);
  const env = { NO_COLOR: undefined, TERM: 'xterm', ...more };
  return run('script', ['-qec', words.join(' '), '/dev/null'], { env });
};

describeWith(['gpg', 'git'], 'lookaside check', () => {
  const directory = useTemporary();

  const hasTerminal = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;
  if (!hasTerminal) return;
  it('on a terminal shows a bar when it takes long, and none when it does not', async () => {
    const [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
    const { location, bytes } = await publisher.sign();
    await remote.publish({ [location]: bytes });
    // Contents come from `git cat-file --batch`, which here takes its time; the count does not.
    const bin = join(directory(), 'bin');
    await mkdir(bin);
    const slowGit = `case "$*" in *"cat-file --batch") sleep 3 ;; esac; exec ${toolPath('git')} "$@"`;
    await writeFile(join(bin, 'git'), `#!/bin/sh\n${slowGit}\n`, { mode: 0o755 });
    const PATH = `${bin}:${process.env['PATH']}`;
    const args = ['check', remote.path, '--keys', publisher.keyFile];
    const quick = await onTerminal(args);
    assert.doesNotMatch(quick.stdout, /files, /);
    const slow = await onTerminal(args, { PATH, NO_COLOR: '1' });
    // These have no bar, however long it takes, and mostly wait.
    const [dumb, piped] = await Promise.all([
      onTerminal(args, { PATH, TERM: 'dumb' }),
      runLookasideProcess(args, { env: { PATH } }),
    ]);
    assert.match(slow.stdout, /0\/1 files, /);
    assert.match(slow.stdout, /good.*: 1 files: 1 accepted/);
    // oxlint-disable-next-line no-control-regex -- what is looked for
    assert.doesNotMatch(slow.stdout, /\u001b\[[0-9;]+m/);
    assert.doesNotMatch(dumb.stdout, /files, /);
    assert.ok(!dumb.stdout.includes('\u001b'));
    assert.equal(piped.stderr, '');
    await Promise.all([publisher.stop(), remote.remove()]);
  });
});
