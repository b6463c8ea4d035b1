// A push of ten small trees that multiply to 100,000,000 paths, into a store that is served.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

const EXAMPLE = fileURLToPath(new URL('../../signatures', import.meta.url));
const MiB = 1024 ** 2;
/** A server of few signatures takes 100 to 150; `git diff-tree` of this push takes 14,000. */
const MEMORY_LIMIT = 300 * MiB;
const LEVELS = 8;

const AUTHOR = {
  GIT_AUTHOR_NAME: 'Author',
  GIT_AUTHOR_EMAIL: 'author@example.test',
  GIT_COMMITTER_NAME: 'Author',
  GIT_COMMITTER_EMAIL: 'author@example.test',
};

const peakOf = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
};

describeWith(['git'], 'a repository that is a bomb', () => {
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
    await remote.publish({ [good]: bytes });
  });
  afterEach(() => remote.remove());

  const git = (args: readonly string[], input = ''): string =>
    execFileSync('git', ['--git-dir', remote.path, ...args], {
      input,
      encoding: 'utf8',
      env: { ...process.env, ...AUTHOR },
    }).trim();
  /** Pushes it beside what is there. */
  const pushBomb = (): void => {
    let entry = `100644 blob ${git(['hash-object', '-w', '--stdin'], 'x')}`;
    for (let level = 0; level < LEVELS; level++) {
      const lines = Array.from({ length: 10 }, (_, index) => `${entry}\td${index}`);
      entry = `040000 tree ${git(['mktree'], lines.join('\n'))}`;
    }
    const top = git(['mktree'], `${git(['ls-tree', 'main'])}\n${entry}\tbomb\n`);
    const commit = git(['commit-tree', '-p', 'main', '-m', 'Add images', top]);
    git(['update-ref', 'refs/heads/main', commit]);
  };
  it('is refused, costs no memory, and takes away nothing, nor after a restart', async () => {
    const args = ['--state-dir', directory(), '--poll', '1s'];
    const first = await start(remote.path, args);
    pushBomb();
    const refused = /it has 10000000\d files or more, but --max-entries allows 4000000/;
    await eventually(() => {
      assert.match(first.stderr(), refused);
    });
    assert.deepEqual((await lookUp(first, good)).bytes, bytes);
    assert.ok((await peakOf(first.pid)) < MEMORY_LIMIT, `${await peakOf(first.pid)} bytes`);
    await first.stop();
    const second = await start(remote.path, args, { timeout: 30_000 });
    assert.deepEqual((await lookUp(second, good)).bytes, bytes);
    assert.ok((await peakOf(second.pid)) < MEMORY_LIMIT);
  });
});
