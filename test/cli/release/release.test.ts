import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { useLookaside } from '../../kit/program/use-lookaside.ts';
import {
  RELEASE,
  RELEASE_REPOSITORY,
  type ReleaseWorld,
  hexOf,
  makeReleaseWorld,
  putFiles,
} from '../../kit/release/release-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const [R1, R2, ABSENT] = ['a1', 'a2', 'ff'].map(hexOf);
const answerSchema = z.object({
  accepted: z.boolean(),
  releases: z.array(
    z.object({
      digest: z.string(),
      clients: z.array(z.object({ client: z.string(), accepted: z.boolean(), reason: z.string() })),
    }),
  ),
});

const run = async (...args: readonly string[]) => runLookaside(['release', ...args]);
const flat = (hex = '') => `releases/sha256=${hex}/signature-1`;

describeWith(['gpg', 'gpgv'], 'lookaside release', () => {
  const directory = useTemporary();
  const servers = useLookaside();
  let world: ReleaseWorld;
  let good: Buffer;
  let second: Buffer;
  before(async () => {
    world = await makeReleaseWorld();
    good = await world.sign('vendor', RELEASE, hexOf('a1'));
    second = await world.sign('vendor', RELEASE, hexOf('a2'));
  });
  after(() => world.stop());
  const source = () => join(directory(), 'source');
  const put = async (files: Readonly<Record<string, Uint8Array>>) => putFiles(source(), files);
  const config = () => ['--config', world.config];

  const check = async (name: string, ...args: readonly string[]) => {
    const options = [...config(), '--format', 'json', ...args];
    const { stdout, stderr, code } = await run('check', name, ...options);
    const answer = answerSchema.parse(JSON.parse(stdout));
    assert.equal(code, answer.accepted ? 0 : 1);
    const [release] = answer.releases;
    return { clients: release?.clients.map(({ accepted }) => accepted), answer, stderr };
  };

  describe('configmap', () => {
    it('writes what the area serves, and reads it back', async () => {
      await put({ [flat(R1)]: good, [flat(R2)]: second, [flat(ABSENT)]: good });
      const out = join(directory(), 'out');
      const { code } = await run('configmap', source(), ...config(), '--out', out);
      assert.equal(code, 0);
      assert.deepEqual(await readdir(out), ['lookaside-release-signatures.yaml']);
      const file = join(out, 'lookaside-release-signatures.yaml');
      const text = await readFile(file, 'utf8');
      assert(text.includes(`sha256-${R1}-1: ${good.toString('base64')}`));
      assert(!text.includes(String(ABSENT)));
      const checked = await run('configmap', '--check', file, ...config());
      assert.equal(
        checked.stdout,
        '1 ConfigMaps: the cluster-version operator finds 2 signatures of 2 releases, 2 accepted\n',
      );
      assert.equal(checked.code, 0);
    });

    it('takes single releases, and tells which are missing', async () => {
      await put({ [flat(R1)]: good, [flat(R2)]: second });
      const digests = ['--digest', `sha256:${R1}`, '--digest', String(ABSENT)];
      const result = await run('configmap', source(), ...config(), ...digests, '--out', '-');
      assert.equal(result.code, 1);
      assert.match(result.stderr, /no signature of sha256:(?:ff){32} counts in/);
      assert(result.stdout.includes(`sha256-${R1}-1`) && !result.stdout.includes(String(R2)));
    });

    it('says what a cluster refuses of existing ones', async () => {
      await put({ [flat(R1)]: good });
      const { stdout } = await run('configmap', source(), ...config(), '--out', '-');
      const file = join(directory(), 'mine.yaml');
      await writeFile(file, stdout.replaceAll(String(R1), String(R2)));
      const checked = await run('configmap', '--check', file, ...config());
      assert.equal(checked.code, 1);
      assert.match(checked.stdout, /rejected: digest-mismatch/);
      assert.match(checked.stdout, new RegExp(`sha256:${R2}: no signature of it is accepted`));
      const json = await run('configmap', '--check', file, ...config(), '--format', 'json');
      assert.match(json.stdout, /"code": "digest-mismatch"/);
    });

    it('takes all of a source with --keys', async () => {
      await put({ [flat(R1)]: good });
      const keys = await world.signer.exportKeys(join(directory(), 'v.asc'), world.keys.vendor);
      const result = await run(
        'configmap',
        join(source(), 'releases'),
        '--keys',
        keys,
        '--out',
        '-',
      );
      assert.equal(result.code, 0, result.stderr);
    });

    for (const [args, expected] of [
      [['configmap', 'x'], /needs a place to write to/],
      [['configmap', 'x', '--out', '-'], /nothing says whose signatures count/],
      [['configmap', '--out', '-'], /expected one SOURCE, got 0/],
      [['configmap', '--check', '/nowhere'], /cannot read \/nowhere/],
      [['configmap', '--check', '/dev/null'], /\/dev\/null: it is empty/],
      [['renew'], /expected configmap or check, got "renew"/],
      [['check'], /expected a release and one place/],
      [['check', 'x'], /expected either SOURCE or --server/],
      [['check', 'x', 'y', '--server', 'http://z'], /expected either SOURCE or --server/],
    ] as const) {
      it(`refuses ${args.join(' ')}`, async () => {
        const { code, stderr } = await run(...args);
        assert.equal(code, 2);
        assert.match(stderr, expected);
      });
    }

    it('refuses a digest that is none', async () => {
      const args = ['configmap', source(), ...config(), '--out', '-', '--digest', 'sha256:12'];
      const { code, stderr } = await run(...args);
      assert.equal(code, 2);
      assert.match(stderr, /expected a digest, got "sha256:12"/);
    });
  });

  describe('check', () => {
    it('says that all clients accept a release', async () => {
      await put({ [flat(R1)]: good });
      assert.deepEqual((await check(`sha256:${R1}`, source())).clients, [true, true, true]);
      const image = `quay.io/${RELEASE_REPOSITORY}@sha256:${R1}`;
      assert.deepEqual((await check(image, source())).clients, [true, true, true]);
    });

    it('asks a running store', async () => {
      await put({ [flat(R1)]: good });
      const server = await servers.startHere(source(), [
        ...config(),
        '--listen',
        '127.0.0.1:0',
        '--status-listen',
        '127.0.0.1:0',
        '--state-dir',
        join(directory(), 'state'),
      ]);
      assert.deepEqual((await check(String(R1), '--server', server.baseUrl)).clients, [
        true,
        true,
        true,
      ]);
      assert.deepEqual((await check(String(R2), '--server', server.baseUrl)).clients, [
        false,
        false,
        false,
      ]);
    });

    it('says which client refuses what another one takes', async () => {
      const odd = await world.sign('vendor', 'utter nonsense !', hexOf('a1'));
      await put({ [flat(R1)]: odd });
      const { clients, answer } = await check(String(R1), source());
      assert.deepEqual(clients, [true, false, false]);
      const reasons = answer.releases[0]?.clients.map(({ reason }) => reason).join('\n') ?? '';
      assert.match(reasons, /it stops at signature-1: invalid-identity/);
      const other = await check(`quay.io/other/release@sha256:${R1}`, source());
      assert.deepEqual(other.clients, [true, false, false]);
    });

    it('tells of files that are not served', async () => {
      await put({ [flat(R1)]: await world.sign('team', RELEASE, hexOf('a1')) });
      const { clients, stderr } = await check(String(R1), source());
      assert.deepEqual(clients, [false, false, false]);
      assert.match(stderr, /signature-1 is not served: unknown-signer/);
    });

    it('tells of keys that clients cannot load', async () => {
      await put({ [flat(R1)]: good });
      const { vendor, team } = world.keys;
      const one = await readFile(await world.signer.exportKeys(join(directory(), '1.asc'), vendor));
      const two = await readFile(await world.signer.exportKeys(join(directory(), '2.asc'), team));
      const both = join(directory(), 'both.asc');
      await writeFile(both, Buffer.concat([one, two]));
      const told = await run('check', String(R1), source(), '--keys', both);
      assert.match(told.stderr, /several armor blocks, and only the first one is read/);
      const modern = await world.signer.makeKey({ algorithm: 'ed25519' });
      const ed25519 = await world.signer.exportKeys(join(directory(), 'ed.asc'), modern);
      const refused = await run('check', String(R1), source(), '--keys', ed25519);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /can load, got none: public key type: 22/);
      assert.match(refused.stderr, /hint: .*RSA/);
    });

    it('says how nodes take it under the name of a mirror', async () => {
      await put({ [flat(R1)]: good });
      const image = `registry.example/ocp/release@sha256:${R1}`;
      const { stdout, code } = await run('check', image, source(), ...config());
      assert.equal(code, 1);
      assert.match(stdout, /^cluster-version operator: {2}accepts it/m);
      assert.match(
        stdout,
        /^node: +refuses it: .*identity-mismatch: signed as quay\.io\/.*registry\.example/m,
      );
      assert.match(stdout, /^ {2}hint: .*registries\.conf.*remapIdentity/m);
      assert.doesNotMatch(stdout, /it belongs to/);
    });

    it('prints a line a client for people', async () => {
      await put({ [flat(R1)]: good });
      const { stdout } = await run('check', String(R1), source(), ...config());
      assert.match(stdout, /^cluster-version operator: {2}accepts it: signature-1 is good/m);
      assert.match(stdout, /^oc-mirror: +accepts it: it copies quay\.io\//m);
      assert.match(stdout, /^node: +accepts it/m);
    });
  });
});
