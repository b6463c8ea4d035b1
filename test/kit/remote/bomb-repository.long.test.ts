import assert from 'node:assert/strict';
import { join } from 'node:path';
import { run, runOrThrow } from '../process/run.ts';
import { useTemporary } from '../temporary.ts';
import { describeWith } from '../../with-tools.ts';
import {
  crowdedDigest,
  deepChain,
  deltaBomb,
  digestDirectory,
  hostileNames,
  hugeSubject,
  ignoredFiles,
  makeBzip2Bomb,
  multiplyingTree,
} from './bomb-repository.ts';
import { ObjectPack, type TreeEntry } from './object-pack.ts';

const MiB = 1024 * 1024;

describeWith(['git', 'gpgv', 'bzip2'], 'the kit: a bomb repository', () => {
  const directory = useTemporary();
  const git = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await runOrThrow('git', ['--git-dir', directory(), ...args]);
    return stdout;
  };
  beforeEach(async () => void (await git('init', '--quiet', '--bare')));

  async function commit(
    make: (pack: ObjectPack) => TreeEntry,
    message: string | Buffer = 'Bomb',
  ): Promise<{ id: string; objects: number }> {
    const pack = new ObjectPack();
    const id = pack.commit(make(pack), { message });
    await pack.writeTo(directory());
    return { id, objects: pack.size };
  }
  const listPaths = async (id: string): Promise<readonly string[]> => {
    const listed = await git('ls-tree', '-r', '-z', '--name-only', id);
    return listed.split('\0').filter(Boolean);
  };

  it('multiplies trees to paths', async () => {
    const { id, objects } = await commit((pack) => multiplyingTree(pack, { width: 6, depth: 4 }));
    assert.equal((await listPaths(id)).length, 6 ** 4);
    assert.equal(objects, 1 + 4 + 1);
  });

  it('chains trees to any depth', async () => {
    const good = Buffer.from('a signature');
    const { id } = await commit((pack) => deepChain(pack, 2_500, digestDirectory(pack, good)));
    const [path = ''] = await listPaths(id);
    assert.equal(path.split('/').length, 2_500 + 2);
    const { objects } = await commit((pack) =>
      deepChain(pack, 100_000, digestDirectory(pack, good)),
    );
    assert.equal(objects, 100_000 + 4);
  });

  it('makes much out of few bytes by deltas', async () => {
    const { id } = await commit((pack) => deltaBomb(pack, { blobs: 8, bytes: 8 * MiB }));
    const listed = await git('ls-tree', '-r', '-l', id);
    const sizes = listed
      .trim()
      .split('\n')
      .map((line) => Number(line.split(/\s+/)[3]));
    assert.equal(sizes.filter((size) => size > 8 * MiB).length, 8);
    const counted = await git('count-objects', '-v');
    assert.ok(Number(/^size-pack: (\d+)$/m.exec(counted)?.[1]) < 64);
    assert.equal(await git('fsck', '--strict', '--no-dangling'), '');
  });

  it('makes a subject line of any length', async () => {
    const { id } = await commit((pack) => pack.tree(new Map()), hugeSubject(2 * MiB));
    assert.equal((await git('log', '-1', '--format=%s', id)).length, 2 * MiB + 1);
  });

  it('makes many files that are ignored, and many numbers below a digest', async () => {
    const many = await commit((pack) => ignoredFiles(pack, 10_000));
    assert.equal((await listPaths(many.id)).length, 10_000);
    const crowd = await commit((pack) => crowdedDigest(pack, Buffer.from('x'), 3_000));
    assert.equal((await listPaths(crowd.id)).length, 3_000);
  });

  it('makes names that git would refuse', async () => {
    const { id } = await commit((pack) => hostileNames(pack, Buffer.from('a signature')));
    const names = (await git('ls-tree', '-z', '--name-only', id)).split('\0');
    for (const name of ['.git', '..', 'line\nbreak', 'c1 \u009b31m control']) {
      assert.ok(names.includes(name), name);
    }
  });

  it('keeps gpgv busy by a file that is small', async () => {
    const bomb = await makeBzip2Bomb(64 * MiB);
    assert.ok(bomb.length < 1024);
    const keyring = join(directory(), 'none.gpg');
    const { code, stderr } = await run('gpgv', ['--keyring', keyring], { input: bomb });
    assert.notEqual(code, 0);
    assert.match(stderr, /no signature found|No data|verify signatures failed/);
  });
});
