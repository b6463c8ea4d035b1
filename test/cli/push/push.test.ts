import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PushWorld, stage } from '../../kit/push/push-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

describeWith(['git', 'gpg', 'gpgv'], 'lookaside push', () => {
  const directory = useTemporary();
  let world: PushWorld;
  beforeEach(async () => {
    world = await PushWorld.make();
  });
  afterEach(() => world.stop());

  it('pushes what is staged, and nothing the second time', async () => {
    const staging = join(directory(), 'staging');
    const images = [await world.sign(), await world.sign({ repository: 'team/other' })];
    const staged = await stage(staging, images);
    const first = await world.push([staging]);
    assert.equal(first.code, 0, first.stderr + first.stdout);
    assert.match(first.stdout, /2 new/);
    assert.deepEqual([...(await world.signatures()).keys()].toSorted(), staged.toSorted());
    const second = await world.push([staging]);
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /nothing pushed.*2 already there/);
    assert.equal((await readdir(staging)).length, 1);
  });
});
