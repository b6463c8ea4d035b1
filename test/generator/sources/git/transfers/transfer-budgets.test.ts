// What a push may bring, and what the clone may take: above that the state is refused, the last good
// one stays, and the disk does not fill, however often it is tried.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Budgets } from '../../../../../generator/terms/budgets.ts';
import { measureClone } from '../../../../../generator/sources/git/clone/disk-use.ts';
import { type Source, StateRefusedError } from '../../../../../generator/sources/source.ts';
import type { GitHttp } from '../../../../kit/remote/git-http.ts';
import { type GitRemote, makeGitRemote } from '../../../../kit/remote/git-remote.ts';
import { findClone, openGitSource } from '../../../../kit/remote/open-git-source.ts';
import { useTemporary } from '../../../../kit/temporary.ts';
import { describeWith } from '../../../../with-tools.ts';
import { collect } from '../../../../kit/remote/collect.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const refusal = async (refreshing: Promise<unknown>): Promise<StateRefusedError> => {
  const error: unknown = await refreshing.catch((reason: unknown) => reason);
  assert.ok(error instanceof StateRefusedError, String(error));
  return error;
};
const refreshAndKeep = async (opened: Source): Promise<string> => {
  const snapshot = await opened.refresh();
  await opened.keep(snapshot);
  return snapshot.commit ?? assert.fail();
};

