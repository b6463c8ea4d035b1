// What skopeo leaves behind, pushed: what its own way of writing signatures would have destroyed stays.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../kit/process/free-port.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { PushWorld } from '../kit/push/push-world.ts';
import { type Registry, startRegistry } from '../kit/registry/registry.ts';
import { startLookasideHere } from '../kit/program/lookaside-here.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { signWithSkopeo } from '../kit/signer/sign-with-skopeo.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

describeWith(
  ['git', 'gpg', 'gpgv', 'skopeo', 'docker-registry'],
  'lookaside push after skopeo',
  () => {
    const directory = useTemporary();
    const at = (...names: string[]): string => join(directory(), ...names);
    let registry: Registry;
    let world: PushWorld;
    before(async () => {
      registry = await startRegistry();
    });
    after(() => registry.stop());
    beforeEach(async () => {
      world = await PushWorld.make(`scopes:\n  "${registry.host}":\n    keys: keys\n`);
    });
    afterEach(() => world.stop());

    const stage = async (image: string, identity: string, lookaside?: string): Promise<void> =>
      signWithSkopeo({
        signer: world.signer,
        key: world.key,
        image,
        identity,
        stagingDirectory: at('staging'),
        ...(lookaside !== undefined && { lookaside }),
      });
    const pushed = async (path: string, ...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await world.push([path], args);
      assert.equal(code, 0, stdout + stderr);
      return stdout;
    };

    it('makes seven of six signatures of a digest', async () => {
      const { name } = await registry.pushImage({ repository: 'team/app', tag: 'v1' });
      for (const tag of ['a', 'b', 'c', 'd', 'e', 'f']) {
        // One after the other takes the place of signature-1, and is safe before the next one comes.
        await stage(`${name}:v1`, `${name}:${tag}`);
        assert.match(await pushed(at('staging'), '--clear'), /1 new/);
        assert.deepEqual(await readdir(at('staging')), []);
      }
      const six = await world.signatures();
      assert.equal(six.size, 6);
      await stage(`${name}:v1`, `${name}:g`);
      await pushed(at('staging'), '--clear');
      const seven = await world.signatures();
      assert.equal(seven.size, 7);
      for (const [path, id] of six) assert.equal(seven.get(path), id);

      // With the store at hand, skopeo writes all that it found there beside its own.
      const served = await startLookasideHere(world.remote.path, ['--keys', await keyFile()]);
      try {
        await stage(`${name}:v1`, `${name}:h`, served.baseUrl);
        assert.match(await pushed(at('staging'), '--clear'), /1 new, 7 already there/);
        assert.deepEqual(await readdir(at('staging')), []);
        assert.equal((await world.signatures()).size, 8);
      } finally {
        await served.stop();
      }
    });

    const keyFile = async (): Promise<string> => world.signer.exportKeys(at('key.asc'), world.key);

    it('takes a copy of a list with all its images', async () => {
      const options = { repository: 'team/list', tag: 'v1', architectures: ['amd64', 's390x'] };
      const { name, digest, instances } = await registry.pushImage(options);
      const copy = ['copy', '--all', '--src-tls-verify=false', '--sign-by', world.key.fingerprint];
      const words = [
        ...copy,
        '--sign-identity',
        `${name}:v1`,
        `docker://${name}:v1`,
        `dir:${at('copy')}`,
      ];
      await runOrThrow('skopeo', ['--insecure-policy', ...words], {
        env: { GNUPGHOME: world.signer.home },
      });
      assert.match(await pushed(`dir:${at('copy')}`), /3 new/);
      const repository = name.slice(registry.host.length + 1);
      const expected = [digest, ...instances.values()].map(
        (one) => `${repository}@${one.replace(':', '=')}/signature-1`,
      );
      assert.deepEqual([...(await world.signatures()).keys()].toSorted(), expected.toSorted());
      assert.match(await pushed(at('copy')), /3 already there/);
    });

    describe('waits', () => {
      const { startHere } = useLookaside();

      it('until the store serves what was pushed, and says how long', async () => {
        const { name } = await registry.pushImage({ repository: 'team/app', tag: 'v1' });
        await stage(`${name}:v1`, `${name}:v1`);
        const store = await startHere(world.remote.path, [
          '--keys',
          await keyFile(),
          '--poll',
          '1s',
          '--state-dir',
          at('state'),
        ]);
        const stdout = await pushed(at('staging'), '--wait', store.baseUrl);
        assert.match(stdout, /^served after \d+\.\d s$/m);
        const { code, stderr } = await world.push(
          [at('staging')],
          ['--wait', `http://127.0.0.1:${await freePort()}`, '--timeout', '1s'],
        );
        assert.equal(code, 2);
        assert.match(stderr, /1 signature is pushed, but not served yet: .*ECONNREFUSED/);
        assert.match(stderr, /hint: see whether the store follows this branch/);
      });
    });
  },
);
