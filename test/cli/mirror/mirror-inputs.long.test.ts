// Where `lookaside mirror` learns what to ask for: a registry, and a server whose nodes asked in vain; and what it
// does where the upstream is away.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startLookasideHere } from '../../kit/program/lookaside-here.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { LOCAL, MirrorWorld, UPSTREAM, blobsOf } from '../../kit/push/mirror-world.ts';
import { PUSHER, randomDigest } from '../../kit/push/push-world.ts';
import { type PushedImage, type Registry, startRegistry } from '../../kit/registry/registry.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

/** Milliseconds. */
const LIMIT = 300_000;

interface Told {
  readonly summary: Readonly<Record<string, number>>;
  readonly notMapped: number;
  readonly manifests: readonly { readonly image: string; readonly status: string }[];
  readonly failures: readonly { readonly message: string }[];
}

describeWith(['gpg', 'gpgv', 'git', 'skopeo', 'docker-registry'], 'what is mirrored', () => {
  const directory = useTemporary();
  let registry: Registry;
  let listed: PushedImage;
  let world: MirrorWorld;
  before(async () => {
    registry = await startRegistry();
    const architectures = ['amd64', 's390x'];
    const tag = '1.0';
    listed = await registry.pushImage({
      repository: 'vendor/app',
      tag,
      architectures,
      isAttested: true,
    });
    const own = `scopes:\n  ${registry.host}:\n    keys: keys/vendor.asc\n`;
    const renamed = `    signedIdentity: {type: remapIdentity, prefix: ${LOCAL}, signedPrefix: ${UPSTREAM}}\n`;
    world = await MirrorWorld.make(
      `${own}  ${UPSTREAM}:\n    keys: keys/vendor.asc\n  ${LOCAL}:\n    keys: keys/vendor.asc\n${renamed}`,
    );
  });
  after(async () => {
    await world.stop();
    await registry.stop();
  });
  beforeEach(() => {
    world.plant = undefined;
    world.asked.length = 0;
  });

  async function mirror(args: readonly string[]): Promise<{ code: number | null; told: Told }> {
    const fixed = ['--from', world.url, '--keys', await world.keyFile(), '--to', world.remote.path];
    const { code, stdout, stderr } = await runLookaside(
      ['mirror', ...fixed, '--state-dir', directory(), '--format', 'json', ...args],
      { env: PUSHER },
    );
    assert.notEqual(stdout, '', stderr);
    return { code, told: JSON.parse(stdout) as Told };
  }

  it('are the list and all platforms of a tag, without attestations', async () => {
    const platforms = ['amd64', 's390x'].map((name) => listed.instances.get(name) ?? '');
    const digests = [listed.digest, ...platforms];
    const identity = listed.reference;
    const signed = new Map<string, Buffer>();
    for (const digest of digests) {
      signed.set(digest, await world.plantSignature('vendor/app', digest, 1, { identity }));
    }
    const file = join(directory(), 'images');
    await writeFile(
      file,
      `# wanted\n${listed.reference} # by tag\r\n${registry.host}/vendor/gone:1\n`,
    );
    const { code, told } = await mirror(['--images', file]);
    // One of them the registry does not have; the other is mirrored.
    assert.equal(code, 2);
    assert.deepEqual(
      told.failures.map(({ message }) => message.includes('vendor/gone:1 is not in the registry')),
      [true],
    );
    assert.deepEqual(
      told.manifests.map(({ image, status }) => [image, status]),
      digests.map((digest) => [`${listed.name}@${digest}`, 'new']),
    );
    const there = await world.mirrored();
    for (const [digest, bytes] of signed) {
      assert.deepEqual(there.get(`vendor/app@${digest.replace(':', '=')}`), blobsOf(bytes));
    }
  }).timeout(LIMIT);

  it('are what nodes asked a server for in vain', async () => {
    const [wanted, other] = [randomDigest(), randomDigest()];
    const bytes = await world.plantSignature('vendor/app', wanted, 1);
    const config = join(world.remote.work, 'lookaside.yaml');
    const state = ['--state-dir', join(directory(), 'serve'), '--poll', '0s'];
    const server = await startLookasideHere(world.remote.path, ['--config', config, ...state]);
    try {
      for (const path of [
        `copies/app@${wanted.replace(':', '=')}/signature-1`,
        `elsewhere/app@${other.replace(':', '=')}/signature-1`,
      ]) {
        assert.equal((await fetch(`${server.baseUrl}/${path}`)).status, 404);
      }
      const map = ['--map', `${UPSTREAM}=${LOCAL}`, '--from-refused', server.statusUrl];
      const { code, told } = await mirror(map);
      assert.equal(code, 0);
      assert.equal(told.notMapped, 1);
      assert.deepEqual(
        told.manifests.map(({ image, status }) => [image, status]),
        [[`${UPSTREAM}/app@${wanted}`, 'new']],
      );
      const there = (await world.mirrored()).get(`copies/app@${wanted.replace(':', '=')}`);
      assert.deepEqual(there, blobsOf(bytes));
    } finally {
      await server.stop();
    }
  }).timeout(LIMIT);

  it('are not asked for on and on where the store is away', async () => {
    const file = join(directory(), 'digests');
    const digests = Array.from({ length: 40 }, () => `${UPSTREAM}/app@${randomDigest()}\n`);
    await writeFile(file, digests.join(''));
    world.plant = (_request, response) => void response.destroy();
    const { code, told } = await mirror(['--digests', file, '--jobs', '4']);
    assert.equal(code, 2);
    assert.ok((told.summary['unasked'] ?? 0) >= 20, JSON.stringify(told.summary));
    // The next run goes on with them.
    world.plant = undefined;
    const again = await mirror(['--digests', file]);
    assert.deepEqual([again.code, again.told.summary['missing']], [1, 40]);
  }).timeout(LIMIT);

  it('are told as unknown, each by itself, where only some fail', async () => {
    const file = join(directory(), 'digests');
    const digests = Array.from({ length: 12 }, () => randomDigest());
    await writeFile(file, digests.map((digest) => `${UPSTREAM}/app@${digest}\n`).join(''));
    const bad = new Set(digests.slice(0, 6).map((digest) => digest.slice('sha256:'.length)));
    world.plant = ({ url = '' }, response, right) => {
      if ([...bad].some((hex) => url.includes(hex))) response.writeHead(503).end();
      else right();
    };
    const { told } = await mirror(['--digests', file, '--jobs', '6']);
    assert.deepEqual([told.summary['unknown'], told.summary['missing']], [6, 6]);
  }).timeout(LIMIT);
});
