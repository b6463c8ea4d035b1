// What `podman image sign --directory` writes is a staging directory for `push`.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PUSHER } from '../kit/push/push-world.ts';
import { SignWorld } from '../kit/push/sign-world.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

describeWith(['podman', 'docker-registry', 'gpg', 'git'], 'podman image sign', () => {
  const directory = useTemporary();
  const at = (name: string): string => join(directory(), name);
  let world: SignWorld<'key'>;
  before(async () => {
    world = await SignWorld.make({ key: {} });
    await world.accept(['key']);
  });
  after(() => world.stop());

  it('leaves what push takes', async () => {
    const { reference } = await world.pushImage('team/app', 'v1');
    const storage = `driver = "vfs"\ngraphroot = "${at('graph')}"\nrunroot = "${at('run')}"\n`;
    await writeFile(at('storage.conf'), `[storage]\n${storage}`);
    const insecure = `[[registry]]\nlocation = "${world.registry.host}"\ninsecure = true\n`;
    await writeFile(at('registries.conf'), insecure);
    await mkdir(at('staging'));
    const by = ['--sign-by', world.keys.key.fingerprint, '--directory', at('staging')];
    await runOrThrow('podman', ['image', 'sign', ...by, `docker://${reference}`], {
      env: {
        GNUPGHOME: world.signer.home,
        CONTAINERS_STORAGE_CONF: at('storage.conf'),
        CONTAINERS_REGISTRIES_CONF: at('registries.conf'),
      },
    });
    const { code, stdout, stderr } = await runLookaside(
      ['push', at('staging'), '--to', world.remote.path, '--clear'],
      { env: PUSHER },
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /: 1 new; /);
    const listed = await world.remote.gitBare('ls-tree', '-r', '--name-only', 'main');
    assert.match(listed, /^team\/app@sha256=[0-9a-f]{64}\/signature-1$/m);
  });
});