describeWith(['git', 'git-http-backend'], 'the budgets of a clone', () => {
  const state = useTemporary();
  let remote: GitRemote;
  let source: Source | undefined;
  const open = async (budgets: Partial<Budgets>, url = remote.fileUrl): Promise<Source> => {
    await source?.close();
    source = await openGitSource(url, state(), budgets);
    return source;
  };
  const cloneDirectory = async (): Promise<string> => findClone(state());
  /** All that git has written, whether or not it counts. */
  const sizeOnDisk = async (): Promise<number> => {
    const clone = await cloneDirectory();
    const places = [clone, join(clone, 'incoming'), `${clone}.new`, `${clone}.old`];
    const sizes = await Promise.all(places.map(async (place) => (await measureClone(place)).bytes));
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  const packs = async () => {
    const directory = join(await cloneDirectory(), 'objects/pack');
    const names = (await readdir(directory)).toSorted();
    return Promise.all(names.map(async (name) => (await stat(join(directory, name))).ino));
  };
  /** A push that is taken back: what it brought is reachable no more. */
  const pushAside = async (changes: Readonly<Record<string, Uint8Array>>): Promise<string> => {
    const base = await remote.git('rev-parse', 'HEAD');
    const commit = await remote.commit(changes);
    await remote.push('--force');
    await remote.git('reset', '--quiet', '--hard', base);
    return commit;
  };

  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ first: '1' });
  });
  afterEach(async () => {
    await source?.close();
    source = undefined;
    await remote.remove();
  });

  for (const way of ['file://', 'HTTP'] as const) {
    it(`refuse a push that brings too much by ${way}, and leave nothing of it`, async () => {
      const http: GitHttp | undefined = way === 'HTTP' ? await remote.serveHttp() : undefined;
      const opened = await open({ transfer: 256 * KIB }, http?.url);
      const good = await refreshAndKeep(opened);
      const before = await sizeOnDisk();
      const bad = await pushAside({ large: randomBytes(MIB) });

      const first = await refusal(opened.refresh());
      assert.match(first.message, /brings more than 256 KiB of objects/);
      assert.match(first.hint ?? '', /--max-transfer/);
      const second = await refusal(opened.refresh());
      assert.equal(second.origin.commit, bad);
      assert.ok((await sizeOnDisk()) <= before);

      // From now on it is known.
      const transfers = () =>
        http?.requests().filter((line) => line.startsWith('POST')).length ?? 0;
      const already = transfers();
      for (let poll = 0; poll < 3; poll++) {
        assert.equal((await refusal(opened.refresh())).origin.commit, bad);
      }
      // A question for refs each, and no pack.
      assert.ok(transfers() - already <= 3);
      assert.equal((await opened.recall())?.commit, good);

      const next = await remote.commit({ second: '2' });
      await remote.push('--force');
      assert.equal(await refreshAndKeep(opened), next);
    });
  }

  it('refuse a first clone that brings too much', async () => {
    await remote.publish({ large: randomBytes(MIB) });
    const opened = await open({ transfer: 256 * KIB });
    for (let poll = 0; poll < 3; poll++) await refusal(opened.refresh());
    assert.ok((await sizeOnDisk()) < 64 * KIB);
    const more = await open({ transfer: 4 * MIB });
    await refreshAndKeep(more);
  });

  it('keep what is small on the wire small on the disk', async () => {
    const opened = await open({});
    await refreshAndKeep(opened);
    // Each is a few bytes more than another one.
    const shared = randomBytes(MIB / 4);
    const bombs = Array.from({ length: 40 }, (_, index) => [
      `bomb${index}`,
      Buffer.concat([shared, Buffer.from(`${index}`)]),
    ]);
    await remote.publish(Object.fromEntries(bombs));
    await refreshAndKeep(opened);
    assert.ok((await sizeOnDisk()) < MIB, `${await sizeOnDisk()} bytes`);
  });

  it('let no push after another fill the disk', async () => {
    const disk = 3 * MIB;
    const opened = await open({ disk });
    const good = await refreshAndKeep(opened);
    for (let push = 0; push < 6; push++) {
      const commit = await pushAside({ [`large${push}`]: randomBytes(MIB) });
      // Each is small enough by itself: what came before has to go.
      assert.equal((await opened.refresh()).commit, commit);
      assert.ok((await sizeOnDisk()) <= disk);
    }
    assert.equal((await opened.recall())?.commit, good);
    const recalled = (await opened.recall()) ?? assert.fail();
    assert.equal((await collect(recalled.entries())).length, 1);
  });

  it('refuse a state that is too large for the clone, and name who pushed it', async () => {
    const opened = await open({ disk: 2 * MIB });
    const good = await refreshAndKeep(opened);
    const before = await sizeOnDisk();
    const bad = await pushAside({ large: randomBytes(4 * MIB) });
    for (let poll = 0; poll < 3; poll++) {
      const error = await refusal(opened.refresh());
      assert.match(error.message, /would take 4\.\d MiB on the disk, above its budget of 2 MiB/);
      assert.match(error.hint ?? '', /--max-disk/);
      const { commit, author } = error.origin;
      assert.deepEqual([commit, author], [bad, 'Author <author@example.test>']);
      assert.ok((await sizeOnDisk()) <= before + 64 * KIB);
    }
    assert.equal((await opened.recall())?.commit, good);
    const next = await remote.commit({ second: '2' });
    await remote.push('--force');
    assert.equal(await refreshAndKeep(opened), next);
  });

  it('do not count on a clone that has lost its refs', async () => {
    const opened = await open({ disk: 2 * MIB });
    await refreshAndKeep(opened);
    const clone = await cloneDirectory();
    const object = await remote.git('rev-parse', 'HEAD');
    await remote.git('--git-dir', clone, 'update-ref', '-d', 'refs/lookaside/fetched');
    await remote.git('--git-dir', clone, 'update-ref', '-d', 'refs/lookaside/published');
    await pushAside({ large: randomBytes(4 * MIB) });
    await refusal(opened.refresh());
    assert.equal(await remote.git('--git-dir', clone, 'cat-file', '-t', object), 'commit');
  });

  it('do not bring a state twice that was not kept', async () => {
    const http = await remote.serveHttp();
    const opened = await open({}, http.url);
    await refreshAndKeep(opened);
    const commit = await remote.publish({ second: randomBytes(MIB) });
    assert.equal((await opened.refresh()).commit, commit);
    const before = await packs();
    assert.ok(before.length > 0);
    for (let poll = 0; poll < 3; poll++) assert.equal((await opened.refresh()).commit, commit);
    assert.deepEqual(await packs(), before);
  });

  it('put many packs together, and lose none', async () => {
    const opened = await open({});
    await refreshAndKeep(opened);
    const clone = await cloneDirectory();
    for (let index = 0; index < 30; index++) {
      const file = join(state(), 'blob');
      await writeFile(file, `blob ${index}`);
      const id = await remote.git('--git-dir', clone, 'hash-object', '-w', file);
      await mkdir(join(clone, 'objects/pack'), { recursive: true });
      await writeFile(join(state(), 'ids'), `${id}\n`);
      await remote.git(
        '-c',
        `alias.pack=!git --git-dir='${clone}' pack-objects -q '${clone}/objects/pack/pack' <'${state()}/ids'`,
        'pack',
      );
      await remote.git('--git-dir', clone, 'prune-packed', '-q');
    }
    assert.ok((await measureClone(clone)).packs > 30);
    await remote.publish({ second: '2' });
    await refreshAndKeep(opened);
    await opened.close();
    source = undefined;
    assert.ok((await measureClone(clone)).packs < 5);
    const again = await open({});
    await remote.publish({ third: '3' });
    const snapshot = await again.refresh();
    assert.equal((await collect(snapshot.entries())).length, 3);
  });
});
