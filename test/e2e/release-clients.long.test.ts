// The clients of a release area, as they are: skopeo as a node, and the OpenPGP engine of the cluster-version
// operator, which asks for signatures as that does.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReleaseVerifier } from '../kit/go/release-verifier.ts';
import { makeNode } from '../kit/node/node.ts';
import { lookUp } from '../kit/program/look-up.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type Registry, startRegistry } from '../kit/registry/registry.ts';
import { type ReleaseWorld, makeReleaseWorld, putFiles } from '../kit/release/release-world.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

/** The most that the cluster-version operator asks for (library-go, maxSignatureSearch). */
const MOST = 9;

const tools = ['skopeo', 'docker-registry', 'gpg', 'gpgv', 'go'] as const;
describeWith(tools, 'the clients of a release area', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let registry: Registry;
  let world: ReleaseWorld;
  let verifier: ReleaseVerifier;
  before(async () => {
    [registry, world, verifier] = await Promise.all([
      startRegistry(),
      makeReleaseWorld(),
      ReleaseVerifier.build(),
    ]);
  });
  after(async () => {
    await verifier.remove();
    await world.stop();
    await registry.stop();
  });

  /** As the cluster-version operator: from 1 on, until one is good or a 404 ends the store. */
  const verifyAsCluster = async (
    server: Lookaside,
    base: string,
    digest: string,
    keyFile: string,
  ): Promise<string> => {
    const keyring = await readFile(keyFile);
    for (let number = 1; number <= MOST; number++) {
      const path = join(base, digest.replace(':', '='), `signature-${number}`);
      const { status, bytes: signature } = await lookUp(server, path);
      if (status === 404) return `404 for ${number}`;
      const [answer] = await verifier.askAll([{ keyring, digest, signature }]);
      if (answer?.refused === '' && answer.keyring === '') return `accepted ${number}`;
    }
    return 'none of 9';
  };

  it('take one file of the source in each layout, and only by their own keys', async () => {
    const image = await registry.pushImage({ repository: 'rel/app', tag: 'v1' });
    const { digest, reference } = image;
    const hex = digest.replace('sha256:', '');
    const config = await world.configure('registry.yaml', {
      scopes: { [registry.host]: { keys: ['team.asc', 'both.asc'] } },
      releases: [{ from: 'releases', keys: ['vendor.asc', 'both.asc'] }],
    });
    const keyFile = (name: string): string => config.replace('registry.yaml', `${name}.asc`);
    const bytes = await world.sign('both', reference, hex);
    const foreign = await world.sign('team', reference, hex);
    await putFiles(join(directory(), 'sigs'), {
      [`releases/sha256=${hex}/signature-1`]: foreign,
      [`releases/sha256=${hex}/signature-2`]: bytes,
    });
    const server = await servers.startHere(join(directory(), 'sigs'), [
      `--config=${config}`,
      `--state-dir=${join(directory(), 'state')}`,
    ]);
    for (const base of ['', '/', 'rel/app', 'rel/app/']) {
      const verdict = await verifyAsCluster(server, base, digest, keyFile('both'));
      assert.equal(verdict, 'accepted 1', base);
    }
    assert.equal(await verifyAsCluster(server, '', digest, keyFile('team')), '404 for 2');
    for (const [name, expected] of [
      ['both', 'accepted'],
      ['vendor', 'refused'],
    ] as const) {
      const node = await makeNode({
        scope: registry.host,
        lookaside: server.baseUrl,
        keys: [keyFile(name)],
      });
      const { outcome, stderr } = await node.copyWithSkopeo(reference);
      await node.remove();
      assert.equal(outcome, expected, stderr);
    }
  });
});
