import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import {
  EXPLAINED,
  type ExplainedImages,
  type ExplainedName,
  UNSIGNED_ARCHITECTURE,
  makeExplainedImages,
} from '../kit/registry/explained-images.ts';
import { type Lookaside, runLookaside, startLookaside } from '../kit/program/lookaside.ts';
import { type Node, type NodeOptions, makeNode } from '../kit/node/node.ts';
import type { RunResult } from '../kit/process/run.ts';
import { architecture } from '../kit/registry/scratch-image.ts';
import { useTemporary } from '../kit/temporary.ts';

interface Explained {
  readonly image: string;
  readonly registry: string;
  readonly list: { readonly digest: string; readonly verdict: string } | null;
  readonly platforms: readonly {
    readonly platform: string | null;
    readonly digest: string;
    readonly verdict: 'accepted' | 'refused' | 'unknown';
    readonly signatures: readonly object[];
    readonly reason: { readonly code: string; readonly files?: readonly object[] } | null;
  }[];
  readonly accepted: boolean;
}

/** Why each image is refused; null where it is accepted. */
const REASONS: Readonly<Record<ExplainedName, readonly (string | null)[]>> = {
  signed: [null],
  list: [null, 'other-digests'],
  'signed-list': ['other-digests', 'other-digests'],
  'other-name': ['other-name'],
  'other-digests': ['other-digests'],
  removed: ['removed'],
  quarantined: ['quarantined'],
  'quarantined-beside': ['quarantined'],
  elsewhere: ['elsewhere'],
  'unknown-repository': ['unknown-repository'],
  'co-signed': [null],
  'below-mirror': ['elsewhere'],
};

const explain = async (image: string, ...args: readonly string[]): Promise<RunResult> =>
  runLookaside(['explain', image, ...args]);
const explainJson = async (image: string, ...args: readonly string[]): Promise<Explained> => {
  const { stdout, stderr, code } = await explain(image, ...args, '--format', 'json');
  assert.equal(stderr, '');
  const explained = JSON.parse(stdout) as Explained;
  assert.equal(code, explained.accepted ? 0 : 1);
  return explained;
};

const codes = ({ platforms }: Explained) => platforms.map(({ reason }) => reason?.code ?? null);
/** As policy.json has it. */
const by = (file: string) => ({ type: 'signedBy', keyType: 'GPGKeys', keyPath: file });

const TOOLS = ['skopeo', 'podman', 'docker-registry', 'gpg', 'git'] as const;

