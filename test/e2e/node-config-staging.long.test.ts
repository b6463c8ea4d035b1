// What machines that sign do with the files that `node-config --staging` writes for them: nothing that
// others signed is lost.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from '../kit/program/lookaside.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { type PushedImage, type Registry, startRegistry } from '../kit/registry/registry.ts';
import { writeSignature } from '../kit/signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const OTHERS = 6;

describeWith(['skopeo', 'docker-registry', 'gpg'], 'a machine that signs into a checkout', () => {
  const directory = useTemporary();
  let registry: Registry;
  let signer: Signer;
  let own: SigningKey;
  let other: SigningKey;
  let [checkout, keys] = ['', ''];
  before(async () => {
    [registry, signer] = await Promise.all([startRegistry(), makeSigner()]);
    own = await signer.makeKey();
    other = await signer.makeKey();
    keys = await signer.exportKeys(join(signer.home, 'all.asc'), own, other);
  });
  after(async () => {
    await Promise.all([registry.stop(), signer.stop()]);
  });
  beforeEach(() => {
    checkout = join(directory(), 'checkout');
  });

  /** The registries.d that node-config writes for it. */
  async function configure(...args: readonly string[]): Promise<string> {
    const out = join(directory(), 'etc');
    const scope = ['--scope', `${registry.host}=${keys}`, '--url', 'https://signatures.example'];
    const words = ['--default', 'insecureAcceptAnything', '--out', out, '--staging', checkout];
    const made = await runLookaside(['node-config', ...scope, ...words, ...args]);
    assert.equal(made.code, 0, made.stderr);
    return join(out, 'etc/containers/registries.d');
  }

  /** Signs an image as people do; the list and all that is in it. */
  async function sign(image: PushedImage, registriesD: string): Promise<void> {
    const place = `docker://${image.reference}`;
    const flags = ['--src-tls-verify=false', '--dest-tls-verify=false', '--all', '--sign-by'];
    const args = ['--insecure-policy', '--registries.d', registriesD, 'copy', ...flags];
    await runOrThrow('skopeo', [...args, own.fingerprint, place, place], {
      env: { GNUPGHOME: signer.home },
    });
  }

  const signaturesOf = async (repository: string, digest: string): Promise<readonly Buffer[]> => {
    const place = join(checkout, `${repository}@${digest.replace(':', '=')}`);
    const names = (await readdir(place)).toSorted();
    return Promise.all(names.map(async (name) => readFile(join(place, name))));
  };

  for (const clients of ['any', '5.22+']) {
    it(`keeps what ${OTHERS} others have signed, and its own first signature (${clients})`, async () => {
      const image = await registry.pushImage({ repository: 'team/app', tag: 'v1' });
      const before: Buffer[] = [];
      for (let number = 1; number <= OTHERS; number++) {
        const claims = { dockerReference: image.reference, manifestDigest: image.digest };
        const bytes = await signer.sign(other, claims);
        await writeSignature(
          checkout,
          { repository: 'team/app', digest: image.digest, number },
          bytes,
        );
        before.push(bytes);
      }
      const registriesD = await configure('--clients', clients);
      await sign(image, registriesD);
      const once = await signaturesOf('team/app', image.digest);
      assert.deepEqual(once.slice(0, OTHERS), before);
      assert.equal(once.length, OTHERS + 1);
      await sign(image, registriesD);
      const twice = await signaturesOf('team/app', image.digest);
      assert.deepEqual(twice.slice(0, OTHERS + 1), once);
      assert.equal(twice.length, OTHERS + 2);
      const checked = await runLookaside(['check', checkout, '--keys', keys]);
      assert.match(checked.stdout, new RegExp(`good: .* ${OTHERS + 2} accepted`));
    });
  }

  it('keeps those of each platform of a list', async () => {
    const architectures = ['amd64', 'arm64'];
    const image = await registry.pushImage({ repository: 'team/list', tag: 'v1', architectures });
    const registriesD = await configure();
    await sign(image, registriesD);
    await sign(image, registriesD);
    for (const digest of [image.digest, ...image.instances.values()]) {
      assert.equal((await signaturesOf('team/list', digest)).length, 2);
    }
  });
});
