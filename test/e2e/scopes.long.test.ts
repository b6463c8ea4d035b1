// A policy.json means the same to the gate and to a node: the same file, judged by both, for
// signatures that skopeo made of real images.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describeWith } from '../with-tools.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { type PushedImage, type Registry, startRegistry } from '../kit/registry/registry.ts';
import { run, runOrThrow } from '../kit/process/run.ts';
import { signWithSkopeo } from '../kit/signer/sign-with-skopeo.ts';
import { writeSignature } from '../kit/signer/signature-tree.ts';
import { makeSigner, type Signer, type SigningKey } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';

/** Each has the name of its repository, and is signed in one way of its own. */
const IMAGES = ['own', 'other-tag', 'renamed', 'tagless', 'by-digest', 'foreign', 'both'] as const;
type Image = (typeof IMAGES)[number];

const reportSchema = z.object({
  files: z.array(
    z.object({
      path: z.string(),
      status: z.string(),
      warnings: z.array(z.object({ code: z.string() })).default([]),
    }),
  ),
});

interface Case {
  readonly title: string;
  /** Requirements by scope, as in policy.json; the scopes below the registry's host. */
  readonly scopes: (names: Names) => Readonly<Record<string, readonly object[]>>;
  /** The images that nodes take. */
  readonly accepted: readonly Image[];
  /** Images that nodes take signed or not: the gate may still refuse their signatures. */
  readonly anyway?: readonly Image[];
}

interface Names {
  /** Of the registry. */
  readonly host: string;
  readonly red: string;
  readonly blue: string;
}

function signedBy(keyPath: string, signedIdentity?: object): object {
  return { type: 'signedBy', keyType: 'GPGKeys', keyPath, signedIdentity };
}