describeWith(TOOLS, 'lookaside explain says what a node does', () => {
  const state = useTemporary('suite');
  let made: ExplainedImages;
  let server: Lookaside;
  let node: Node;
  before(async () => {
    made = await makeExplainedImages();
    const keys = ['--keys', made.keyFile, '--keys', made.otherKeyFile];
    const args = [...keys, '--state-dir', state(), '--poll', '0s'];
    server = await startLookaside(made.remote.path, args);
    node = await nodeWith({});
  });
  after(async () => {
    await Promise.all([server.stop(), node.remove()]);
    await made.stop();
  });

  const nodeWith = async (options: Partial<NodeOptions>): Promise<Node> =>
    makeNode({
      scope: made.registry.host,
      lookaside: server.baseUrl,
      keys: [made.keyFile],
      ...options,
    });
  /** By the very policy of a node. */
  const atSource = ({ home } = node): readonly string[] => [
    made.remote.path,
    '--policy',
    join(home, '.config/containers/policy.json'),
  ];

  for (const name of EXPLAINED) {
    it(`of an image that is ${name}`, async () => {
      const { reference } = made.images[name];
      const explained = await explainJson(reference, ...atSource());
      assert.equal(explained.image, reference);
      assert.deepEqual(codes(explained), REASONS[name]);
      for (const { platform, verdict } of explained.platforms) {
        const [, arch = architecture] = platform?.split('/') ?? [];
        const { outcome } = await node.copyWithSkopeo(reference, '--override-arch', arch);
        assert.equal(verdict, outcome, reference);
      }
    });

    it(`of an image that is ${name}, as a running server does`, async () => {
      const { reference } = made.images[name];
      const keys = ['--keys', made.keyFile, '--keys', made.otherKeyFile];
      const fromSource = await explainJson(reference, made.remote.path, ...keys);
      const fromServer = await explainJson(reference, '--server', server.statusUrl);
      assert.deepEqual(fromServer.platforms, fromSource.platforms);
      assert.deepEqual(fromServer.list, fromSource.list);
    });
  }

  it('with podman too', async () => {
    for (const name of ['signed', 'list', 'removed', 'quarantined-beside'] as const) {
      const { reference } = made.images[name];
      const flags = name === 'list' ? ['--platform', `linux/${architecture}`] : [];
      const { platforms } = await explainJson(reference, ...atSource(), ...flags);
      const { outcome } = await node.pullWithPodman(reference);
      assert.deepEqual(
        platforms.map(({ verdict }) => verdict),
        [outcome],
        name,
      );
    }
  });

  it('under a policy that asks for both keys, or takes nothing, or anything', async () => {
    const both = [by(made.keyFile), by(made.otherKeyFile)];
    for (const [requirements, name, code] of [
      [both, 'co-signed', null],
      [both, 'signed', 'co-signature-missing'],
      [[{ type: 'reject' }], 'signed', 'policy-rejects'],
      [[{ type: 'insecureAcceptAnything' }], 'signed', null],
      [[by(made.otherKeyFile)], 'signed', 'other-signer'],
    ] as const) {
      const strict = await nodeWith({ requirements });
      const { reference } = made.images[name];
      const explained = await explainJson(reference, ...atSource(strict));
      const { outcome } = await strict.copyWithSkopeo(reference);
      await strict.remove();
      // A source that is judged by one key has no signature by the other.
      const wanted = code === 'other-signer' ? 'quarantined' : code;
      assert.deepEqual(codes(explained), [wanted]);
      assert.equal(explained.platforms[0]?.verdict, outcome);
    }
  });

  it('tells people who did what, and what to do', async () => {
    const { quarantined, removed, list } = made.images;
    const broken = await explain(quarantined.reference, ...atSource());
    assert.equal(broken.code, 1);
    assert.match(broken.stdout, /^verdict: {4}refused: quarantined$/m);
    assert.match(broken.stdout, /^file: {7}team\/quarantined@sha256=\S+\/signature-1: html$/m);
    const damaged = new RegExp(`^commit: {5}${made.damagedBy.slice(0, 12)} by Author on 2`, 'm');
    assert.match(broken.stdout, damaged);
    const gone = await explain(removed.reference, ...atSource());
    const removal = new RegExp(
      `commit ${made.removedBy.slice(0, 12)} by Author removed its signatures on `,
    );
    assert.match(gone.stdout, removal);
    assert.match(gone.stdout, /^next: .*git checkout [0-9a-f]+\^ -- /m);
    const both = await explain(list.reference, '--server', server.statusUrl);
    assert.equal(both.code, 1);
    assert.match(both.stdout, new RegExp(`^list: {7}${list.digest}, 0 signatures`, 'm'));
    assert.match(
      both.stdout,
      /\n\n1 of 2 platforms would be accepted\nEvery platform needs [^\n]+\n$/,
    );
    const commit = made.removedBy.slice(0, 12);
    assert.match(
      both.stdout,
      new RegExp(`^server: {5}${server.statusUrl}/, commit ${commit}, l`, 'm'),
    );
    assert.ok(gone.stdout.includes(`\nsource:     ${made.remote.path}, commit ${commit}\n`));
    assert.ok(both.stdout.includes(`by ${made.fingerprint} (`));
  });

  it('of a list that is named by its digest, and signed itself', async () => {
    for (const [name, wanted] of [
      ['list', [null, 'other-digests']],
      ['signed-list', ['other-digests', 'other-digests']],
    ] as const) {
      const { name: repository, digest: list } = made.images[name];
      const reference = `${repository}@${list}`;
      const explained = await explainJson(reference, ...atSource());
      assert.deepEqual(codes(explained), wanted);
      assert.deepEqual([explained.registry, explained.list?.digest], ['asked', list]);
      for (const { platform, verdict } of explained.platforms) {
        const [, arch = ''] = platform?.split('/') ?? [];
        const { outcome } = await node.copyWithSkopeo(reference, '--override-arch', arch);
        assert.equal(verdict, outcome, reference);
      }
      // Without skopeo it is answered all the same.
      const env = { PATH: '/nowhere' };
      const args = ['explain', reference, '--server', server.statusUrl];
      const { stdout } = await runLookaside(args, { env });
      assert.match(stdout, /\nThe registry was not asked\. [^\n]+\n$/);
    }
  });

  it('of the platforms that are asked about', async () => {
    const { list, signed } = made.images;
    for (const [arch, code] of [
      [architecture, null],
      [UNSIGNED_ARCHITECTURE, 'other-digests'],
    ] as const) {
      const flags = ['--platform', `linux/${arch}`];
      const explained = await explainJson(list.reference, ...atSource(), ...flags);
      assert.deepEqual(codes(explained), [code]);
      assert.equal(explained.platforms[0]?.digest, list.instances.get(arch));
      assert.equal(explained.list?.digest, list.digest);
      const byDigest = `${list.name}@${list.digest}`;
      const pulled = await explainJson(byDigest, ...atSource(), ...flags);
      assert.deepEqual(pulled.platforms[0]?.digest, list.instances.get(arch));
    }
    const lacking = await explain(list.reference, ...atSource(), '--platform', 'linux/riscv64');
    assert.deepEqual(
      [lacking.code, lacking.stderr],
      [
        2,
        `lookaside: the list of ${list.reference} lacks linux/riscv64\nhint: it has linux/${architecture}, linux/${UNSIGNED_ARCHITECTURE}\n`,
      ],
    );
    const single = await explain(signed.reference, ...atSource(), '--platform', 'linux/amd64');
    assert.equal(single.code, 2);
    assert.match(single.stderr, /is one manifest, not a list/);
  });

  it('at the registry where registries.conf of the node sends it', async () => {
    const { list } = made.images;
    const home = state();
    const conf = `[[registry]]\nprefix = "quay.io"\nlocation = "${made.registry.host}"\ninsecure = true\n`;
    await mkdir(join(home, '.config/containers'), { recursive: true });
    await writeFile(join(home, '.config/containers/registries.conf'), conf);
    const name = list.reference.replace(made.registry.host, 'quay.io');
    const args = ['explain', name, '--server', server.statusUrl];
    const env = { HOME: home, XDG_CONFIG_HOME: undefined };
    const { code, stdout, stderr } = await runLookaside(args, { env });
    assert.equal(stderr, '');
    assert.equal(code, 1);
    assert.ok(stdout.startsWith(`image:      ${name}\n`));
    assert.match(stdout, /^verdict: {4}refused: other-name$/m);
  });

  it('of a name with a tag and a digest, by the digest', async () => {
    const { signed } = made.images;
    const explained = await explainJson(`${signed.name}:none@${signed.digest}`, ...atSource());
    assert.equal(explained.image, `${signed.name}@${signed.digest}`);
    assert.deepEqual(codes(explained), [null]);
  });

  it('of signatures below a prefix where no node looks', async () => {
    const config = join(state(), 'lookaside.yaml');
    const { host } = made.registry;
    const scopes = { [`${host}/team`]: { keys: made.keyFile, prefix: 'images' } };
    // JSON is YAML.
    await writeFile(config, JSON.stringify({ scopes }));
    const { signed } = made.images;
    const explained = await explainJson(signed.reference, made.remote.path, '--config', config);
    assert.deepEqual(codes(explained), ['quarantined']);
    const outside = `${host}/other/app@${signed.digest}`;
    const uncovered = await explainJson(outside, made.remote.path, '--config', config);
    assert.deepEqual(codes(uncovered), ['no-scope']);
  });
});
