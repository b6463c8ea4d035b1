import assert from 'node:assert/strict';
import { readOrigin } from '../../../../../generator/sources/git/objects/state-origin.ts';
import { type GitRemote, makeGitRemote } from '../../../../kit/remote/git-remote.ts';
import { runOrThrow } from '../../../../kit/process/run.ts';
import { describeWith } from '../../../../with-tools.ts';

describeWith(['git'], 'who brought a state', () => {
  let remote: GitRemote;
  const environment = { PATH: process.env['PATH'] ?? '' };
  const read = async (commit: string, path = remote.path) => readOrigin(path, environment, commit);
  const makeCommit = async (lines: readonly string[], message: string): Promise<string> => {
    const empty = await remote.gitBare('mktree', '--missing');
    const args = ['hash-object', '-t', 'commit', '-w', '--literally', '--stdin'];
    const input = [`tree ${empty}`, ...lines, 'committer C <c> 1 +0000', '', message].join('\n');
    const { stdout } = await runOrThrow('git', args, { cwd: remote.path, input });
    return stdout.trim();
  };

  before(async () => {
    remote = await makeGitRemote();
  });
  after(async () => remote.remove());

  it('are the author of the commit and who committed it, and when', async () => {
    const commit = await remote.publish({ a: 'a' });
    const { committedAt = '', ...people } = await read(commit);
    const author = 'Author <author@example.test>';
    assert.deepEqual(people, { commit, author, committer: author });
    assert.match(committedAt, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const other = await makeCommit(['author A <a> 9 +0000'], 'subject');
    const told = { commit: other, author: 'A <a>', committer: 'C <c>' };
    assert.deepEqual(await read(other), { ...told, committedAt: '1970-01-01T00:00:01Z' });
  });

  it('is printable and short, whatever the commit says', async () => {
    const name = `\u009b2J\u202e${'n'.repeat(1_000_000)}`;
    const commit = await makeCommit([`author ${name} <${name}> 1 +0000`], 'subject');
    const { author } = await read(commit);
    // Too long to be read, or cut.
    assert.equal(author, undefined);
    const short = name.slice(0, 2000);
    const other = await makeCommit([`author ${short} <${short}> 1 +0000`], 'x'.repeat(5_000_000));
    const told = (await read(other)).author ?? '';
    assert.match(told, /^\\u\{9b\}2J\\u\{202e\}n+… <\\u\{9b\}2J\\u\{202e\}n+…>$/);
    assert.ok(told.length < 300);
  });

  it('is not told where git cannot tell it', async () => {
    const commit = await makeCommit(['author nobody'], 'subject');
    assert.equal((await read(commit)).author, undefined);
    const missing = '1'.repeat(40);
    assert.deepEqual(await read(missing), { commit: missing });
    assert.deepEqual(await readOrigin(remote.path, { PATH: '/nowhere' }, missing), {
      commit: missing,
    });
  });
});
