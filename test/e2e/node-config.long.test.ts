// What node-config writes, used by real clients exactly as it was written.
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import type { Clients, PullResult } from '../kit/node/clients.ts';
import { inHome, onSystem } from '../kit/node/configured-node.ts';
import { eventually } from '../kit/eventually.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { type Lookaside, runLookaside, startLookaside } from '../kit/program/lookaside.ts';
import { runOrThrow } from '../kit/process/run.ts';
import {
  ODD_PREFIX,
  type ScopeName,
  type ScopedImages,
  type Signed,
  makeScopedImages,
} from '../kit/registry/scoped-images.ts';
import { useTemporary } from '../kit/temporary.ts';

const NO_SIGNATURE = /A signature was required, but no signature exists/;
const WRONG_KEY = /Signature by key [0-9A-F]+ is not accepted|Invalid GPG signature/;
const REJECTED = /is rejected by policy/;

const CLIENTS = {
  skopeo: ({ copyWithSkopeo }: Clients, image: string) => copyWithSkopeo(image),
  podman: ({ pullWithPodman }: Clients, image: string) => pullWithPodman(image),
};

describeWith(['skopeo', 'podman', 'docker-registry', 'gpg', 'gpgv'], 'node-config', () => {
  const directory = useTemporary();
  let images: ScopedImages;
  /** A store that would serve signatures by either key: it is the node that refuses. */
  let server: Lookaside;
  before('sign images', async () => {
    images = await makeScopedImages();
    server = await startLookaside(images.store, ['--config', images.laxConfig]);
  });
  after(async () => {
    await server?.stop();
    await images?.stop();
  });

  const tree = () => join(directory(), 'tree');
  const registriesD = () => join(tree(), 'etc/containers/registries.d');
  const policyFile = () => join(tree(), 'etc/containers/policy.json');
  const write = async (...args: readonly string[]): Promise<string> => {
    const all = ['node-config', '--url', server.baseUrl, '--out', tree(), ...args];
    const { code, stdout, stderr } = await runLookaside(all);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '');
    return stderr;
  };
  const writeScopes = async (...args: readonly string[]) =>
    write('--config', images.config, '--default', 'reject', ...args);
  const red = (scope: string) => ['--scope', `${scope}=${images.redFile}`];

  type Expectation = readonly [ScopeName, Signed, 'accepted' | RegExp];
  const expectAll = async (
    pull: (image: string) => Promise<PullResult>,
    expectations: readonly Expectation[],
  ): Promise<void> => {
    const checks = expectations.map(async ([scope, signed, expected]) => {
      const { outcome, stderr } = await pull(images.image(scope, signed));
      const what = `${scope}/${signed}: ${stderr}`;
      assert.equal(outcome, expected === 'accepted' ? 'accepted' : 'refused', what);
      if (expected !== 'accepted') assert.match(stderr, expected, what);
    });
    await Promise.all(checks);
  };
  const flat: readonly Expectation[] = [
    ['flat', 'red', 'accepted'],
    ['flat', 'blue', WRONG_KEY],
    ['flat', 'none', NO_SIGNATURE],
  ];
  const severalKeys: readonly Expectation[] = [
    ['both', 'both', 'accepted'],
    ['both', 'red', WRONG_KEY],
    ['either', 'red', 'accepted'],
    ['either', 'blue', 'accepted'],
    ['either', 'none', NO_SIGNATURE],
  ];
  const everyScope: readonly Expectation[] = [
    ...flat,
    ['deep', 'red', 'accepted'],
    ['deep', 'blue', WRONG_KEY],
    ['first', 'blue', 'accepted'],
    ['first', 'red', WRONG_KEY],
    ['mirror', 'red', 'accepted'],
    ['mirror', 'blue', WRONG_KEY],
    ...severalKeys,
  ];

  for (const [client, pull] of Object.entries(CLIENTS)) {
    it(`is taken from the system's directories by ${client}, for every scope`, async () => {
      await writeScopes();
      const node = await onSystem(tree());
      await expectAll(async (image) => pull(node, image), everyScope);
    });

    it(`is taken from HOME by ${client}`, async () => {
      const said = await writeScopes('--rootless');
      assert.match(said, /those of \/etc\/containers are not read for that user/);
      await expectAll(
        async (image) => pull(inHome(tree()), image),
        [...flat, ['first', 'blue', 'accepted']],
      );
    });
  }

  it('is taken where skopeo is told of it by flags', async () => {
    await writeScopes();
    const flags = ['--registries.d', registriesD(), '--policy', policyFile()];
    const { copyWithSkopeo } = await onSystem(tree(), flags);
    await expectAll(copyWithSkopeo, flat);
  });

  it('names several keys and one address for newer clients', async () => {
    await writeScopes('--clients', '5.22+');
    const { copyWithSkopeo } = await onSystem(tree());
    await expectAll(copyWithSkopeo, severalKeys);
    assert.match(await readFile(policyFile(), 'utf8'), /"keyPaths"/);
    assert.doesNotMatch(await readFile(join(registriesD(), 'lookaside.yaml'), 'utf8'), /sigstore/);
  });

  it('needs no more than the old keys of older clients', async () => {
    await writeScopes();
    const file = join(registriesD(), 'lookaside.yaml');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, lines.filter((line) => !/^ +lookaside/.test(line)).join('\n'));
    const { copyWithSkopeo } = await onSystem(tree());
    await expectAll(copyWithSkopeo, [...flat, ['deep', 'red', 'accepted']]);
  });

  for (const [title, scope] of [
    ['a wildcard', () => '*.0.0.1'],
    ['everything', () => ''],
    ['a host', () => images.registry.host],
    ['a tag', () => images.image('flat', 'red')],
  ] as const) {
    it(`holds for the images of ${title}, from flags alone`, async () => {
      const { host } = images.registry;
      await write(...red(scope()), '--default', 'reject');
      const node = await onSystem(tree());
      await expectAll((image) => node.copyWithSkopeo(image), [['flat', 'red', 'accepted']]);
      const isWide = !scope().startsWith(`${host}/`);
      const refused: readonly Expectation[] = [
        ['flat', 'blue', isWide ? WRONG_KEY : REJECTED],
        ['flat', 'none', isWide ? NO_SIGNATURE : REJECTED],
      ];
      await expectAll((image) => node.pullWithPodman(image), refused);
    });
  }

  it('lets through what no scope covers where it is told so', async () => {
    const { host } = images.registry;
    await write(...red(`${host}/flat`), '--default', 'insecureAcceptAnything');
    const { copyWithSkopeo } = await onSystem(tree());
    await expectAll(copyWithSkopeo, [...flat, ['first', 'none', 'accepted']]);
  });

  it('keeps what a policy says of other scopes', async () => {
    const { host } = images.registry;
    const existing = join(directory(), 'policy.json');
    const blueKey = { keyData: (await readFile(images.blueFile)).toString('base64') };
    const signedByBlue = { type: 'signedBy', keyType: 'GPGKeys', ...blueKey };
    const docker = {
      [`${host}/flat`]: [signedByBlue],
      [`${host}/first`]: [{ type: 'insecureAcceptAnything' }],
    };
    const policy = { default: [{ type: 'reject' }], transports: { docker } };
    await writeFile(existing, JSON.stringify(policy));
    await write(...red(`${host}/flat`), '--merge', existing, '--force');
    const { copyWithSkopeo } = await onSystem(tree());
    await expectAll(copyWithSkopeo, [
      ...flat,
      ['first', 'none', 'accepted'],
      ['either', 'red', REJECTED],
    ]);
  });

  it('lets machines that sign write where the store is read', async () => {
    const { host } = images.registry;
    const staging = join(directory(), 'to be pushed');
    await mkdir(staging);
    const gate = await startLookaside(staging, ['--config', images.config]);
    try {
      await writeScopes('--staging', staging, '--url', gate.baseUrl);
      const { copyWithSkopeo } = await onSystem(tree());
      const global = ['--insecure-policy', '--registries.d', registriesD()];
      const tls = ['--src-tls-verify=false', '--dest-tls-verify=false'];
      const by = ['--sign-by', images.red.fingerprint];
      const copies = [`docker://${images.image('flat', 'none')}`, `docker://${host}/deep/new:v1`];
      const env = { GNUPGHOME: images.signer.home };
      await runOrThrow('skopeo', [...global, 'copy', ...tls, ...by, ...copies], { env });
      const [digestDirectory = ''] = await readdir(join(staging, ODD_PREFIX, 'deep'));
      const location = `${encodeURIComponent(ODD_PREFIX)}/deep/${digestDirectory}/signature-1`;
      const path = location.replaceAll('%2F', '/');
      await eventually(async () => assert.equal((await lookUp(gate, path)).status, 200));
      const { outcome, stderr } = await copyWithSkopeo(`${host}/deep/new:v1`);
      assert.equal(outcome, 'accepted', stderr);
    } finally {
      await gate.stop();
    }
  });
});
