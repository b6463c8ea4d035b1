// A registries.d means to node-config --check what it means to a node: random ones, read by both.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  READ_MEMBERS,
  type PlacedSection,
  findStore,
} from '../../../generator/nodes/check/find-store.ts';
import { collectSections } from '../../../generator/nodes/check/collect-sections.ts';
import { judgeStore } from '../../../generator/nodes/check/inspect-store.ts';
import {
  RegistriesFileError,
  readRegistriesFile,
} from '../../../generator/nodes/registries/registries-file.ts';
import { run } from '../../kit/process/run.ts';
import { type Registry, startRegistry } from '../../kit/registry/registry.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { makeRandom } from '../random.ts';
import { type RegistriesSet, makeRegistries } from './random-registries.ts';

const SETS = 300;

/** What nodes refuse, and the store that they would have asked. */
interface Verdict {
  readonly refuses: 'all files' | 'the image' | 'nothing';
  readonly store?: string | undefined;
}

/** Faults of addresses for which no node reads the store. */
const UNUSABLE = new Set<unknown>(['no-scheme', 'unsupported-scheme', 'store-unusable']);
const WHOLE = /parsing .*\.yaml: |Error parsing signature storage configuration/;
const IMAGE = /Unsupported scheme|Invalid signature storage URL|^panic: /m;

/** As clients before containers/image 5.25 do, of which skopeo 1.9.3 is one. */
function judgeOurselves(set: RegistriesSet, image: string): Verdict {
  const sections = new Map<string, PlacedSection>();
  for (const [path, bytes] of Object.entries(set)) {
    if (!path.endsWith('.yaml')) continue;
    try {
      const { docker, byDefault } = readRegistriesFile(bytes, 'yaml.v2');
      const named = [...docker].filter(([scope]) => scope !== '');
      for (const [scope, members] of byDefault ? [...named, ['', byDefault] as const] : named) {
        if (sections.has(scope)) return { refuses: 'all files' };
        sections.set(scope, { path, members });
      }
    } catch (error) {
      if (error instanceof RegistriesFileError) return { refuses: 'all files' };
      throw error;
    }
  }
  const found = findStore(sections, image, READ_MEMBERS.current);
  if (!found) return { refuses: 'nothing', store: undefined };
  const store = found.untrustedText;
  const fault = judgeStore(store, 'file:///none', image);
  return { refuses: UNUSABLE.has(fault?.code) ? 'the image' : 'nothing', store };
}

describeWith(
  ['skopeo', 'docker-registry'],
  'fuzz: a registries.d, for --check and for skopeo',
  () => {
    const seed = randomInt(2 ** 32);
    const directory = useTemporary('suite');
    let registry: Registry;
    let image: string;
    before('push an image', async () => {
      registry = await startRegistry();
      image = (await registry.pushImage({ repository: 'ns/repo', tag: 'v1' })).reference;
      const policy = { default: [{ type: 'insecureAcceptAnything' }] };
      await writeFile(join(directory(), 'policy.json'), JSON.stringify(policy));
    });
    after(async () => registry.stop());

    const askSkopeo = async (set: RegistriesSet, at: string): Promise<Verdict> => {
      const registries = join(directory(), at, 'registries.d');
      await mkdir(registries, { recursive: true });
      for (const [name, bytes] of Object.entries(set))
        await writeFile(join(registries, name), bytes);
      const files = ['--registries.d', registries, '--policy', join(directory(), 'policy.json')];
      const copy = ['copy', '--src-tls-verify=false', `docker://${image}`];
      const target = `dir:${join(directory(), at, 'image')}`;
      const { code, stderr } = await run('skopeo', ['--debug', ...files, ...copy, target]);
      if (WHOLE.test(stderr)) return { refuses: 'all files' };
      const [, store] = / Using \\"(?:lookaside|sigstore)\\" (.*)"$/m.exec(stderr) ?? [];
      if (code === 0) return { refuses: 'nothing', store };
      assert.match(stderr, IMAGE);
      return { refuses: 'the image', store };
    };

    it(`refuses the same, in ${SETS} sets (seed ${seed})`, async () => {
      const random = makeRandom(seed);
      const verdicts = new Set<string>();
      const disagreements: string[] = [];
      for (let index = 0; index < SETS; index++) {
        const set = makeRegistries(random, image);
        const ours = judgeOurselves(set, image);
        const theirs = await askSkopeo(set, `${index}`);
        verdicts.add(theirs.refuses);
        const files = Object.entries(set).map(([path, bytes]) => ({ path, bytes }));
        if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
          const texts = files.map(
            ({ path, bytes }) => `${path}: ${JSON.stringify(bytes.toString())}`,
          );
          const verdict = JSON.stringify([theirs, ours]);
          disagreements.push([`skopeo and we: ${verdict}`, ...texts].join('\n'));
        }
        if (theirs.refuses !== 'all files') continue;
        // What one client refuses is a fault for all; newer ones refuse more.
        const found = files.map(({ path, bytes }) => ({
          path,
          found: { kind: 'file', bytes } as const,
        }));
        const { findings } = collectSections(found, new Set(), 'any');
        assert.ok(findings.some(({ severity }) => severity === 'fault'));
      }
      assert.deepEqual(disagreements, []);
      assert.equal(verdicts.size, 3, 'expected sets of each verdict');
    });
  },
);
