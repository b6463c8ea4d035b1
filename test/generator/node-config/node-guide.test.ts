import assert from 'node:assert/strict';
import { parse } from 'yaml';
import {
  createNodeGuide,
  formatExampleSection,
} from '../../../generator/node-config/node-guide.ts';
import { parseStoreUrl } from '../../../generator/node-config/store-url.ts';
import { createSimplePolicy } from '../../../generator/policy/policy.ts';
import {
  BLUE,
  GREEN,
  RED,
  fingerprintOf,
  policyOf,
  signedBy,
} from '../../server/landing/policies.ts';
import { keyringOf } from '../samples.ts';

const URL = parseStoreUrl('https://sigs.example/store');
const ANYTHING = { type: 'insecureAcceptAnything' } as const;
const REJECT = { type: 'unmeetable', what: 'rejects every image' } as const;

function textOf(files: ReturnType<typeof createNodeGuide>['files'], path: string): string {
  const file = files.find((one) => one.path === path);
  assert.ok(file, path);
  return Buffer.from(file.bytes).toString();
}

describe('the guide for nodes', () => {
  it('has for each scope what the files have', async () => {
    const all = [await signedBy([RED]), await signedBy([BLUE], { type: 'matchRepository' })];
    const policy = await policyOf(
      { 'quay.io/team': [await signedBy([RED, GREEN])], 'r.example': all },
      { 'r.example': 'mirror' },
    );
    const { files, scopes, isWhole } = createNodeGuide(policy, URL);
    assert.equal(isWhole, true);
    const { docker } = JSON.parse(textOf(files, 'etc/containers/policy.json')).transports;
    const registries = parse(textOf(files, 'etc/containers/registries.d/lookaside.yaml'));
    for (const { scope, registries: own, policyMember } of scopes) {
      const member = JSON.parse(`{${policyMember}}`);
      assert.deepEqual(member, { [scope.name]: docker[scope.name] });
      assert.deepEqual(parse(own.text), {
        docker: { [scope.name]: registries.docker[scope.name] },
      });
      assert.equal(own.file, 'lookaside.yaml');
    }
    const [red, blue] = [await fingerprintOf(RED), await fingerprintOf(BLUE)];
    const stem = '/etc/pki/containers/lookaside-r.example';
    assert.deepEqual(
      scopes.map(({ keyPaths }) => keyPaths),
      [
        ['/etc/pki/containers/lookaside-quay.io-team.asc'],
        [`${stem}-${red}.asc`, `${stem}-${blue}.asc`],
      ],
    );
    for (const path of scopes.flatMap(({ keyPaths }) => keyPaths)) textOf(files, path.slice(1));
  });

  it('puts what holds for all images into the file of the distribution', async () => {
    const { scopes, files } = createNodeGuide(await createSimplePolicy(await keyringOf(RED)), URL);
    assert.equal(scopes[0]?.registries.file, 'default.yaml');
    const text = textOf(files, 'etc/containers/registries.d/default.yaml');
    assert.deepEqual(parse(scopes[0]?.registries.text ?? ''), parse(text));
  });

  it('knows whether the files leave anything out', async () => {
    const one = [await signedBy([RED])];
    const isWhole = async (others: Parameters<typeof policyOf>[0]): Promise<boolean> =>
      createNodeGuide(await policyOf({ 'r.example': one, ...others }), URL).isWhole;
    assert.equal(await isWhole({}), true);
    assert.equal(await isWhole({ '': [ANYTHING] }), true);
    assert.equal(await isWhole({ '': [REJECT] }), false);
    assert.equal(await isWhole({ 'r.example/open': [ANYTHING] }), false);
    assert.equal(await isWhole({ 'r.example/both': [...one, REJECT] }), false);
  });

  it('has no files where nothing asks for signatures', async () => {
    const guide = createNodeGuide(await createSimplePolicy(undefined), URL);
    assert.deepEqual(guide, { files: [], scopes: [], isWhole: true });
  });

  it('shows the store for a registry that stands for any', () => {
    assert.deepEqual(parse(formatExampleSection(URL)), {
      docker: {
        'registry.example.com': {
          lookaside: 'https://sigs.example/store',
          sigstore: 'https://sigs.example/store',
        },
      },
    });
  });
});
