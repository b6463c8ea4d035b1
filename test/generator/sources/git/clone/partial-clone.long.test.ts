// Blobs that are too large to be served are left out by a remote that can do that. No remote takes a
// signature away in this way, and a clone with holes is as good as any other.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_BLOB_BYTES } from '../../../../../generator/openpgp/signature-file.ts';
import type { Budgets } from '../../../../../generator/terms/budgets.ts';
import { measureClone } from '../../../../../generator/sources/git/clone/disk-use.ts';
import { isPartial } from '../../../../../generator/sources/git/clone/partial-clone.ts';
import {
  type Snapshot,
  type Source,
  SourceError,
  StateRefusedError,
} from '../../../../../generator/sources/source.ts';
import { type GitRemote, makeGitRemote } from '../../../../kit/remote/git-remote.ts';
import { findClone, openGitSource } from '../../../../kit/remote/open-git-source.ts';
import { useTemporary } from '../../../../kit/temporary.ts';
import { SmartHttp, serveWell, withholding } from '../../../../kit/remote/smart-http.ts';
import { describeWith } from '../../../../with-tools.ts';
import { collect } from '../../../../kit/remote/collect.ts';

const MIB = 1024 ** 2;
const DIRECTORY = `app@sha256=${'a'.repeat(64)}`;
const [GOOD, LARGE] = [`${DIRECTORY}/signature-1`, `${DIRECTORY}/signature-2`];
/** Larger than a filter lets through, and little on the wire. */
const SPARSE = Buffer.alloc(5 * MIB, 'x');
const UNBOUNDED = 'the least that a file can have which is left out';

const refresh = async (opened: Source): Promise<Snapshot> => {
  const snapshot = await opened.refresh();
  await opened.keep(snapshot);
  return snapshot;
};
/** Sizes by path; NaN never. */
const sizes = async (snapshot: Snapshot): Promise<Readonly<Record<string, number | string>>> => {
  const entries = await collect(snapshot.entries());
  const found = entries.map((entry): [string, number | string] => {
    assert.ok(entry.kind === 'file');
    return [entry.path, entry.size === MAX_BLOB_BYTES + 1 ? UNBOUNDED : entry.size];
  });
  return Object.fromEntries(found);
};

