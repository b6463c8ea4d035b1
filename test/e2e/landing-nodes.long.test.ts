import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { type FreshNode, makeFreshNode } from '../kit/node/fresh-node.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { readBlocks } from '../kit/browser/page-blocks.ts';
import type { PushedImage } from '../kit/registry/registry.ts';
import { type SignedImages, makeSignedImages } from '../kit/registry/signed-images.ts';
import { useTemporary } from '../kit/temporary.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';

const SETUP = [
  'commands that name the store',
  'commands that fetch the keys',
  'commands that require signatures',
];
/** Below `/nodes/`, by the name that a file has on a node; the others are keys. */
const TARGETS: Readonly<Record<string, string>> = {
  'policy.json': 'policy.json',
  'lookaside.yaml': 'registries.d.yaml',
  'default.yaml': 'registries.d-default.yaml',
};
const REFUSED = /Source image rejected/;

describeWith(['skopeo', 'podman', 'docker-registry', 'gpg', 'git'], 'the landing page', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let images: SignedImages;
  let node: FreshNode;
  before(async () => {
    images = await makeSignedImages();
  });
  after(() => images.stop());
  beforeEach(async () => {
    node = await makeFreshNode(images.registry.host);
  });
  afterEach(() => node.remove());

  /** Writes a configuration file, and gives the arguments that name it. */
  async function configure(config: object): Promise<readonly string[]> {
    const file = join(directory(), 'config.yaml');
    // JSON is YAML.
    await writeFile(file, JSON.stringify(config));
    return ['--config', file];
  }
  const bothKeys = () => [images.keyFile, images.otherKeyFile];

  /** Serves, and does on the node what the page says. */
  async function setUp(
    args: readonly string[],
    question = '',
  ): Promise<ReadonlyMap<string, string>> {
    const server = await servers.start(images.remote.work, args);
    const page = await (await fetch(server.baseUrl + question)).text();
    const whole = await (await fetch(server.baseUrl)).text();
    const blocks = readBlocks(page);
    for (const label of SETUP) {
      const { code, stdout, stderr } = await node.run(blocks.get(label) ?? 'false');
      assert.equal(code, 0, `${label}: ${stderr}`);
      for (const [fingerprint] of stdout.matchAll(/[0-9A-F]{40}/g)) {
        assert.ok(whole.includes(fingerprint), `${fingerprint} is not on the page`);
      }
      if (label.includes('keys')) assert.match(stdout, /[0-9A-F]{40}/);
    }
    return blocks;
  }

  async function follow(commands: string): Promise<void> {
    const { code, stderr } = await node.run(commands);
    assert.equal(code, 0, stderr);
  }

  async function assertPulled({ reference }: PushedImage): Promise<void> {
    await follow(`skopeo copy 'docker://${reference}' "dir:$(mktemp -d)"`);
  }

  async function assertRefusedImage({ reference }: PushedImage): Promise<void> {
    const { code, stderr } = await node.run(
      `skopeo copy 'docker://${reference}' "dir:$(mktemp -d)"`,
    );
    assert.notEqual(code, 0);
    assert.match(stderr, REFUSED);
  }

  async function assertTaken(lines: string): Promise<void> {
    const { code, stdout, stderr } = await node.run(lines);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Lookaside configuration|Reading http/i);
    assert.match(stdout, /^HTTP\/1\.1 200 OK/m);
  }

  async function assertRefused(lines: string): Promise<void> {
    const [comment = '', image = '', skopeo = '', podman = ''] = lines.split('\n');
    for (const command of [skopeo, podman]) {
      const { code, stderr } = await node.run(`${comment}\n${image}\n${command}`);
      assert.notEqual(code, 0);
      assert.match(stderr, REFUSED);
    }
  }

  it('leads a node to take what any of two keys has signed, and nothing else', async () => {
    const scope = `${images.registry.host}/team`;
    const blocks = await setUp(await configure({ scopes: { [scope]: { keys: bothKeys() } } }));
    await assertTaken(linesFor(blocks, scope, images.signed));
    await assertTaken(linesFor(blocks, scope, images.foreign));
    await assertRefused(linesFor(blocks, scope, images.unsigned));
  });

  it('leads a node to take what all of two keys have signed', async () => {
    const { host } = images.registry;
    const scopes = { [host]: { keys: bothKeys(), require: 'all' } };
    const blocks = await setUp(await configure({ scopes }));
    await assertTaken(linesFor(blocks, host, images.twice));
    await assertRefused(linesFor(blocks, host, images.signed));
  });

  it('leads a node to ask for signatures of the images that its reader names', async () => {
    const { host } = images.registry;
    await setUp(['--keys', images.keyFile], `/?scope=${host}/team,other.example`);
    await assertPulled(images.signed);
    await assertRefusedImage(images.foreign);
    await assertRefusedImage(images.unsigned);
  });

  it('asks for signatures of all images only where that is wanted, and keeps what was there', async () => {
    const server = await servers.start(images.remote.work, ['--keys', images.keyFile]);
    const blocks = readBlocks(await (await fetch(server.baseUrl)).text());
    const before = 'default-docker:\n  lookaside-staging: file:///var/lib/containers/sigstore\n';
    const asked = readBlocks(await (await fetch(`${server.baseUrl}/?scope=r.example`)).text());
    await follow(
      `printf '${before.replaceAll('\n', String.raw`\n`)}' > /etc/containers/registries.d/default.yaml`,
    );
    await follow(asked.get('commands that fetch the keys') ?? 'false');
    const commands = blocks.get('commands for all images') ?? 'false';
    for (const time of ['once', 'twice']) {
      await follow(commands);
      const kept = await node.read('etc/containers/registries.d/default.yaml.before');
      assert.equal(kept, before, time);
    }
    const lines = linesFor(blocks, 'all images', images.signed);
    await assertTaken(lines);
    await assertRefused(linesFor(blocks, 'all images', images.foreign));
    assert.match(await node.read('etc/containers/registries.d/default.yaml'), /^default-docker:/m);
  });

  it('leads a node to the same through the parts of a scope, below a policy of its own', async () => {
    const scope = images.registry.host;
    const blocks = await setUp(await configure({ scopes: { [scope]: { keys: bothKeys() } } }));
    const member = blocks.get(`policy of ${scope}`);
    const own = `{"default": [{"type": "reject"}], "transports": {"docker": {${member}}}}`;
    const registries = blocks.get(`registries.d section of ${scope}`);
    await node.run(`
cat > /etc/containers/policy.json <<'END'
${own}
END
cat > /etc/containers/registries.d/lookaside.yaml <<'END'
${registries}
END`);
    await assertTaken(linesFor(blocks, scope, images.signed));
    await assertRefused(linesFor(blocks, scope, images.unsigned));
  });

  it('hands out the policy that rejects by default, as node-config wrote it', async () => {
    const out = join(directory(), 'out');
    const scope = `${images.registry.host}/team=${images.keyFile}`;
    const url = 'https://sigs.example';
    const wanted = ['--scope', scope, '--url', url, '--default', 'reject', '--out', out];
    const written = await runLookaside(['node-config', ...wanted]);
    assert.equal(written.code, 0, written.stderr);
    const policy = join(out, 'etc/containers/policy.json');
    const text = await readFile(policy, 'utf8');
    await writeFile(policy, text.replaceAll('"/etc/', `"${out}/etc/`));
    const { baseUrl } = await servers.start(images.remote.work, ['--policy', policy]);
    const answer = await fetch(`${baseUrl}/nodes/policy.json`);
    assert.deepEqual([answer.status, await answer.text()], [200, text]);
  });

  it('hands out, to the byte, what node-config writes', async () => {
    const out = join(directory(), 'out');
    const host = images.registry.host;
    const scopes = {
      [`${host}/team`]: { keys: [images.keyFile] },
      [host]: { keys: bothKeys(), require: 'all', prefix: 'mirror' },
    };
    const config = await configure({ scopes, keys: bothKeys() });
    const url = 'https://sigs.example';
    const wanted = ['--default', 'insecureAcceptAnything', '--out', out];
    const written = await runLookaside(['node-config', '--url', url, ...config, ...wanted]);
    assert.equal(written.code, 0, written.stderr);
    const server = await servers.start(images.remote.work, [...config, '--url', url]);
    const entries = await readdir(out, { recursive: true, withFileTypes: true });
    const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    assert.ok(names.length >= 5, names.join(' '));
    for (const { parentPath, name } of entries.filter((entry) => entry.isFile())) {
      const target = TARGETS[name] ?? `keys/${name}`;
      const bytes = await (await fetch(`${server.baseUrl}/nodes/${target}`)).arrayBuffer();
      assert.deepEqual(Buffer.from(bytes), await readFile(join(parentPath, name)), name);
    }
  });
});

/** The lines to try a scope, for an image of it. */
function linesFor(blocks: ReadonlyMap<string, string>, scope: string, image: PushedImage) {
  const lines = blocks.get(`commands to try ${scope}`) ?? '';
  const [, hex = ''] = image.digest.split(':');
  return lines
    .replace(/^IMAGE=.*$/m, `IMAGE='${image.reference}'`)
    .replace(/(?:NAMESPACE\/|team\/)NAME@sha256=HEX/, `team/app@sha256=${hex}`);
}
