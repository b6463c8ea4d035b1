// Images that are here, and that nodes do not accept yet: `lookaside mirror-images` says what they wait for, and goes
// on once it has come.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../kit/process/run.ts';
import { useLookaside } from '../../kit/program/use-lookaside.ts';
import { VendorWorld } from '../../kit/push/vendor-world.ts';
import { LOGIN, type Registry, startRegistry } from '../../kit/registry/registry.ts';
import { makeTemporary, removeTemporary, useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

/** Nothing listens there. */
const NOWHERE = 'http://127.0.0.1:1';

interface Told {
  readonly images: readonly {
    readonly status: string;
    readonly copy: string | null;
    readonly message?: string;
    readonly hint?: string;
  }[];
  readonly obstacles: readonly { readonly message?: string; readonly hint?: string }[];
}

async function digestOf(name: string): Promise<string | undefined> {
  const args = ['inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${name}`];
  const { code, stdout } = await run('skopeo', args);
  return code === 0 ? stdout.trim() : undefined;
}

function told({ images }: Told): readonly (readonly [string, string | undefined])[] {
  return images.map(({ status, message }) => [status, message] as const);
}

describeWith(
  ['skopeo', 'docker-registry', 'gpg', 'gpgv', 'git'],
  'images that mirror-images waits for',
  () => {
    const servers = useLookaside();
    const directory = useTemporary();
    let world: VendorWorld;
    before(async () => {
      world = await VendorWorld.make();
    });
    after(() => world.stop());

    const here = (repository: string): string => `${world.here.registry.host}/mirror/${repository}`;

    async function mirror(args: readonly string[], wanted: number): Promise<Told> {
      const { code, stdout, stderr } = await world.mirror([...args, '--format', 'json']);
      assert.equal(code, wanted, stderr + stdout);
      return JSON.parse(stdout) as Told;
    }

    it('get their tags once the store of --wait serves their signatures', async () => {
      const repository = 'vendor/served';
      const old = await world.publish(repository, 'v1');
      await mirror(world.from(repository), 0);
      const next = await world.publish(repository, 'v1');
      const fresh = await world.publish(repository, 'v2');
      await world.publish(repository, 'v3', { by: 'stranger' });
      const from = world.from(repository);
      const early = await mirror([...from, '--wait', NOWHERE, '--timeout', '1s'], 2);
      const waiting = ['waiting', 'its tag stays as it is until the store serves its signatures'];
      assert.deepEqual(told(early).slice(0, 2), [waiting, waiting]);
      assert.equal(early.images[2]?.status, 'refused');
      assert.equal(await digestOf(`${here(repository)}:v1`), old.digest);
      assert.equal(await digestOf(`${here(repository)}:v2`), undefined);
      // The next run has nothing to sign, and waits all the same.
      const again = await mirror([...from, '--wait', NOWHERE, '--timeout', '1s'], 2);
      assert.deepEqual(told(again).slice(0, 2), [waiting, waiting]);
      assert.equal(await digestOf(`${here(repository)}:v1`), old.digest);

      const keys = ['--keys', await world.here.keyFile('mirror'), '--poll', '100ms'];
      const state = ['--state-dir', join(directory(), 'state')];
      const store = await servers.startHere(world.here.remote.path, [...keys, ...state]);
      const late = await mirror([...from, '--wait', store.baseUrl], 1);
      assert.deepEqual(
        late.images.map(({ status, copy }) => [status, copy]),
        [
          ['mirrored', 'there'],
          ['mirrored', 'there'],
          ['refused', null],
        ],
      );
      assert.equal(await digestOf(`${here(repository)}:v1`), next.digest);
      assert.equal(await digestOf(`${here(repository)}:v2`), fresh.digest);
    });

    it('wait for others who have to sign', async () => {
      const repository = 'vendor/shared';
      const scope = here(repository);
      await world.here.accept(['mirror', 'approver'], { require: 'all' }, scope);
      await world.publish(repository, 'v1');
      const waiting = [['waiting', 'nodes accept it once everybody has signed it']];
      assert.deepEqual(told(await mirror(world.from(repository), 0)), waiting);
      assert.deepEqual(told(await mirror(world.from(repository), 0)), waiting);
      const { code, stderr } = await world.here.sign('approver', [`${scope}:v1`]);
      assert.equal(code, 0, stderr);
      assert.deepEqual(told(await mirror(world.from(repository), 0)), [['there', undefined]]);
    });

    describe('at a registry that wants a login', () => {
      let closed: Registry;
      let logins: string;
      before(async () => {
        closed = await startRegistry({ isPrivate: true });
        logins = await makeTemporary();
        await world.here.accept(['mirror'], {}, closed.host);
      });
      after(async () => {
        await closed.stop();
        await removeTemporary(logins);
      });

      it('are refused without it, and come with it', async () => {
        const repository = 'vendor/closed';
        await world.publish(repository, 'v1');
        const from = world.from(repository, `${closed.host}/${repository}`);
        const auth = Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString('base64');
        const good = join(logins, 'good.json');
        await writeFile(good, JSON.stringify({ auths: { [closed.host]: { auth } } }));
        const bad = join(logins, 'bad.json');
        const wrong = Buffer.from(`${LOGIN.user}:wrong`).toString('base64');
        await writeFile(bad, JSON.stringify({ auths: { [closed.host]: { auth: wrong } } }));
        for (const login of [[], ['--authfile', bad]]) {
          const { obstacles } = await mirror([...from, ...login], 2);
          assert.match(obstacles[0]?.message ?? '', /denies access to \S+vendor\/closed:v1/);
          assert.match(obstacles[0]?.hint ?? '', /^log in with `skopeo login 127\.0\.0\.1:\d+`/);
        }
        const come = await mirror([...from, '--authfile', good], 0);
        assert.deepEqual(told(come), [['mirrored', undefined]]);
      });
    });
  },
);