describeWith(['git', 'git-http-backend'], 'a clone with blobs left out', () => {
  const state = useTemporary();
  let remote: GitRemote;
  let host: SmartHttp;
  let source: Source | undefined;

  const open = async (url: string, budgets: Partial<Budgets> = {}) => {
    await source?.close();
    source = await openGitSource(url, state(), budgets);
    return source;
  };
  const clone = async (): Promise<string> => findClone(state());
  const inClone = async (...args: readonly string[]): Promise<string> =>
    remote.git('--git-dir', await clone(), ...args);
  const isThere = async (path: string): Promise<boolean> => {
    const id = await remote.git('rev-parse', `HEAD:${path}`);
    return inClone('cat-file', '-t', id).then(
      () => true,
      () => false,
    );
  };
  const allow = async (...settings: readonly string[]): Promise<void> => {
    for (const name of settings) await remote.gitBare('config', `uploadpack.${name}`, 'true');
  };

  beforeEach(async () => {
    remote = await makeGitRemote();
    host = await SmartHttp.start(remote.path);
  });
  afterEach(async () => {
    await source?.close();
    source = undefined;
    await host.stop();
    await remote.remove();
  });

  for (const way of ['HTTP', 'file://'] as const) {
    const url = () => (way === 'HTTP' ? host.url : remote.fileUrl);

    it(`takes neither wire nor disk for a large file by ${way}`, async () => {
      await allow('allowFilter');
      await remote.publish({ [GOOD]: 'good', 'large.bin': randomBytes(6 * MIB) });
      const opened = await open(url());
      const first = await refresh(opened);
      assert.deepEqual(await sizes(first), { [GOOD]: 4, 'large.bin': UNBOUNDED });
      await remote.publish({ [LARGE]: 'second', 'larger.bin': randomBytes(6 * MIB) });
      const second = await refresh(opened);
      assert.equal((await collect(second.changesSince(first))).length, 2);
      const change = await opened.lastChange(second.commit ?? '', 'larger.bin');
      assert.equal(change?.id, second.commit);
      assert.equal(await isThere('large.bin'), false);
      assert.ok((await measureClone(await clone())).bytes < MIB);
      if (way === 'HTTP') assert.ok(host.bytesSent < MIB, `${host.bytesSent} bytes`);
    });

    it(`finds out by ${way} how large a file is that is named like a signature`, async () => {
      await allow('allowFilter', 'allowAnySHA1InWant');
      await remote.publish({ [GOOD]: 'good', 'large.bin': randomBytes(5 * MIB), [LARGE]: SPARSE });
      const opened = await open(url());
      const snapshot = await refresh(opened);
      const expected = { [GOOD]: 4, 'large.bin': UNBOUNDED, [LARGE]: SPARSE.length };
      assert.deepEqual(await sizes(snapshot), expected);
      assert.equal(await isPartial(await clone()), true);
      assert.equal(await isThere('large.bin'), false);
    });

    it(`is as large as before where nothing may be left out by ${way}`, async () => {
      await remote.publish({ [GOOD]: 'good', 'large.bin': randomBytes(5 * MIB) });
      const snapshot = await refresh(await open(url()));
      assert.deepEqual(await sizes(snapshot), { [GOOD]: 4, 'large.bin': 5 * MIB });
    });
  }

  it('becomes a whole one where a remote gives nothing by its name', async () => {
    await allow('allowFilter');
    await remote.publish({ [GOOD]: 'good', 'large.bin': randomBytes(5 * MIB), [LARGE]: SPARSE });
    const opened = await open(host.url);
    const expected = { [GOOD]: 4, 'large.bin': UNBOUNDED, [LARGE]: SPARSE.length };
    const first = await refresh(opened);
    assert.deepEqual(await sizes(first), expected);
    assert.equal(await isPartial(await clone()), false);
    assert.equal(await isThere('large.bin'), true);
    await inClone('fsck', '--full');
    await remote.publish({ 'next.bin': randomBytes(5 * MIB) });
    const second = await refresh(opened);
    assert.equal((await collect(second.changesSince(first))).length, 1);
    assert.equal(await isThere('next.bin'), true);
  });

  it('gives a rewritten history its files though those before lack some', async () => {
    await allow('allowFilter');
    await remote.publish({ [GOOD]: 'good', 'large.bin': randomBytes(5 * MIB) });
    const opened = await open(host.url);
    await refresh(opened);
    await remote.git('checkout', '--quiet', '--orphan', 'other');
    await remote.git('rm', '--quiet', '-rf', '.');
    await remote.commit({ [LARGE]: SPARSE });
    await remote.git('push', '--quiet', '--force', 'origin', 'other:main');
    const snapshot = await opened.refresh();
    assert.deepEqual(await sizes(snapshot), { [LARGE]: SPARSE.length });
    // As long as those before may be served, the clone is one that lacks something.
    assert.equal(await isPartial(await clone()), true);
    const before = (await opened.recall()) ?? assert.fail();
    assert.deepEqual(await sizes(before), { [GOOD]: 4, 'large.bin': UNBOUNDED });
    await opened.keep(snapshot);
    await inClone('gc', '--prune=now', '--quiet');
    assert.deepEqual(await sizes(await refresh(opened)), { [LARGE]: SPARSE.length });
  });

  it('refuses a state that brings too much by the names of its files', async () => {
    await allow('allowFilter', 'allowAnySHA1InWant');
    await remote.publish({ [GOOD]: 'good' });
    const opened = await open(host.url, { transfer: MIB });
    const served = await refresh(opened);
    const bad = await remote.publish({ [LARGE]: randomBytes(5 * MIB) });
    const snapshot = await opened.refresh();
    const reading = collect(snapshot.changesSince(served));
    const refusal: unknown = await reading.catch((error: unknown) => error);
    assert.ok(refusal instanceof StateRefusedError, String(refusal));
    assert.match(refusal.message, /brings more than 1 MiB of objects/);
    assert.equal(refusal.origin.commit, bad);
    assert.equal(await isPartial(await clone()), true);
    assert.ok((await measureClone(await clone())).bytes < MIB);
    // From now on it is known, and nothing is brought again.
    const { bytesSent } = host;
    await assert.rejects(opened.refresh(), { message: refusal.message });
    assert.ok(host.bytesSent - bytesSent < MIB);
    await remote.publish({ [LARGE]: 'small' });
    const mended = await refresh(opened);
    assert.deepEqual(await sizes(mended), { [GOOD]: 4, [LARGE]: 5 });
  });

  it('is brought again where a remote sends changes to what it left out', async () => {
    await allow('allowFilter');
    const large = randomBytes(5 * MIB);
    await remote.publish({ [GOOD]: 'good', 'large.bin': large });
    const opened = await open(host.url);
    await refresh(opened);
    const { ino } = await stat(await clone());
    await remote.publish({ 'large.bin': large.subarray(0, 3 * MIB) });
    assert.deepEqual(await sizes(await refresh(opened)), { [GOOD]: 4, 'large.bin': 3 * MIB });
    assert.equal((await stat(await clone())).ino, ino, 'it was cloned again');
  });

  for (const when of ['first clone', 'later push'] as const) {
    it(`loses no small signature that a remote withholds at a ${when}`, async () => {
      await allow('allowFilter', 'allowAnySHA1InWant');
      await remote.publish({ first: '1' });
      let opened = await open(host.url);
      if (when === 'later push') await refresh(opened);
      const served = await opened.recall();
      await remote.publish({ [GOOD]: 'good' });
      const id = await remote.git('rev-parse', `HEAD:${GOOD}`);
      host.behave(withholding(remote.path, id));
      for (let poll = 0; poll < 2; poll++) {
        const snapshot = await opened.refresh();
        await assert.rejects(collect(snapshot.entries()), SourceError);
      }
      assert.equal((await opened.recall())?.commit, served?.commit);
      // Also for a process that knows nothing of the one before.
      opened = await open(host.url);
      await assert.rejects(collect((await opened.refresh()).entries()), SourceError);
      host.behave(serveWell);
      const sizesThen = await sizes(await refresh(opened));
      assert.deepEqual(sizesThen, { first: 1, [GOOD]: 4 });
    });
  }

  it('is not made of what has no directory', async () => {
    await allow('allowFilter', 'allowAnySHA1InWant');
    await remote.publish({ [GOOD]: 'good' });
    host.behave(withholding(remote.path, await remote.git('rev-parse', `HEAD:${DIRECTORY}`)));
    const opened = await open(host.url);
    await assert.rejects(opened.refresh(), SourceError);
    host.behave(serveWell);
    assert.deepEqual(await sizes(await refresh(opened)), { [GOOD]: 4 });
  });

  it('is packed, cleaned and read after that', async () => {
    await allow('allowFilter');
    await remote.publish({ [GOOD]: 'good', 'large.bin': randomBytes(5 * MIB) });
    let opened = await open(host.url);
    await refresh(opened);
    const pack = `for n in $(seq 30); do
      echo $n | git hash-object -w --stdin | git pack-objects -q $GIT_DIR/objects/pack/pack >/dev/null
    done; git prune-packed -q`;
    await inClone('-c', `alias.scatter=!${pack}`, 'scatter');
    assert.ok((await measureClone(await clone())).packs > 30);
    await remote.publish({ second: '2' });
    await refresh(opened);
    opened = await open(host.url);
    assert.ok((await measureClone(await clone())).packs < 5);
    await inClone('gc', '--prune=now', '--quiet');
    await remote.publish({ last: 'last' });
    assert.equal(Object.keys(await sizes(await refresh(opened))).length, 4);
    assert.equal(await isThere('large.bin'), false);
  });

  it('is rid of what is not reachable any more', async () => {
    await allow('allowFilter');
    await remote.publish({ [GOOD]: 'good', 'large.bin': randomBytes(5 * MIB) });
    const opened = await open(host.url, { disk: 3 * MIB });
    await refresh(opened);
    const base = await remote.git('rev-parse', 'HEAD');
    for (let push = 0; push < 6; push++) {
      const commit = await remote.commit({ aside: randomBytes(MIB) });
      await remote.push('--force');
      await remote.git('reset', '--quiet', '--hard', base);
      assert.equal((await opened.refresh()).commit, commit);
      assert.ok((await measureClone(await clone())).bytes <= 3 * MIB);
    }
    const recalled = (await opened.recall()) ?? assert.fail();
    assert.deepEqual(await sizes(recalled), { [GOOD]: 4, 'large.bin': UNBOUNDED });
    await inClone('gc', '--prune=now', '--quiet');
  });

  it('is mended as what it was', async () => {
    await allow('allowFilter');
    await remote.publish({ [GOOD]: 'good', 'large.bin': randomBytes(5 * MIB) });
    await refresh(await open(host.url));
    await source?.close();
    source = undefined;
    const config = join(await clone(), 'config');
    const before = await readFile(config, 'utf8');
    await rm(config);
    await rm(join(await clone(), 'HEAD'));
    const opened = await open(host.url);
    assert.equal(await readFile(config, 'utf8'), before);
    assert.deepEqual(await sizes(await refresh(opened)), { [GOOD]: 4, 'large.bin': UNBOUNDED });
  });

  it('is replaced with its published state when it is damaged', async () => {
    await allow('allowFilter');
    await remote.publish({ [GOOD]: 'good', 'large.bin': randomBytes(5 * MIB) });
    const opened = await open(host.url);
    const published = await refresh(opened);
    // Rewritten, so that only the damaged clone has what is published.
    await remote.git('commit', '--amend', '--quiet', '--message', 'Rewritten');
    await remote.push('--force');
    const tree = await inClone('rev-parse', 'refs/lookaside/published^{tree}');
    await source?.close();
    source = undefined;
    await inClone('update-ref', 'refs/lookaside/fetched', tree);
    const again = await open(host.url);
    await again.refresh();
    assert.equal((await again.recall())?.commit, published.commit);
  });
});
