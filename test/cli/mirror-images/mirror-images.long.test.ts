import assert from 'node:assert/strict';
import { MirrorWorld } from '../../kit/push/mirror-world.ts';
import { eventually } from '../../kit/eventually.ts';
import { formatLocation } from '../../kit/signer/signature-tree.ts';
import { describeWith } from '../../with-tools.ts';

describeWith(['skopeo', 'docker-registry', 'gpg', 'gpgv', 'git'], 'lookaside mirror-images', () => {
  let world: MirrorWorld;
  before(async () => {
    world = await MirrorWorld.make();
  });
  after(() => world.stop());
  it('works', async () => {
    const image = await world.publish('vendor/app', 'v1.0');
    await eventually(async () => {
      const { status } = await fetch(
        `${world.store.baseUrl}/${formatLocation('vendor/app', image.digest, 1)}`,
      );
      assert.equal(status, 200);
    });
    await world.publish('vendor/app', 'v1.1', { by: 'stranger' });
    for (const args of [['--dry-run'], [], [], ['--format', 'json']]) {
      const { code, stdout, stderr } = await world.mirror([...world.from('vendor/app'), ...args]);
      console.log(code, stdout, stderr);
    }
  });
});
