import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { createNodeFiles } from '../../../generator/nodes/node-files.ts';
import { parseStoreUrl } from '../../../generator/nodes/store-url.ts';
import { createSimplePolicy } from '../../../generator/policy/policy.ts';
import { createNodeGuide, formatExampleSection } from '../../../server/landing/node-guide.ts';
import { keyringOf } from '../../kit/samples/samples.ts';
import { BLUE, GREEN, RED, fingerprintOf, policyOf, signedBy } from './policies.ts';

const URL = parseStoreUrl('https://sigs.example/store');
const ANYTHING = { type: 'insecureAcceptAnything' } as const;
const REJECT = { type: 'unmeetable', what: 'rejects every image' } as const;

function textOf(files: ReturnType<typeof createNodeGuide>['files'], path: string): string {
  const file = files.find((one) => one.path === path);
  assert.ok(file, path);
  return Buffer.from(file.bytesFor(URL)).toString();
}

describe('the guide for nodes', () => {
  it('has for each scope what the files have', async () => {
    const all = [await signedBy([RED]), await signedBy([BLUE], { type: 'matchRepository' })];
    const policy = await policyOf(
      { 'quay.io/team': [await signedBy([RED, GREEN])], 'r.example': all },
      { 'r.example': 'mirror' },
    );
    const { files, scopes, isWhole } = createNodeGuide(policy);
    assert.equal(isWhole, true);
    const { docker } = JSON.parse(textOf(files, 'etc/containers/policy.json')).transports;
    const registries = parse(textOf(files, 'etc/containers/registries.d/lookaside.yaml'));
    for (const { scope, registriesFor, policyMember } of scopes) {
      const own = registriesFor(URL);
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

  it('lets images through that a release vouches for, inside a scope that asks for signatures', async () => {
    const { files, scopes, filesFor, membersFor, isWhole } = createNodeGuide(
      await policyOf({
        'quay.io': [await signedBy([RED])],
        'r.example': [await signedBy([RED])],
        'quay.io/release': [{ ...ANYTHING, isOfRelease: true }],
      }),
    );
    assert.equal(isWhole, true);
    for (const written of [files, filesFor(scopes.map(({ scope }) => scope))]) {
      const { docker } = JSON.parse(textOf(written, 'etc/containers/policy.json')).transports;
      assert.deepEqual(docker['quay.io/release'], [ANYTHING]);
    }
    const [quay, other] = scopes.map(({ scope }) =>
      Object.keys(JSON.parse(`{${membersFor([scope])}}`)),
    );
    assert.deepEqual([quay, other], [['quay.io', 'quay.io/release'], ['r.example']]);
  });

  it('has the files that node-config writes, and makes again only what names the store', async () => {
    const some = { 'quay.io/team': [await signedBy([RED, GREEN])], '': [await signedBy([BLUE])] };
    const policy = await policyOf(some);
    const { files } = createNodeGuide(policy);
    const written = createNodeFiles(policy, {
      name: 'lookaside',
      clients: 'any',
      keyForm: 'file',
      byDefault: 'insecureAcceptAnything',
      staging: undefined,
      isRootless: false,
      existing: undefined,
      url: URL,
    });
    assert.deepEqual(
      files.map(({ path, bytesFor }) => ({ path, bytes: bytesFor(URL) })),
      written,
    );
    const elsewhere = parseStoreUrl('https://other.example');
    const again = files.filter(({ bytesFor }) => bytesFor(URL) !== bytesFor(elsewhere));
    assert.deepEqual(
      again.map(({ path }) => path),
      ['etc/containers/registries.d/lookaside.yaml', 'etc/containers/registries.d/default.yaml'],
    );
  });

  it('puts what holds for all images into the file of the distribution', async () => {
    const { scopes, files } = createNodeGuide(await createSimplePolicy(await keyringOf(RED)));
    assert.equal(scopes[0]?.registriesFor(URL).file, 'default.yaml');
    const text = textOf(files, 'etc/containers/registries.d/default.yaml');
    assert.deepEqual(parse(scopes[0]?.registriesFor(URL).text ?? ''), parse(text));
  });

  it('knows whether the files leave anything out', async () => {
    const one = [await signedBy([RED])];
    const isWhole = async (others: Parameters<typeof policyOf>[0]): Promise<boolean> =>
      createNodeGuide(await policyOf({ 'r.example': one, ...others })).isWhole;
    assert.equal(await isWhole({}), true);
    assert.equal(await isWhole({ '': [ANYTHING] }), true);
    assert.equal(await isWhole({ '': [REJECT] }), true);
    assert.equal(await isWhole({ '': [...one, REJECT] }), false);
    assert.equal(await isWhole({ 'r.example/none': [REJECT] }), false);
    assert.equal(await isWhole({ 'r.example/open': [ANYTHING] }), false);
    assert.equal(await isWhole({ 'r.example/both': [...one, REJECT] }), false);
  });

  it('rejects what a policy rejects by default', async () => {
    const some = { 'r.example': [await signedBy([RED])], '': [REJECT] };
    const { files, byDefault } = createNodeGuide(await policyOf(some));
    assert.equal(byDefault, 'reject');
    const written = JSON.parse(textOf(files, 'etc/containers/policy.json'));
    assert.deepEqual(written.default, [{ type: 'reject' }]);
  });

  it('has no files where nothing asks for signatures', async () => {
    const { files, scopes, byDefault, isWhole } = createNodeGuide(
      await createSimplePolicy(undefined),
    );
    assert.deepEqual(
      { files, scopes, byDefault, isWhole },
      {
        files: [],
        scopes: [],
        byDefault: 'insecureAcceptAnything',
        isWhole: true,
      },
    );
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
