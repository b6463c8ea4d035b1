// What `lookaside mirror --release` brings of a store of releases into the release area, what it refuses as clusters
// would, and what it says of a repository that has no place for it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MirrorWorld, RELEASE_CONFIG, blobsOf } from '../../kit/push/mirror-world.ts';
import { randomDigest } from '../../kit/push/push-world.ts';
import { RELEASE } from '../../kit/release/release-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

interface Told {
  readonly summary: Readonly<Record<string, number>>;
  readonly notMapped: number;
  readonly manifests: readonly {
    readonly image: string;
    readonly local: string | null;
    readonly directory: string;
    readonly status: string;
    readonly doubt: { readonly message: string } | null;
    readonly signatures: readonly {
      number: number;
      status: string;
      by?: string;
      code?: string;
      message?: string;
      hint?: string;
    }[];
  }[];
}

const FRAME = Buffer.from('\0simple-signing\n');

function upstream(digest: string, number: number): string {
  return `${digest.replace(':', '=')}/signature-${number}`;
}

function here(digest: string): string {
  return `releases/${digest.replace(':', '=')}`;
}

describeWith(['gpg', 'gpgv', 'git'], 'a mirror of a store of releases', () => {
  const directory = useTemporary();
  let world: MirrorWorld;
  before(async () => {
    world = await MirrorWorld.make(RELEASE_CONFIG, 'rsa2048');
  });
  after(() => world.stop());
  beforeEach(() => {
    world.plant = undefined;
    world.asked.length = 0;
  });

  async function run(
    list: string,
    args: readonly string[] = [],
  ): Promise<{ code: number | null; told: Told; stderr: string }> {
    const options = { state: directory(), args: ['--format', 'json', ...args] };
    const { code, stdout, stderr } = await world.mirrorReleases(list, options);
    assert.notEqual(stdout, '', stderr);
    return { code, told: JSON.parse(stdout) as Told, stderr };
  }

  async function fail(args: readonly string[], list = randomDigest()): Promise<string> {
    const ended = await world.mirrorReleases(list, { state: directory(), args });
    assert.deepEqual([ended.code, ended.stdout], [2, ''], ended.stderr);
    return ended.stderr;
  }

  it('brings a release into the area, byte for byte, and knows it the next time', async () => {
    const digest = randomDigest();
    const one = await world.plantRelease(digest, 1);
    const two = await world.plantRelease(digest, 2, { identity: 'registry.example/any text' });
    const { code, told, stderr } = await run(digest);
    assert.deepEqual([code, stderr], [0, '']);
    const [first] = told.manifests;
    assert.deepEqual(
      [first?.image, first?.local, first?.directory, first?.status],
      [digest, null, here(digest), 'new'],
    );
    assert.deepEqual((await world.mirrored()).get(here(digest)), blobsOf(one, two));
    const subject = await world.remote.gitBare('log', '-1', '--format=%s', 'main');
    assert.equal(subject, `Mirror ${RELEASE} and 1 more`);
    world.asked.length = 0;
    const again = await run(digest);
    assert.deepEqual([again.code, again.told.manifests[0]?.status], [0, 'there']);
    assert.deepEqual(world.asked, []);
  });

  it('writes only what clusters take, and says why not the rest', async () => {
    const digest = randomDigest();
    await world.plantRelease(digest, 1, { key: world.stranger });
    const good = await world.plantRelease(digest, 2);
    world.files.set(upstream(digest, 3), Buffer.concat([FRAME, good]));
    const approved = JSON.stringify({
      critical: {
        type: 'atomic container signature',
        image: { 'docker-manifest-digest': digest },
        identity: { 'docker-reference': RELEASE },
      },
      optional: { approved: 'qa' },
    });
    world.files.set(
      upstream(digest, 4),
      await world.signer.sign(world.vendor, Buffer.from(approved)),
    );
    world.files.set(upstream(digest, 5), await world.plantRelease(randomDigest(), 1));
    const { code, told } = await run(digest);
    assert.equal(code, 1);
    assert.deepEqual(
      told.manifests[0]?.signatures.map(({ status, by, code: fault }) => [status, by, fault]),
      [
        ['refused', 'upstream', 'unknown-signer'],
        ['new', undefined, undefined],
        ['refused', 'upstream', 'framed'],
        ['refused', 'upstream', 'payload-unknown-member'],
        ['refused', 'upstream', 'digest-mismatch'],
      ],
    );
    assert.match(told.manifests[0]?.signatures[3]?.message ?? '', /unknown member "approved"/);
    assert.match(told.manifests[0]?.signatures[4]?.hint ?? '', /^Tell those who run the upstream/);
    assert.deepEqual((await world.mirrored()).get(here(digest)), blobsOf(good));
  });

  it('goes on behind odd answers as clusters do, up to the ninth', async () => {
    const [odd, full] = [randomDigest(), randomDigest()];
    const second = await world.plantRelease(odd, 2);
    const all: Buffer[] = [];
    for (let number = 1; number <= 10; number++) {
      const identity = `registry.example/ocp/release:${number}`;
      all.push(await world.plantRelease(full, number, { identity }));
    }
    let isOdd = true;
    world.plant = ({ url = '', headers }, response, right) => {
      const etag = `"${url}"`;
      response.setHeader('ETag', etag);
      const known = headers['if-none-match'];
      if (known !== undefined) response.writeHead(known === etag ? 304 : 500).end();
      else if (isOdd && url === `/${upstream(odd, 1)}`) response.writeHead(403).end();
      else right();
    };
    const { code, told } = await run(`${odd}\n${full}\n`);
    assert.equal(code, 0);
    const [first] = told.manifests;
    assert.deepEqual(
      [first?.status, first?.doubt?.message, first?.signatures.map(({ number }) => number)],
      ['new', `403 for ${upstream(odd, 1)}`, [2]],
    );
    assert.ok(world.asked.includes(upstream(full, 9)));
    assert.ok(!world.asked.includes(upstream(full, 10)));
    const there = await world.mirrored();
    assert.deepEqual(there.get(here(odd)), blobsOf(second));
    assert.deepEqual(there.get(here(full)), blobsOf(...all.slice(0, 9)));
    // What is behind the gap is known under its own number.
    isOdd = false;
    const one = await world.plantRelease(odd, 1, { identity: 'registry.example/ocp/release:1' });
    const again = await run(odd);
    assert.deepEqual(
      again.told.manifests[0]?.signatures.map(({ number, status }) => [number, status]),
      [
        [1, 'new'],
        [2, 'there'],
      ],
    );
    assert.deepEqual((await world.mirrored()).get(here(odd)), blobsOf(one, second));
  });

  it('ends with 1 for a release without a signature, and with 2 where the store does not say', async () => {
    const [missing, unsaid] = [randomDigest(), randomDigest()];
    assert.equal((await run(missing)).code, 1);
    world.plant = (_request, response) => response.writeHead(403).end();
    const { code, told } = await run(`${missing} ${unsaid}`);
    assert.deepEqual([code, told.summary['unknown']], [2, 2]);
  });

  it('takes the releases of a mapping, and leaves out their payload', async () => {
    const [release, okd, payload] = [randomDigest(), randomDigest(), randomDigest()];
    await world.plantRelease(release, 1);
    await world.plantRelease(okd, 1);
    const list = [
      `docker://quay.io/openshift-release-dev/ocp-release@${release}=docker://m.example/openshift/release-images:4.16.1-x86_64`,
      `docker://quay.io/openshift/okd@${okd}=docker://m.example/openshift/release-images:4.17.0`,
      `docker://quay.io/openshift-release-dev/ocp-v4.0-art-dev@${payload}=docker://m.example/openshift/release:4.16.1-x86_64-etcd`,
    ].join('\n');
    const { code, told } = await run(list);
    assert.deepEqual([code, told.notMapped], [0, 1]);
    assert.deepEqual(
      told.manifests.map(({ image, local }) => [image, local]),
      [
        [
          `quay.io/openshift-release-dev/ocp-release@${release}`,
          'm.example/openshift/release-images',
        ],
        [`quay.io/openshift/okd@${okd}`, 'm.example/openshift/release-images'],
      ],
    );
    const { stdout } = await world.mirrorReleases(list, { state: directory() });
    assert.match(stdout, /2 manifests: 2 had all before \(no release: 1 image\)$/m);
  });

  it('takes a release and its list from what oc prints, each of them once', async () => {
    const [list, one] = [randomDigest(), randomDigest()];
    await world.plantRelease(list, 1);
    await world.plantRelease(one, 1);
    const image = `quay.io/openshift-release-dev/ocp-release@${one}`;
    const printed = { image, digest: one, contentDigest: one, listDigest: list, references: {} };
    const { code, told } = await run(JSON.stringify(printed));
    assert.equal(code, 0);
    assert.deepEqual(
      told.manifests.map(({ directory: place, status }) => [place, status]),
      [
        [here(list), 'new'],
        [here(one), 'new'],
      ],
    );
    const twice = await run(`${one}\n${image}\nm.example/ocp/release@${one}\n`);
    assert.equal(twice.told.manifests.length, 1);
  });

  it('takes the keys that are given where the area takes them too', async () => {
    const digest = randomDigest();
    await world.plantRelease(digest, 1);
    const vendor = await world.keyFile();
    assert.equal((await run(digest, ['--keys', vendor])).code, 0);
    const both = await world.signer.exportKeys(
      join(directory(), 'both.asc'),
      world.vendor,
      world.stranger,
    );
    const other = randomDigest();
    await world.plantRelease(other, 1, { key: world.stranger });
    const { code, told } = await run(other, ['--keys', both]);
    const [refused] = told.manifests[0]?.signatures ?? [];
    assert.deepEqual([code, refused?.by, refused?.code], [1, 'target', 'unknown-signer']);
    assert.equal((await world.mirrored()).get(here(other)), undefined);
    const file = join(directory(), 'stranger.asc');
    await world.signer.exportKeys(file, world.stranger);
    assert.match(
      await fail(['--keys', file]),
      /has no release area for signatures by [0-9A-F]{40}\nhint: push keys\/stranger\.asc, and name it/,
    );
  });

  it('says which keys clusters do not load, and what has nothing to do with releases', async () => {
    const key = await world.signer.makeKey({ algorithm: 'ed25519', name: 'Modern' });
    const modern = await world.signer.exportKeys(join(directory(), 'modern.asc'), key);
    assert.match(
      await fail(['--keys', modern]),
      /modern\.asc: expected a keyring that the cluster-version operator can load/,
    );
    for (const [option, value] of [
      ['--map', 'quay.io=m.example'],
      ['--policy', modern],
      ['--from-refused', 'http://127.0.0.1:1'],
    ] as const) {
      const said = await fail([option, value]);
      assert.ok(said.includes(`${option} cannot be used with --release: `), said);
      assert.ok(said.includes(`hint: leave out ${option}`), said);
    }
  });

  describe('into a repository that has no area for it', () => {
    let other: MirrorWorld;
    before(async () => {
      other = await MirrorWorld.make(
        'scopes:\n  other.example:\n    keys: keys/vendor.asc\n',
        'rsa2048',
      );
    });
    after(() => other.stop());

    it('says what to add, and whoever follows it gets the signature', async () => {
      const digest = randomDigest();
      const bytes = await other.plantRelease(digest, 1);
      const keys = ['--keys', await other.keyFile()];
      const told = await other.mirrorReleases(digest, { state: directory(), args: keys });
      assert.equal(told.code, 2);
      assert.match(told.stderr, /has no release area\nhint: push the keyring as keys\/vendor\.asc/);
      const [, advice = ''] = /add to lookaside\.yaml: (releases: .*)$/m.exec(told.stderr) ?? [];
      await other.remote.publish({ 'lookaside.yaml': advice });
      const again = await other.mirrorReleases(digest, { state: directory(), args: keys });
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual((await other.mirrored()).get(here(digest)), blobsOf(bytes));
    });

    it('wants to know which one of several', async () => {
      const areas = ['releases', 'nightly'].map(
        (name) => `  - {prefix: ${name}, from: ${name}, keys: keys/${name}.asc}\n`,
      );
      const stranger = join(directory(), 'stranger.asc');
      await other.signer.exportKeys(stranger, other.stranger);
      await other.remote.git('pull', '--quiet', '--ff-only', 'origin', 'main');
      await other.remote.publish({
        'lookaside.yaml': `releases:\n${areas.join('')}`,
        'keys/releases.asc': await readFile(await other.keyFile()),
        'keys/nightly.asc': await readFile(stranger),
      });
      const digest = randomDigest();
      const bytes = await other.plantRelease(digest, 1, { key: other.stranger });
      const lost = await other.mirrorReleases(digest, { state: directory() });
      assert.match(lost.stderr, /has 2 release areas, each with its own keys\nhint: give the keys/);
      const args = ['--keys', stranger];
      const found = await other.mirrorReleases(digest, { state: directory(), args });
      assert.equal(found.code, 0, found.stderr);
      const there = (await other.mirrored()).get(`nightly/${digest.replace(':', '=')}`);
      assert.deepEqual(there, blobsOf(bytes));
    });
  });
});
