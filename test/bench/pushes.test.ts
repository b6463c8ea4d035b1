import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fastImport } from '../../scripts/bench/data/fast-import.ts';
import { git } from '../../scripts/bench/data/git.ts';
import { imageAt } from '../../scripts/bench/data/images.ts';
import { BRANCH } from '../../scripts/bench/data/open-data.ts';
import { makeRemote } from '../../scripts/bench/data/pushes.ts';
import { signImage } from '../../scripts/bench/data/sign-image.ts';
import { openSigningKey } from '../../scripts/bench/data/signing-key.ts';
import { makeBareClone } from '../../scripts/bench/peers/bare-clone.ts';
import { useTemporary } from '../kit/temporary.ts';

describe('the pushes of the bench', () => {
  const directory = useTemporary();

  it('add one signature each, on top of a copy of the store', async () => {
    const key = await openSigningKey(directory());
    const shared = join(directory(), 'shared.git');
    await git(['init', '--quiet', '--bare', '--initial-branch=main', shared]);
    const { message: bytes } = await signImage(key, imageAt(0));
    const files = [{ path: imageAt(0).location, bytes }];
    const [base] = await fastImport(shared, [{ ref: BRANCH, message: 'Add', files }]);

    const [own, cloned] = [join(directory(), 'own'), join(directory(), 'cloned')];
    await Promise.all([mkdir(own), mkdir(cloned)]);
    const data = { key, repository: async () => shared };
    const remote = await makeRemote(data, 1, own, 2);
    const clone = await makeBareClone(remote.url, cloned);
    const cwd = join(cloned, 'clone.git');
    const list = async (commit: string) =>
      (await git(['ls-tree', '-r', '--name-only', commit], { cwd })).split('\n');

    const [first, second] = remote.pushes;
    assert.ok(first && second);
    await assert.rejects(clone.fetch(first), /expected/);
    for (const push of [first, second]) {
      await remote.publish(push);
      assert.ok((await clone.fetch(push)) > 0);
    }
    assert.equal((await list(first.commit)).length, 2);
    assert.deepEqual(
      (await list(second.commit)).toSorted(),
      [imageAt(0).location, first.location, second.location].toSorted(),
    );
    assert.equal(await git(['rev-parse', BRANCH], { cwd: shared }), base);
  });
});
