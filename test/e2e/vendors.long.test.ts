// A vendor's registry with its own store, a mirror of it and images of our own: one description, one node.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import type { Clients } from '../kit/node/clients.ts';
import { onSystem } from '../kit/node/configured-node.ts';
import { type Lookaside, runLookaside, startLookaside } from '../kit/program/lookaside.ts';
import { type VendorImages, makeVendorImages } from '../kit/registry/vendor-images.ts';
import { useTemporary } from '../kit/temporary.ts';

const NO_SIGNATURE = /A signature was required, but no signature exists/;
const WRONG_KEY = /Signature by key [0-9A-F]+ is not accepted|Invalid GPG signature/;

const CLIENTS = {
  skopeo: ({ copyWithSkopeo }: Clients, image: string) => copyWithSkopeo(image),
  podman: ({ pullWithPodman }: Clients, image: string) => pullWithPodman(image),
};

async function expect(
  pull: (image: string) => ReturnType<Clients['copyWithSkopeo']>,
  image: string,
  expected: 'accepted' | RegExp,
): Promise<void> {
  const { outcome, stderr } = await pull(image);
  assert.equal(outcome, expected === 'accepted' ? 'accepted' : 'refused', `${image}: ${stderr}`);
  if (expected !== 'accepted') assert.match(stderr, expected, image);
}

describeWith(['skopeo', 'podman', 'docker-registry', 'gpg', 'gpgv', 'nginx'], 'vendors', () => {
  const directory = useTemporary();
  let images: VendorImages;
  let server: Lookaside;
  before('sign images', async () => {
    images = await makeVendorImages();
    // Signatures that nodes must refuse themselves are rejected here already; the rest is served.
    server = await startLookaside(images.source, ['--config', images.lightConfig]);
  });
  after(async () => {
    await server?.stop();
    await images?.stop();
  });

  const writeNode = async (config = images.lightConfig): Promise<string> => {
    const tree = join(directory(), 'tree');
    const { code, stderr } = await runLookaside([
      'node-config',
      '--config',
      config,
      '--url',
      server.baseUrl,
      '--default',
      'reject',
      '--out',
      tree,
    ]);
    assert.equal(code, 0, stderr);
    await images.installVendorKey(tree);
    return tree;
  };

  /** As IDMS and ICSP of OpenShift write it. */
  const mirrorVendor = async (tree: string): Promise<void> => {
    await mkdir(join(tree, 'etc/containers'), { recursive: true });
    const conf = `[[registry]]
location = "${images.vendor.host}"
insecure = true
[[registry.mirror]]
location = "${images.ours.host}/mirror"
insecure = true
`;
    await writeFile(join(tree, 'etc/containers/registries.conf'), conf);
  };

  for (const [client, pull] of Object.entries(CLIENTS)) {
    it(`${client} accepts and refuses rightly at the vendor, at the mirror and at home`, async () => {
      const node = await onSystem(await writeNode());
      const pulls = (image: string) => pull(node, image);
      await expect(pulls, images.vendorImage('good'), 'accepted');
      await expect(pulls, images.vendorImage('unmirrored'), 'accepted');
      await expect(pulls, images.vendorImage('foreign'), WRONG_KEY);
      await expect(pulls, images.vendorImage('unsigned'), NO_SIGNATURE);
      await expect(pulls, images.mirrored('good'), 'accepted');
      await expect(pulls, images.mirrored('unmirrored'), NO_SIGNATURE);
      await expect(pulls, images.mirrored('foreign'), NO_SIGNATURE);
      await expect(pulls, images.own('good'), 'accepted');
      await expect(pulls, images.own('foreign'), NO_SIGNATURE);
      await expect(pulls, images.own('unsigned'), NO_SIGNATURE);
    });

    it(`${client} asks the store of the mirror where registries.conf sends it there`, async () => {
      const tree = await writeNode();
      await mirrorVendor(tree);
      const node = await onSystem(tree);
      const pulls = (image: string) => pull(node, image);
      const before = await images.vendorStore.accessLog();
      await expect(pulls, images.vendorImage('good'), 'accepted');
      await expect(pulls, images.vendorImage('unmirrored'), NO_SIGNATURE);
      await expect(pulls, images.vendorImage('unsigned'), NO_SIGNATURE);
      await expect(pulls, images.own('good'), 'accepted');
      assert.equal(await images.vendorStore.accessLog(), before);
      const hex = images.digestOf(images.vendorImage('unmirrored')).replace('sha256:', '');
      await eventually(async () => {
        assert.match(server.stdout(), new RegExp(`/mirror/product/unmirrored@sha256=${hex}`));
      });
    });
  }

  it('lets nodes that know no remapIdentity pull by the name of the vendor', async () => {
    const tree = await writeNode(images.oldNodesConfig);
    const policy = await readFile(join(tree, 'etc/containers/policy.json'), 'utf8');
    assert.doesNotMatch(policy, /signedIdentity/);
    await mirrorVendor(tree);
    const { copyWithSkopeo } = await onSystem(tree);
    await expect(copyWithSkopeo, images.vendorImage('good'), 'accepted');
    await expect(copyWithSkopeo, images.vendorImage('unmirrored'), NO_SIGNATURE);
    await expect(
      copyWithSkopeo,
      images.mirrored('good'),
      /Signature for identity .* is not accepted/,
    );
  });

  it('has a node that --check finds good, and bad without the key of the vendor', async () => {
    const tree = await writeNode();
    const check = async (config: string) =>
      runLookaside(['node-config', '--config', config, '--url', server.baseUrl, '--check', tree]);
    for (const config of [images.config, images.lightConfig]) {
      const { code, stdout } = await check(config);
      assert.equal(code, 0, stdout);
    }
    await writeFile(
      join(tree, 'etc/pki/vendor/KEY'),
      await readFile(join(tree, 'etc/containers/policy.json')),
    );
    const broken = await check(images.lightConfig);
    assert.equal(broken.code, 1);
    assert.match(broken.stdout, /etc\/pki\/vendor\/KEY: key-file-unreadable/);
  });

  it('is explained by what the store of the vendor answers', async () => {
    const explain = async (image: string, config = images.config) => {
      const byDigest = `${image.replace(/:v1$/, '')}@${images.digestOf(image)}`;
      return runLookaside(['explain', byDigest, images.source, '--config', config]);
    };
    const good = await explain(images.vendorImage('good'));
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, new RegExp(`store: +${images.vendorStore.baseUrl}/sigs`));
    assert.match(good.stdout, /would be accepted/);
    const foreign = await explain(images.vendorImage('foreign'));
    assert.equal(foreign.code, 1);
    assert.match(foreign.stdout, /refused: quarantined[\s\S]*tell whoever runs the store/);
    const unsigned = await explain(images.vendorImage('unsigned'));
    assert.match(unsigned.stdout, /refused: unsigned-elsewhere/);
    const unknown = await explain(images.vendorImage('good'), images.lightConfig);
    assert.match(
      unknown.stdout,
      /unknown: no-keys[\s\S]*its keys are in \/etc\/pki\/vendor\/KEY on nodes/,
    );
    const mirrored = await explain(images.mirrored('good'));
    assert.equal(mirrored.code, 0, mirrored.stdout);
    assert.match(mirrored.stdout, /source: /);
  });
});
