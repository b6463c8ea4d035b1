// A policy means to the gate what it means to a node: random ones, judged by both.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  PolicyFileError,
  type UnreadRequirement,
  parsePolicyFile,
} from '../../../generator/policy/policy-json.ts';
import { scopeChain } from '../../../generator/policy/scope-chain.ts';
import { formatReference, matchesIdentity } from '../../../generator/policy/signed-identity.ts';
import { type DockerReference, parseDockerReference } from '../../../generator/terms/image-name.ts';
import { run } from '../../kit/process/run.ts';
import { type Registry, startRegistry } from '../../kit/registry/registry.ts';
import { writeSignature } from '../../kit/signer/signature-tree.ts';
import { makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { makeRandom } from '../random.ts';
import { type PolicyWorld, makePolicy } from './random-policy.ts';

const POLICIES = 300;
const REPOSITORY = 'ns/repo';

/** Nodes refuse the file, and with it every pull; or the image; or they accept it. */
type Verdict = 'the whole file' | 'the image' | 'nothing';

describeWith(
  ['skopeo', 'docker-registry', 'gpg'],
  'fuzz: a policy.json, for the gate and for skopeo',
  function () {
    const seed = randomInt(2 ** 32);
    const directory = useTemporary('suite');
    let registry: Registry;
    let world: PolicyWorld;
    let digest: string;
    before('sign an image', async () => {
      const signer = await makeSigner();
      registry = await startRegistry();
      const exportKey = async (name: string) => {
        const key = await signer.makeKey({ name, algorithm: 'ed25519' });
        const path = await signer.exportKeys(join(directory(), `${name}.gpg`), key);
        return { key, path, base64: (await readFile(path)).toString('base64') };
      };
      const { key, ...own } = await exportKey('own');
      const { host } = registry;
      world = { host, key: own, other: await exportKey('other') };
      ({ digest } = await registry.pushImage({ repository: REPOSITORY, tag: 'v1' }));
      const claims = { dockerReference: `${host}/${REPOSITORY}:v1`, manifestDigest: digest };
      const location = { repository: REPOSITORY, digest, number: 1 };
      await writeSignature(join(directory(), 'store'), location, await signer.sign(key, claims));
      await mkdir(join(directory(), 'registries.d'));
      const section = { docker: { [host]: { lookaside: `file://${directory()}/store` } } };
      await writeFile(join(directory(), 'registries.d', 'a.yaml'), JSON.stringify(section));
      await signer.stop();
    });
    after(async () => registry.stop());

    const judgeOurselves = (text: string, image: DockerReference): Verdict => {
      const signed = parseDockerReference(`${world.host}/${REPOSITORY}:v1`);
      assert.ok(signed);
      const isMet = (one: UnreadRequirement): boolean => {
        if (one.type !== 'signedBy') return one.type === 'insecureAcceptAnything';
        const data = one.keyData && Buffer.from(one.keyData).toString('base64');
        const hasKey = data === world.key.base64 || one.keyPaths.includes(world.key.path);
        return hasKey && matchesIdentity(one.signedIdentity, image, signed);
      };
      try {
        const scopes = parsePolicyFile(text);
        const name = scopeChain(formatReference(image)).find((scope) => scopes.has(scope));
        const requirements = scopes.get(name ?? '') ?? [];
        return requirements.every(isMet) ? 'nothing' : 'the image';
      } catch (error) {
        if (error instanceof PolicyFileError) return 'the whole file';
        throw error;
      }
    };

    const askSkopeo = async (text: string, image: string, at: string): Promise<Verdict> => {
      const file = join(directory(), `${at}.json`);
      await writeFile(file, text);
      const files = ['--policy', file, '--registries.d', join(directory(), 'registries.d')];
      const copy = ['copy', '--quiet', '--src-tls-verify=false', `docker://${image}`];
      const { code, stderr } = await run('skopeo', [
        ...files,
        ...copy,
        `dir:${join(directory(), at)}`,
      ]);
      if (code === 0) return 'nothing';
      if (stderr.includes('Error loading trust policy')) return 'the whole file';
      assert.match(stderr, /Source image rejected/);
      return 'the image';
    };

    it(`refuses the same, in ${POLICIES} of them (seed ${seed})`, async () => {
      const random = makeRandom(seed);
      const verdicts = new Map<Verdict, number>();
      const disagreements: string[] = [];
      for (let index = 0; index < POLICIES; index++) {
        const text = makePolicy(random, world);
        const name = `${world.host}/${REPOSITORY}${random.chance(0.7) ? ':v1' : `@${digest}`}`;
        const image = parseDockerReference(name);
        assert.ok(image);
        const ours = judgeOurselves(text, image);
        const theirs = await askSkopeo(text, name, `${index}`);
        verdicts.set(theirs, (verdicts.get(theirs) ?? 0) + 1);
        if (ours !== theirs) {
          disagreements.push(`skopeo refuses ${theirs}, we ${ours}, of ${name}: ${text}`);
        }
      }
      assert.deepEqual(disagreements, []);
      assert.equal(verdicts.size, 3, 'expected policies of each verdict');
    });
  },
);
