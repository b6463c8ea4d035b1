// What docs/signing.md says of registries that keep signatures themselves.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PUSHER } from '../kit/push/push-world.ts';
import { SignWorld } from '../kit/push/sign-world.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { type SigningRegistry, startSigningRegistry } from '../kit/registry/signing-registry.ts';
import { signWithSkopeo } from '../kit/signer/sign-with-skopeo.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

describeWith(
  ['skopeo', 'docker-registry', 'gpg', 'git'],
  'a registry that keeps signatures',
  () => {
    const directory = useTemporary();
    let world: SignWorld<'key'>;
    let keeping: SigningRegistry;
    before(async () => {
      world = await SignWorld.make({ key: {} });
      keeping = await startSigningRegistry(world.registry.host);
      await world.accept(['key'], {}, keeping.host);
    });
    after(async () => {
      await Promise.all([world.stop(), keeping.stop()]);
    });

    it('gets them from skopeo, and gives them to push by a copy', async () => {
      const { reference } = await world.pushImage('team/app', 'v1');
      const kept = `${keeping.host}/team/kept:v1`;
      const staging = join(directory(), 'staging');
      const { signer, keys } = world;
      const signed = { signer, key: keys.key, image: reference, to: kept };
      await signWithSkopeo({ ...signed, stagingDirectory: staging });
      await assert.rejects(readdir(staging), { code: 'ENOENT' });

      const copy = `dir:${join(directory(), 'copy')}`;
      const tls = '--src-tls-verify=false';
      await runOrThrow('skopeo', [
        '--insecure-policy',
        'copy',
        '--all',
        tls,
        `docker://${kept}`,
        copy,
      ]);
      const { code, stdout, stderr } = await runLookaside(
        ['push', copy, '--to', world.remote.path],
        {
          env: PUSHER,
        },
      );
      assert.equal(code, 0, stderr);
      assert.match(stdout, /1 new; nodes that use the repository's policy accept/);
    });

    it('has its images signed like any other', async () => {
      await world.pushImage('team/other', 'v1');
      const { code, stdout, stderr } = await world.sign('key', [`${keeping.host}/team/other:v1`]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^signed /);
    });
  },
);
