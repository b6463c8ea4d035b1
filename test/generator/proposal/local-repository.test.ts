import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { LocalRepository } from '../../../generator/proposal/local-repository.ts';
import { gitEnvironment } from '../../../generator/sources/git/processes/git-environment.ts';
import { SourceError } from '../../../generator/sources/source.ts';
import { type GitRemote, makeGitRemote } from '../../kit/remote/git-remote.ts';
import { describeWith } from '../../with-tools.ts';

describeWith(['git'], 'a repository on this machine', () => {
  let remote: GitRemote;
  let repository: LocalRepository;
  let [first, second] = ['', ''];
  before(async () => {
    remote = await makeGitRemote();
    first = await remote.commit({ 'a/file': 'x' });
    second = await remote.commit({ large: randomBytes(17 * 1024 * 1024) });
    const environment = gitEnvironment(process.env, undefined);
    repository = new LocalRepository(join(remote.work, '.git'), environment, undefined);
  });
  after(async () => {
    await repository.close();
    await remote.remove();
  });

  it('knows commits and directories by their names, and what it does not have', async () => {
    assert.equal(await repository.commitOf('main~1'), first);
    assert.equal(await repository.commitOf('nowhere'), undefined);
    assert.equal(await repository.commitOf('main\nmain'), undefined);
    assert.equal(await repository.commitOf('main:a'), undefined);
    const tree = await remote.git('rev-parse', `${first}:a`);
    assert.equal(await repository.treeAt(first, 'a'), tree);
    assert.equal(await repository.treeAt(first, 'a/file'), undefined);
    assert.equal(await repository.treeAt(first, 'b'), undefined);
  });

  it('knows where two commits have parted', async () => {
    assert.equal(await repository.mergeBase(first, second), first);
    await remote.git('checkout', '--quiet', '--orphan', 'apart');
    const apart = await remote.commit();
    await remote.git('checkout', '--quiet', 'main');
    assert.equal(await repository.mergeBase(first, apart), undefined);
    await assert.rejects(repository.mergeBase(first, 'nowhere'), SourceError);
  });

  it('knows which branch a symbolic ref stands for', async () => {
    await remote.git('symbolic-ref', 'refs/heads/unborn', 'refs/heads/nowhere');
    await remote.git('symbolic-ref', 'refs/heads/chain', 'HEAD');
    assert.equal(await repository.referent('HEAD'), 'refs/heads/main');
    assert.equal(await repository.referent('refs/heads/chain'), 'refs/heads/main');
    assert.equal(await repository.referent('refs/heads/unborn'), 'refs/heads/nowhere');
    assert.equal(await repository.referent('refs/heads/main'), undefined);
    assert.equal(await repository.referent('refs/heads/absent'), undefined);
    await remote.git('checkout', '--quiet', '--detach');
    assert.equal(await repository.referent('HEAD'), undefined);
    await remote.git('checkout', '--quiet', 'main');
  });

  it('sees no object in the place of another', async () => {
    await remote.git('replace', second, first);
    const environment = gitEnvironment(process.env, undefined);
    const fresh = new LocalRepository(join(remote.work, '.git'), environment, undefined);
    try {
      assert.notEqual(await fresh.treeAt(second, ''), await fresh.treeAt(first, ''));
      assert.equal(await fresh.mergeBase(first, second), first);
    } finally {
      await fresh.close();
      await remote.git('replace', '--delete', second);
    }
  });

  it('reads no more into memory than keys and rules need', async () => {
    const [small, large] = await Promise.all(
      [`${first}:a/file`, `${second}:large`].map(async (name) => remote.git('rev-parse', name)),
    );
    assert.ok(small !== undefined && large !== undefined);
    await repository.bring([small]);
    assert.equal((await repository.read(small)).toString(), 'x');
    await assert.rejects(repository.bring([small, large]), /is larger than 16 MiB/);
    await assert.rejects(repository.bring(['0'.repeat(40)]), SourceError);
  });
});
