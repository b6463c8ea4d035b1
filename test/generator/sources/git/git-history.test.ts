import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { GitHistory } from '../../../../generator/sources/git/git-history.ts';
import { type GitRemote, makeGitRemote } from '../../../kit/remote/git-remote.ts';
import { describeWith } from '../../../with-tools.ts';
import { type State, importStates } from '../../../kit/remote/import-states.ts';
import { useTemporary } from '../../../kit/temporary.ts';

const environment = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' };
const MODE = '100644';

describeWith(['git'], 'the history of a clone', () => {
  const directory = useTemporary();
  let remote: GitRemote;
  const opened: GitHistory[] = [];
  beforeEach(async () => {
    remote = await makeGitRemote();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((history) => history.close()));
    await remote.remove();
  });
  const open = (path: string, ending?: AbortSignal): GitHistory => {
    const history = new GitHistory(path, environment, ending);
    opened.push(history);
    return history;
  };

  it('cuts what a commit says of itself, however long that is', async () => {
    const author = `--author=${'n'.repeat(10_000)} <a@b.test>`;
    await remote.commit({ a: '1' });
    const message = join(directory(), 'message');
    await writeFile(message, 's'.repeat(5_000_000));
    await remote.git('commit', '--quiet', '--amend', author, '--file', message);
    const commit = await remote.git('rev-parse', 'HEAD');
    const change = await open(join(remote.work, '.git')).lastChange(commit, 'a');
    assert.equal(change?.id, commit);
    assert.match(change?.subject ?? '', /^s{498}\.\.$/);
    assert.match(change?.author.name ?? '', /^n{198}\.\.$/);
  });

  it('tells the last change of each path, asked for alone or with others', async () => {
    const names = ['a/x', 'a/y', 'b', 'a b/é', 'q"uote/\\back', 'tab\t/c'];
    const state = fc.dictionary(fc.constantFrom(...names), fc.constantFrom('1', '2'));
    await fc.assert(
      fc.asyncProperty(fc.array(state, { minLength: 1, maxLength: 8 }), async (states) => {
        const bare = join(directory(), `${opened.length}.git`);
        execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
        const made = states.map(
          (files): State =>
            new Map(
              Object.entries(files).map(([path, content]) => [
                Buffer.from(path).toString('latin1'),
                { mode: MODE, content },
              ]),
            ),
        );
        await importStates(bare, made);
        const commit = execFileSync('git', ['--git-dir', bare, 'rev-parse', 'main']).toString();
        const history = open(bare);
        const paths = [...names, 'a', 'a b', 'q"uote', 'missing'];
        const ask = async (path: string) => {
          const change = await history.lastChange(commit.trim(), path);
          return change?.id;
        };
        const together = await Promise.all(paths.map(ask));
        for (const [index, path] of paths.entries()) {
          const args = ['--git-dir', bare, '--literal-pathspecs', 'rev-list', '-1', commit.trim()];
          const told = execFileSync('git', [...args, '--', path])
            .toString()
            .trim();
          const wanted = told === '' ? undefined : told;
          assert.equal(together[index], wanted, path);
          assert.equal(await ask(path), wanted, path);
        }
      }),
      { numRuns: 8 },
    );
  });

  it('tells what a commit took away, and who made it', async () => {
    await remote.publish({ 'd/one': '1', 'd/two': '2', 'e/three': '3' });
    await remote.git('rm', '-rq', 'd');
    const author = 'A\u0001 B <a@example.test>';
    await remote.git('commit', '-q', '--author', author, '-m', `\u0001${'c'.repeat(40)}`);
    const id = await remote.git('rev-parse', 'HEAD');
    await remote.commit({ later: '' });
    await remote.push();
    const change = await open(remote.path).lastChange(await remote.git('rev-parse', 'HEAD'), 'd');
    assert.deepEqual(
      [change?.id, change?.removed, change?.isMerge, change?.author],
      [id, ['d/one', 'd/two'], false, { name: 'A\u0001 B', email: 'a@example.test' }],
    );
    assert.equal(change?.subject, `\u0001${'c'.repeat(40)}`);
    assert.match(change?.date ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('finds what a merge left out', async () => {
    await remote.publish({ 'README.md': '' });
    await remote.git('checkout', '-q', '-b', 'other');
    await remote.commit({ more: '' });
    await remote.git('checkout', '-q', 'main');
    await remote.commit({ 'd/one': '1' });
    await remote.git('checkout', '-q', 'other');
    await remote.git('merge', '-q', '-s', 'ours', '--no-edit', 'main');
    await remote.git('push', '-q', 'origin', 'HEAD:refs/heads/main');
    const id = await remote.git('rev-parse', 'HEAD');
    const history = open(remote.path);
    for (const paths of [['d'], ['d', 'more', 'missing']]) {
      const [change] = await Promise.all(paths.map((path) => history.lastChange(id, path)));
      assert.deepEqual(
        [change?.id, change?.removed, change?.isMerge],
        [id, ['d/one'], true],
        paths.join(),
      );
    }
  });

  it('tells nothing of a name that git cannot be asked for', async () => {
    await mkdir(join(remote.work, 'd'));
    await writeFile(join(remote.work, 'd', 'new\nline'), '');
    const id = await remote.publish({});
    const history = open(remote.path);
    assert.equal(await history.lastChange(id, 'd/new\nline'), undefined);
    assert.equal((await history.lastChange(id, 'd'))?.id, id);
  });

  it('says what git says, and nothing once all is ending', async () => {
    await remote.publish({ a: '' });
    const history = open(remote.path);
    await assert.rejects(history.lastChange('f'.repeat(40), 'a'), /git log failed: .*bad object/);
    const ending = new AbortController();
    ending.abort();
    const ended = open(remote.path, ending.signal);
    assert.equal(await ended.lastChange('f'.repeat(40), 'a'), undefined);
  });
});
