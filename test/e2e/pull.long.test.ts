import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { makeCertificate } from '../kit/web/certificate-files.ts';
import type { PullResult } from '../kit/node/clients.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { makeNode, type Node } from '../kit/node/node.ts';
import { run } from '../kit/process/run.ts';
import { architecture } from '../kit/registry/scratch-image.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import { makeSignedImages, type SignedImages } from '../kit/registry/signed-images.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

const NO_SIGNATURE = /A signature was required, but no signature exists/;
const WRONG_KEY = /Signature by key [0-9A-F]+ is not accepted|Invalid GPG signature/;
const WRONG_IDENTITY = /Signature for identity .* is not accepted/;
/** How a client speaks of a store that fails, rather than of a policy that refuses. */
const STORE_FAILURE = /reading signature|unrecognized signature|status code/i;

describeWith(['skopeo', 'podman', 'docker-registry', 'gpg', 'git'], 'pull', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let images: SignedImages;
  let server: Lookaside;
  let node: Node;

  before(async () => {
    images = await makeSignedImages();
  });
  after(() => images.stop());
  afterEach(() => node.remove());

  async function serve(source: string, ...args: readonly string[]): Promise<void> {
    server = await servers.startHere(source, argsOf(...args));
    node = await nodeOf(server.baseUrl);
  }
  /** As a process of its own, which has an access log. */
  async function serveLogged(source: string, ...args: readonly string[]): Promise<void> {
    server = await servers.start(source, argsOf(...args));
    node = await nodeOf(server.baseUrl);
  }
  const argsOf = (...more: readonly string[]): readonly string[] => {
    const keys = ['--keys', images.keyFile, '--keys', images.otherKeyFile];
    return [...keys, '--state-dir', directory(), ...more];
  };
  const nodeOf = (lookaside: string, key = images.keyFile) =>
    makeNode({ scope: images.registry.host, lookaside, keys: [key] });

  /** What the server was asked: `METHOD PATH STATUS`, one a request. Stops it. */
  async function requests(): Promise<string[]> {
    assert.equal(await server.stop(), 0);
    const lines = server.stdout().split('\n').slice(0, -1);
    return lines.map((line) => line.replace(/^.*"(\S+) (\S+) HTTP\/1.1" (\d+) .*$/, '$1 $2 $3'));
  }

  const sources = {
    'a directory': () => images.remote.work,
    'a git repository': () => images.remote.path,
  };
  const clients = {
    podman: (image: string) => node.pullWithPodman(image),
    skopeo: (image: string) => node.copyWithSkopeo(image),
  };
  for (const [kind, source] of Object.entries(sources)) {
    for (const [client, pull] of Object.entries(clients)) {
      it(`with ${client} from ${kind} takes what is signed and nothing else`, async () => {
        await serve(source());
        assert.equal(server.signatures, 7);
        assertAccepted(await pull(images.signed.reference));
        assertAccepted(await pull(`${images.signed.name}@${images.signed.digest}`));
        assertRefused(await pull(images.unsigned.reference), NO_SIGNATURE);
        assertRefused(await pull(images.foreign.reference), WRONG_KEY);
      });
    }
  }

  for (const [client, pull] of Object.entries(clients)) {
    it(`with ${client} takes a list whose instance is signed`, async () => {
      await serveLogged(images.remote.path);
      assertAccepted(await pull(images.list.reference));
      const instance = images.list.instances.get(architecture) ?? '';
      const first = `/${formatLocation('team/app', instance, 1)}`;
      assert.equal((await requests())[0], `GET ${first} 200`);
    });
  }

  it('takes an image with two signatures under either key', async () => {
    await serve(images.remote.work);
    assertAccepted(await node.copyWithSkopeo(images.twice.reference));
    const other = await nodeOf(server.baseUrl, images.otherKeyFile);
    assertAccepted(await other.copyWithSkopeo(images.twice.reference));
    assertAccepted(await other.copyWithSkopeo(images.foreign.reference));
    assertRefused(await other.copyWithSkopeo(images.signed.reference), WRONG_KEY);
    await other.remove();
  });

  it('takes every signed tag of a digest, and no other', async () => {
    await serve(images.remote.path);
    const { name } = images.tagged;
    for (const tag of ['one', 'two']) assertAccepted(await node.pullWithPodman(`${name}:${tag}`));
    assertRefused(await node.pullWithPodman(`${name}:three`), WRONG_IDENTITY);
  });

  it('never serves a signature by a key that is not accepted', async () => {
    await serve(images.remote.work);
    await server.stop();
    server = await servers.startHere(images.remote.work, ['--keys', images.keyFile]);
    const other = await nodeOf(server.baseUrl, images.otherKeyFile);
    assertRefused(await other.copyWithSkopeo(images.foreign.reference), NO_SIGNATURE);
    await other.remove();
  });

  it('works with a base URL that ends in a slash', async () => {
    await serve(images.remote.work);
    const slashed = await nodeOf(`${server.baseUrl}/`);
    assertAccepted(await slashed.pullWithPodman(images.signed.reference));
    assertRefused(await slashed.copyWithSkopeo(images.unsigned.reference), NO_SIGNATURE);
    await slashed.remove();
  });

  it('works with the configuration below the HOME of a user', async () => {
    await serveLogged(images.remote.work);
    const env = { HOME: node.home, XDG_CONFIG_HOME: undefined };
    const copy = (image: string, to: string) =>
      run('skopeo', ['copy', '--src-tls-verify=false', `docker://${image}`, `dir:${to}`], { env });
    const good = await copy(images.signed.reference, join(directory(), 'good'));
    assert.equal(good.code, 0, good.stderr);
    const bad = await copy(images.unsigned.reference, join(directory(), 'bad'));
    assert.match(bad.stderr, NO_SIGNATURE);
    const asked = await requests();
    assert.equal(asked.length, 3, asked.join('\n'));
  });

  it('works over HTTPS', async () => {
    await serve(images.remote.work, ...(await makeCertificate(directory())).args);
    assert.match(server.baseUrl, /^https:/);
    for (const pull of Object.values(clients)) {
      assertAccepted(await pull(images.signed.reference));
      assertRefused(await pull(images.unsigned.reference), NO_SIGNATURE);
    }
  });

  for (const [client, pull] of Object.entries(clients)) {
    it(`leaves exactly its requests in the access log with ${client}`, async () => {
      await serveLogged(images.remote.work);
      await pull(images.signed.reference);
      await pull(images.unsigned.reference);
      assert.deepEqual(await requests(), [
        `GET /${formatLocation('team/app', images.signed.digest, 1)} 200`,
        `GET /${formatLocation('team/app', images.signed.digest, 2)} 404`,
        `GET /${formatLocation('team/app', images.unsigned.digest, 1)} 404`,
      ]);
    });
  }

  it('names a refused pull in the access log', async () => {
    await serveLogged(images.remote.work, '--access-log', 'json');
    await node.copyWithSkopeo(images.signed.reference);
    await node.copyWithSkopeo(images.unsigned.reference);
    assert.equal(await server.stop(), 0);
    const lines = server.stdout().split('\n').slice(0, -1);
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const { digest } = images.unsigned;
    assert.deepEqual(
      entries.map(({ outcome }) => outcome),
      ['served', 'end', 'unsigned'],
    );
    const { repository, digest: named } = entries[2] ?? {};
    assert.deepEqual({ repository, named }, { repository: 'team/app', named: digest });
  });
});

function assertAccepted({ outcome, stderr }: PullResult): void {
  assert.equal(outcome, 'accepted', stderr);
}

function assertRefused({ outcome, stderr }: PullResult, reason: RegExp): void {
  assert.equal(outcome, 'refused');
  assert.match(stderr, reason);
  assert.doesNotMatch(stderr, STORE_FAILURE);
}
