import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  type Requirement,
  createPolicy,
  createScope,
  createSimplePolicy,
  findScope,
} from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { parseDockerReference } from '../../../generator/terms/image-name.ts';
import { HEX, keyringOf } from '../../kit/samples/samples.ts';

const ANYTHING: Requirement = { type: 'insecureAcceptAnything' };
const DIGEST = `sha256:${HEX}`;

const policyOf = async (...names: readonly string[]) =>
  createPolicy(names.map((name) => createScope(name, undefined, [ANYTHING])));

async function scopeOf(image: string, ...names: readonly string[]): Promise<string | undefined> {
  const reference = parseDockerReference(image) ?? assert.fail(`${image} is no image name`);
  return findScope(await policyOf(...names), reference)?.name;
}

/** Whether a scope covers an image, and how closely; told apart from the code by its definition. */
function scopeByDefinition(image: string, scopes: readonly string[]): string | undefined {
  const [, host = '', repository = '', suffix = ''] =
    /^([^/]+)\/([^:@]+)(.*)$/.exec(image) ?? assert.fail();
  const isDomain = (scope: string) =>
    scope.startsWith('*.') && host.replace(/:\d+$/, '').endsWith(scope.slice(1));
  const name = `${host}/${repository}`;
  const isPath = (scope: string) => scope !== '' && `${name}/`.startsWith(`${scope}/`);
  const [longestPath] = scopes.filter(isPath).toSorted((a, b) => b.length - a.length);
  const [longestDomain] = scopes.filter(isDomain).toSorted((a, b) => b.length - a.length);
  const exact = scopes.find((scope) => scope === name + suffix);
  return exact ?? longestPath ?? longestDomain ?? scopes.find((scope) => scope === '');
}

const tell = (...requirements: readonly Requirement[]) => {
  const { takesAnything, obstacle, signedBy: wanted } = createScope('', '', requirements);
  return [takesAnything, obstacle, wanted.length];
};

const byKeys = async (...names: readonly string[]): Promise<Requirement> => ({
  type: 'signedBy',
  keyring: await keyringOf(...names.map((name) => `lab/keys/${name}.gpg`)),
  signedIdentity: DEFAULT_IDENTITY,
});

describe('generator: policy', () => {
  const all = [
    '',
    '*.example',
    '*.sub.example',
    'quay.io',
    'quay.io/ns',
    'quay.io/ns/app',
    'quay.io/ns/app:v1',
    `quay.io/ns/app@${DIGEST}`,
    'reg.sub.example:5000',
    'docker.io/library/busybox',
  ];
  const rows: readonly (readonly [string, string])[] = [
    ['quay.io/ns/app:v1', 'quay.io/ns/app:v1'],
    ['quay.io/ns/app:v2', 'quay.io/ns/app'],
    [`quay.io/ns/app@${DIGEST}`, `quay.io/ns/app@${DIGEST}`],
    [`quay.io/ns/app@sha256:${'ab'.repeat(32)}`, 'quay.io/ns/app'],
    ['quay.io/ns/app/deeper:v1', 'quay.io/ns/app'],
    ['quay.io/ns/apple:v1', 'quay.io/ns'],
    ['quay.io/nsx/app:v1', 'quay.io'],
    ['quay.io:443/ns/app:v1', ''],
    ['a.example/app:v1', '*.example'],
    ['a.b.example/app:v1', '*.example'],
    ['a.sub.example/app:v1', '*.sub.example'],
    ['a.sub.example:5000/app:v1', '*.sub.example'],
    ['reg.sub.example:5000/app:v1', 'reg.sub.example:5000'],
    ['sub.example/app:v1', '*.example'],
    ['notexample.test/app:v1', ''],
    ['busybox:1', 'docker.io/library/busybox'],
    ['index.docker.io/library/busybox:1', 'docker.io/library/busybox'],
    ['alpine:1', ''],
  ];
  for (const [image, expected] of rows) {
    it(`puts ${image.replace(HEX, 'HEX')} into ${JSON.stringify(expected).replace(HEX, 'HEX')}`, async () => {
      assert.equal(await scopeOf(image, ...all), expected);
    });
  }

  it('covers nothing that no scope names', async () => {
    assert.equal(await scopeOf('quay.io/ns/app:v1', 'quay.io/other', '*.quay.io'), undefined);
    assert.equal(await scopeOf('quay.io/ns/app:v1'), undefined);
  });

  it('puts any image into the most specific scope', async () => {
    const hosts = ['a.example', 'b.a.example', 'example', 'a.example:5000', 'c.test'];
    const host = fc.constantFrom(...hosts.filter((name) => name !== 'example'));
    const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 });
    const suffix = fc.constantFrom(':v1', ':v2', `@${DIGEST}`);
    const name = fc.tuple(host, path).map(([first, rest]) => [first, ...rest].join('/'));
    const scope = fc.oneof(
      name,
      fc.tuple(name, suffix).map(([one, two]) => one + two),
      fc.constantFrom('', '*.example', '*.a.example', '*.b.a.example', '*.test', ...hosts),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(scope, { maxLength: 8 }),
        name,
        suffix,
        async (names, a, b) => {
          assert.equal(await scopeOf(a + b, ...names), scopeByDefinition(a + b, names));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('says of a scope what it takes', async () => {
    const keyring = await keyringOf('lab/keys/lab.gpg');
    const signedBy = { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY } as const;
    const reject = { type: 'unmeetable', what: 'rejects every image' } as const;
    assert.deepEqual(tell(ANYTHING), [true, undefined, 0]);
    assert.deepEqual(tell(signedBy), [false, undefined, 1]);
    assert.deepEqual(tell(ANYTHING, signedBy, signedBy), [false, undefined, 2]);
    assert.deepEqual(tell(reject), [false, reject.what, 0]);
    assert.deepEqual(tell(signedBy, reject), [false, reject.what, 1]);
  });

  describe('put together', () => {
    it('has all keys, each once', async () => {
      const policy = await createPolicy([
        createScope('a.example', undefined, [await byKeys('lab', 'two')]),
        createScope('b.example', undefined, [await byKeys('two'), await byKeys('ed25519')]),
      ]);
      assert.equal(policy.keyring?.keys.length, 4);
      assert.equal(policy.isUniform, true);
    });

    it('has no keys where none are asked for', async () => {
      assert.equal((await createSimplePolicy(undefined)).keyring, undefined);
      const nobody = await createSimplePolicy(await keyringOf());
      assert.deepEqual(nobody.keyring?.keys, []);
    });

    it('has another name when anything changes', async () => {
      const [lab, two] = [await byKeys('lab'), await byKeys('two')];
      const exact = { ...lab, signedIdentity: { type: 'matchExact' } } as const;
      const policies = await Promise.all(
        [
          createScope('a.example', undefined, [lab]),
          createScope('a.example', undefined, [two]),
          createScope('a.example', undefined, [exact]),
          createScope('a.example', undefined, [lab, two]),
          createScope('a.example', '', [lab]),
          createScope('a.example', 'a', [lab]),
          createScope('b.example', undefined, [lab]),
          createScope('a.example', undefined, [ANYTHING]),
        ].map(async (scope) => createPolicy([scope])),
      );
      assert.equal(new Set(policies.map(({ id }) => id)).size, policies.length);
      const again = await createPolicy([
        createScope('a.example', undefined, [await byKeys('lab')]),
      ]);
      assert.equal(again.id, policies[0]?.id);
    });
  });
});