describeWith(['skopeo', 'docker-registry', 'gpg', 'gpgv'], 'a policy.json', () => {
  let registry: Registry;
  let signer: Signer;
  let home: string;
  let signatures: string;
  let registriesD: string;
  let names: Names;
  const images = new Map<Image, PushedImage>();

  before('sign images', async () => {
    [registry, signer, home] = await Promise.all([startRegistry(), makeSigner(), makeTemporary()]);
    const red = await signer.makeKey({ name: 'Red' });
    const blue = await signer.makeKey({ name: 'Blue', algorithm: 'ed25519' });
    const { host } = registry;
    names = {
      host,
      red: await signer.exportKeys(join(home, 'red.gpg'), red),
      blue: await signer.exportKeys(join(home, 'blue.gpg'), blue),
    };
    signatures = join(home, 'signatures');
    registriesD = join(home, 'registries.d');
    await mkdir(signatures);
    await mkdir(registriesD);
    // JSON is YAML.
    const section = { docker: { [host]: { lookaside: `file://${signatures}` } } };
    await writeFile(join(registriesD, 'a.yaml'), JSON.stringify(section));
    for (const image of IMAGES) {
      const repository = `team/${image}`;
      images.set(image, await registry.pushImage({ repository, tag: 'v1' }));
    }
    const { reference, name } = imageOf('other-tag');
    const tls = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    const copies = [`docker://${reference}`, `docker://${name}:v2`];
    await runOrThrow('skopeo', ['--insecure-policy', 'copy', ...tls, ...copies]);
    await signReally('own', red);
    await signReally('other-tag', red, `${host}/team/other-tag:v2`);
    await signReally('renamed', red, `${host}/origin/renamed:v1`);
    await signReally('foreign', blue);
    await signReally('both', red);
    await signReally('both', blue);
    await sign('tagless', red, `${host}/team/tagless`);
    await sign('by-digest', red, `${host}/team/by-digest@${imageOf('by-digest').digest}`);
  });
  after(async () => {
    await Promise.all([registry.stop(), signer.stop(), removeTemporary(home)]);
  });

  const imageOf = (image: Image): PushedImage => {
    const found = images.get(image);
    assert.ok(found);
    return found;
  };
  const signReally = async (image: Image, key: SigningKey, identity?: string): Promise<void> =>
    signWithSkopeo({
      signer,
      key,
      image: imageOf(image).reference,
      stagingDirectory: signatures,
      lookaside: `file://${signatures}`,
      ...(identity !== undefined && { identity }),
    });
  /** For names that skopeo does not sign. */
  const sign = async (image: Image, key: SigningKey, dockerReference: string): Promise<void> => {
    const { digest } = imageOf(image);
    const bytes = await signer.sign(key, { dockerReference, manifestDigest: digest });
    await writeSignature(signatures, { repository: `team/${image}`, digest, number: 1 }, bytes);
  };

  /** Whether a node with the policy takes the image, by one of its tags or by its digest. */
  const isTaken = async (policy: string, image: Image): Promise<boolean> => {
    const { reference, name, digest } = imageOf(image);
    const tagged = image === 'other-tag' ? [reference, `${name}:v2`] : [reference];
    for (const asked of [...tagged, `${name}@${digest}`]) {
      const target = await makeTemporary();
      const global = ['--registries.d', registriesD, '--policy', policy];
      const copy = ['copy', '--src-tls-verify=false', `docker://${asked}`, `dir:${target}`];
      const { code, stderr } = await run('skopeo', [...global, ...copy]);
      await removeTemporary(target);
      if (code === 0) return true;
      assert.match(stderr, /Source image rejected/);
    }
    return false;
  };
  const takenByNode = async (policy: string): Promise<readonly Image[]> => {
    const taken = await Promise.all(IMAGES.map(async (one) => isTaken(policy, one)));
    return IMAGES.filter((_, index) => taken[index]);
  };
  /** Those whose signatures are all that a node asks for. */
  const acceptedByGate = async (policy: string): Promise<readonly Image[]> => {
    const args = ['check', signatures, '--policy', policy, '--format', 'json'];
    const { stdout, stderr } = await runLookaside(args);
    assert.equal(stderr, '');
    const { files } = reportSchema.parse(JSON.parse(stdout));
    assert.equal(files.length, IMAGES.length + 1);
    return IMAGES.filter((image) => {
      const own = files.filter(({ path }) => path.startsWith(`team/${image}@`));
      const isMissing = own.some(({ warnings }) =>
        warnings.some(({ code }) => code === 'co-signature-missing'),
      );
      return !isMissing && own.some(({ status }) => /^(?:accepted|unverified)$/.test(status));
    });
  };

  const forAll =
    (makeIdentity: (names: Names) => object | undefined): Case['scopes'] =>
    (all) => ({ '': [signedBy(all.red, makeIdentity(all))] });

  const cases: readonly Case[] = [
    {
      title: 'without a signedIdentity',
      scopes: forAll(() => undefined),
      accepted: ['own', 'other-tag', 'by-digest', 'both'],
    },
    {
      title: 'with matchExact',
      scopes: forAll(() => ({ type: 'matchExact' })),
      accepted: ['own', 'other-tag', 'by-digest', 'both'],
    },
    {
      title: 'with matchRepoDigestOrExact',
      scopes: forAll(() => ({ type: 'matchRepoDigestOrExact' })),
      accepted: ['own', 'other-tag', 'by-digest', 'both'],
    },
    {
      title: 'with matchRepository',
      scopes: forAll(() => ({ type: 'matchRepository' })),
      accepted: ['own', 'other-tag', 'tagless', 'by-digest', 'both'],
    },
    {
      title: 'with exactReference',
      scopes: forAll(({ host }) => ({
        type: 'exactReference',
        dockerReference: `${host}/origin/renamed:v1`,
      })),
      accepted: ['renamed'],
    },
    {
      title: 'with exactRepository',
      scopes: forAll(({ host }) => ({
        type: 'exactRepository',
        dockerRepository: `${host}/origin/renamed`,
      })),
      accepted: ['renamed'],
    },
    {
      title: 'with remapIdentity',
      scopes: forAll(({ host }) => ({
        type: 'remapIdentity',
        prefix: `${host}/team`,
        signedPrefix: `${host}/origin`,
      })),
      accepted: ['renamed'],
    },
    {
      title: 'with remapIdentity of another part',
      scopes: forAll(({ host }) => ({
        type: 'remapIdentity',
        prefix: `${host}/else`,
        signedPrefix: `${host}/origin`,
      })),
      accepted: ['own', 'other-tag', 'by-digest', 'both'],
    },
    {
      title: 'with two requirements, which must both hold',
      scopes: ({ red, blue }) => ({ '': [signedBy(red), signedBy(blue)] }),
      accepted: ['both'],
    },
    {
      title: 'with the same key twice, for two rules',
      scopes: ({ red }) => ({
        '': [signedBy(red, { type: 'matchRepository' }), signedBy(red, { type: 'matchExact' })],
      }),
      accepted: ['own', 'other-tag', 'by-digest', 'both'],
    },
    {
      title: 'with a requirement beside reject',
      scopes: ({ red }) => ({ '': [signedBy(red), { type: 'reject' }] }),
      accepted: [],
    },
    {
      title: 'with reject',
      scopes: () => ({ '': [{ type: 'reject' }] }),
      accepted: [],
    },
    {
      title: 'with insecureAcceptAnything',
      scopes: () => ({ '': [{ type: 'insecureAcceptAnything' }] }),
      accepted: ['own', 'other-tag', 'by-digest', 'foreign', 'both'],
      anyway: IMAGES,
    },
    {
      title: 'with scopes, the narrowest of which wins whole',
      scopes: ({ host, red, blue }) => ({
        '': [{ type: 'reject' }],
        [host]: [signedBy(red)],
        [`${host}/team`]: [signedBy(blue)],
        [`${host}/team/own`]: [signedBy(red)],
        [`${host}/team/other-tag:v1`]: [signedBy(red, { type: 'matchRepository' })],
        [`${host}/team/by-digest:v1`]: [{ type: 'reject' }],
        [`${host}/team/both`]: [{ type: 'reject' }],
        [`${host}/tea`]: [signedBy(red)],
      }),
      accepted: ['own', 'other-tag', 'foreign'],
    },
    {
      title: 'for other registries alone',
      scopes: ({ red }) => ({ 'registry.example': [signedBy(red)] }),
      accepted: [],
    },
  ];

  for (const { title, scopes, accepted, anyway } of cases) {
    it(`${title} is judged alike by gate and node`, async () => {
      const policy = join(home, 'policy.json');
      await writeFile(
        policy,
        JSON.stringify({ default: [{ type: 'reject' }], transports: { docker: scopes(names) } }),
      );
      const taken = await takenByNode(policy);
      assert.deepEqual(taken, anyway ?? accepted, 'by the node');
      assert.deepEqual(await acceptedByGate(policy), accepted, 'by the gate');
    });
  }
});
