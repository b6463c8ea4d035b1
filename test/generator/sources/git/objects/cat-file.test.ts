import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CatFile } from '../../../../../generator/sources/git/objects/cat-file.ts';
import { gitEnvironment } from '../../../../../generator/sources/git/processes/git-environment.ts';
import { useTemporary } from '../../../../kit/temporary.ts';
import { describeWith } from '../../../../with-tools.ts';

const environment = gitEnvironment(process.env, undefined);

const textOf = async (catFile: CatFile, id: string) =>
  Buffer.from((await catFile.ask(id)).bytes).toString();

describeWith(['git'], 'git cat-file', () => {
  const directory = useTemporary();
  let repository: string;
  const open: CatFile[] = [];
  const git = (input: string | Uint8Array, ...args: readonly string[]) =>
    execFileSync('git', ['--git-dir', repository, ...args], { input, encoding: 'utf8' }).trim();
  const store = (content: string | Uint8Array) => git(content, 'hash-object', '-w', '--stdin');
  const openMode = (mode: '--batch' | '--batch-check'): CatFile => {
    const opened = new CatFile(repository, environment, mode);
    open.push(opened);
    return opened;
  };

  beforeEach(() => {
    repository = join(directory(), 'repository.git');
    execFileSync('git', ['init', '--quiet', '--bare', repository]);
  });
  afterEach(() => Promise.all(open.splice(0).map((one) => one.close())));

  it('gives contents, however the pipe cuts them', async () => {
    const catFile = openMode('--batch');
    const contents = [0, 1, 65_535, 65_536, 1_000_000, 2, 0].map((size, index) =>
      Buffer.alloc(size, `${index}\n`),
    );
    const ids = contents.map(store);
    const answers = await Promise.all(ids.map((id) => catFile.ask(id)));
    for (const [index, { id, type, size, bytes }] of answers.entries()) {
      assert.deepEqual([id, type, size], [ids[index], 'blob', contents[index]?.length]);
      assert.ok(contents[index]?.equals(bytes));
      assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
    }
  });

  it('answers thousands of questions at once, each with its own', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => store(`content ${index}\n`.repeat(index)));
    const catFile = openMode('--batch');
    const texts = await Promise.all(
      Array.from({ length: 20_000 }, (_, index) => textOf(catFile, ids[index % 50] ?? '')),
    );
    for (const [index, text] of texts.entries()) {
      assert.equal(text, `content ${index % 50}\n`.repeat(index % 50));
    }
  });

  it('tells of what is not there, and goes on', async () => {
    const catFile = openMode('--batch');
    const id = store('x');
    const questions = ['f'.repeat(40), id, 'no such name', `${id}^{tree}`, id];
    const answers = await Promise.allSettled(questions.map((name) => catFile.ask(name)));
    assert.deepEqual(
      answers.map((answer) => answer.status),
      ['rejected', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
    );
    await assert.rejects(catFile.ask('f'.repeat(40)), {
      name: 'SourceError',
      message: `git cat-file: expected an object, got "${'f'.repeat(40)} missing"`,
    });
  });

  it('tells types and sizes without reading contents', async () => {
    const sizes = openMode('--batch-check');
    const id = store(Buffer.alloc(5_000_000));
    const { type, size, bytes } = await sizes.ask(id);
    assert.deepEqual([type, size, bytes.length], ['blob', 5_000_000, 0]);
    const tree = git(`100644 blob ${id}\ta\n`, 'mktree');
    assert.equal((await sizes.ask(`${tree}:a`)).id, id);
    assert.equal((await sizes.ask(tree)).type, 'tree');
  });

  it('sees what comes and moves between questions, also while it reads', async () => {
    const catFile = openMode('--batch');
    const first = store('first');
    git(`100644 blob ${first}\ta\n`, 'mktree');
    const tree = git(`100644 blob ${first}\ta\n`, 'mktree');
    git('', 'update-ref', 'refs/kept/tree', tree);
    assert.equal(await textOf(catFile, first), 'first');
    for (let round = 0; round < 5; round++) {
      const reading = Promise.all(Array.from({ length: 500 }, () => textOf(catFile, first)));
      const later = store(`later ${round}`);
      git('', 'update-ref', `refs/kept/${round}`, later);
      git('', 'gc', '--quiet', '--prune=now');
      assert.ok(!(await readdir(join(repository, 'objects'))).includes(later.slice(0, 2)));
      assert.equal(await textOf(catFile, later), `later ${round}`);
      assert.ok((await reading).every((text) => text === 'first'));
    }
  });

  it('rejects what is asked when git is killed, and all that is asked later', async () => {
    const catFile = openMode('--batch');
    const id = store('x');
    assert.equal(catFile.hasEnded(), false);
    const asked = Array.from({ length: 100 }, () => catFile.ask(id));
    catFile.kill();
    for (const one of await Promise.allSettled(asked)) assert.equal(one.status, 'rejected');
    await assert.rejects(catFile.ask(id), { name: 'SourceError' });
    assert.equal(catFile.hasEnded(), true);
  });

  it('answers what was asked before it is closed', async () => {
    const catFile = openMode('--batch');
    const id = store('x');
    const asked = catFile.ask(id);
    await Promise.all([catFile.close(), catFile.close()]);
    assert.equal((await asked).size, 1);
    await assert.rejects(catFile.ask(id), { name: 'SourceError' });
  });

  it('says why git ended', async () => {
    const nowhere = new CatFile(join(directory(), 'none'), environment, '--batch');
    await assert.rejects(nowhere.ask('HEAD'), {
      message: /^git cat-file failed: fatal: not a git/,
    });
    await nowhere.close();
  });
});
