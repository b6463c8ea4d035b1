import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseDockerReference } from '../../../generator/terms/image-name.ts';
import { parseLocation } from '../../../generator/terms/location.ts';
import { explainPlace, suggestPlace, imagesAt } from '../../../generator/gate/place.ts';
import {
  type Policy,
  createPolicy,
  createScope,
  createSimplePolicy,
} from '../../../generator/policy/policy.ts';
import {
  matchesIdentity,
  signedIdentitySchema,
} from '../../../generator/policy/signed-identity.ts';
import type { Rejection, RejectionCode } from '../../../generator/terms/rejection.ts';
import { HEX, keyringOf, locationOf } from '../../kit/samples/samples.ts';

const claimsOf = (dockerReference: string) => ({
  dockerReference,
  manifestDigest: `sha256:${HEX}`,
  creator: null,
  timestamp: null,
});

/** What a signed name is told at a place; undefined if it is good there. */
function explain(policy: Policy, name: string, repository: string): Rejection | undefined {
  const location = locationOf(`${repository}@sha256=${HEX}/signature-1`);
  const identity = parseDockerReference(name) ?? assert.fail(`${name} is no image name`);
  const placed = [...imagesAt(policy, location, identity)];
  const isGood = placed.some(({ image, scope }) =>
    scope.signedBy.some((rule) => matchesIdentity(rule.signedIdentity, image, identity)),
  );
  return isGood ? undefined : explainPlace(policy, location, claimsOf(name), identity);
}

const suggest = (policy: Policy, name: string, parents: string) =>
  /"(.*)", or to the next/.exec(suggestPlace(policy, claimsOf(name), parents, 7) ?? '')?.[1];

const at = (repository: string) => `${repository}@sha256=${HEX}/signature-7`;

describe('generator: the place of a signature', () => {
  let simple: Policy;
  let policyOf: (
    ...scopes: readonly (readonly [string, (string | undefined)?, unknown?])[]
  ) => Promise<Policy>;
  before(async () => {
    const keyring = await keyringOf('lab/keys/lab.gpg');
    simple = await createSimplePolicy(keyring);
    policyOf = async (...scopes) =>
      createPolicy(
        scopes.map(([name, prefix, rule = { type: 'matchRepoDigestOrExact' }]) => {
          const signedIdentity = signedIdentitySchema.parse(rule);
          return createScope(name, prefix, [{ type: 'signedBy', keyring, signedIdentity }]);
        }),
      );
  });

  for (const [reference, repository] of [
    ['quay.io/team/app:v1', 'team/app'],
    [`quay.io/team/app@sha256:${HEX}`, 'team/app'],
    [`quay.io/team/app:v1@sha256:${HEX}`, 'team/app'],
    ['quay.io/team/app:v1', 'quay.io/team/app'],
    ['quay.io/team/app:v1', 'mirror/team/app'],
    ['quay.io/team/app:v1', 'stores/quay.io/team/app'],
    ['host:5000/app:v1', 'host:5000/app'],
    ['host:5000/app:v1', 'app'],
    ['localhost/app:v1', 'localhost/app'],
    ['busybox:1', 'library/busybox'],
    ['busybox:1', 'docker.io/library/busybox'],
    ['busybox:1', 'index.docker.io/library/busybox'],
    ['index.docker.io/busybox:1', 'docker.io/library/busybox'],
    ['quay.io/team/app:v1', 'quay.io/mirror/team/app'],
  ] as const) {
    it(`of ${reference} may be ${repository}`, () => {
      assert.equal(explain(simple, reference, repository), undefined);
    });
  }

  const faults: readonly [RejectionCode, string, string, RegExp][] = [
    [
      'identity-without-tag',
      'quay.io/team/app',
      'team/app',
      /tag or digest in "quay.io\/team\/app"/,
    ],
    ['identity-without-tag', 'quay.io/team/other', 'team/app', /expected a tag or digest/],
    ['repository-mismatch', 'quay.io/team/other:v1', 'team/app', /"team\/app", got one for "quay/],
    ['repository-mismatch', 'quay.io/team/app:v1', 'app', /expected a signature for "app"/],
    ['repository-mismatch', 'quay.io/app:v1', 'team/xapp', /expected a signature for "team\/xapp"/],
    ['repository-mismatch', 'quay.io/team/app:v1', 'xteam/app', /for "xteam\/app"/],
    ['repository-mismatch', 'quay.io/team/app:v1', 'team/app/app', /for "team\/app\/app"/],
    ['repository-mismatch', 'quay.io/team/app:v1', 'Team/app', /for "Team\/app"/],
    ['repository-mismatch', 'busybox:1', 'busybox', /expected a signature for "busybox"/],
    [
      'host-mismatch',
      'quay.io/team/app:v1',
      'ghcr.io/team/app',
      /expected the host "ghcr.io", got "q/,
    ],
    ['host-mismatch', 'busybox:1', 'quay.io/library/busybox', /expected the host "quay.io"/],
    ['host-mismatch', 'host:5000/app:v1', 'host:5001/app', /expected the host "host:5001"/],
    ['host-mismatch', 'host:5000/app:v1', 'localhost/app', /expected the host "localhost"/],
    [
      'host-mismatch',
      'evil.quay.io/team/app:v1',
      'quay.io/team/app',
      /expected the host "quay.io"/,
    ],
  ];
  for (const [code, reference, repository, message] of faults) {
    it(`of ${JSON.stringify(reference)} is not ${repository}: ${code}`, () => {
      const rejection = explain(simple, reference, repository) ?? assert.fail('it is good');
      assert.equal(rejection.code, code);
      assert.match(rejection.message, message);
      assert.notEqual(rejection.hint, '');
      assert.equal(rejection.breaksPulls, false);
    });
  }

  it('is told by the scope that covers the name', async () => {
    const remap = { type: 'remapIdentity', prefix: 'm.example', signedPrefix: 'quay.io' };
    const rows: readonly (readonly [RejectionCode, string, string, RegExp])[] = [
      [
        'identity-mismatch',
        'quay.io/a/b:1',
        'exact/app',
        /by exactRepository e\.example\/x\/y, got/,
      ],
      [
        'identity-mismatch',
        'a.example/a/b:1',
        'm/a/b',
        /by remapIdentity from m\.example to quay\.io/,
      ],
      ['out-of-scope', 'ghcr.io/a/b:1', 'a/b', /^no scope covers "ghcr\.io\/a\/b:1"$/],
      ['repository-mismatch', 'p.example/a/b:1', 'a/b', /the scope "p\.example" below "prefix"$/],
    ];
    const policy = await policyOf(
      ['e.example', 'exact', { type: 'exactRepository', dockerRepository: 'e.example/x/y' }],
      ['m.example', 'm', remap],
      ['p.example', 'prefix'],
    );
    for (const [code, name, place, message] of rows) {
      const rejection = explain(policy, name, place) ?? assert.fail(`${name} is good in ${place}`);
      assert.equal(rejection.code, code, rejection.message);
      assert.match(rejection.message, message);
    }
  });

  it('is told in one short line for a name of any length', () => {
    const name = `quay.io/${'a'.repeat(240)}:${'b'.repeat(128)}`;
    const { message } = explain(simple, name, 'team/app') ?? assert.fail();
    assert(message.length < 1000);
  });

  describe('that is suggested', () => {
    for (const [name, parents, expected] of [
      ['quay.io/a/b:1', '', 'a/b'],
      ['quay.io/a/b:1', 'a/b', 'a/b'],
      ['quay.io/a/b:1', 'mirror/a/b', 'mirror/a/b'],
      ['quay.io/a/b:1', 'quay.io/a/b', 'quay.io/a/b'],
      ['quay.io/a/b:1', 'ghcr.io/a/b', 'quay.io/a/b'],
      ['quay.io/a/b:1', 'x/ghcr.io/a/b', 'x/quay.io/a/b'],
      ['quay.io/a/b:1', 'quay.io/c', 'quay.io/a/b'],
      ['quay.io/a/b:1', 'c/d', 'a/b'],
      ['busybox:1', 'docker.io/busybox', 'docker.io/library/busybox'],
      ['busybox:1', 'busybox', 'library/busybox'],
    ] as const) {
      it(`for ${name} below ${JSON.stringify(parents)} is ${expected}`, () => {
        assert.equal(suggest(simple, name, parents), `${expected}@sha256=${HEX}/signature-7`);
      });
    }

    it('is below the prefix of the scope', async () => {
      const policy = await policyOf(['quay.io', 'q'], ['docker.io', '']);
      assert.equal(suggest(policy, 'quay.io/a/b:1', 'x/a/b'), at('q/a/b'));
      assert.equal(suggest(policy, 'busybox:1', 'x/library/busybox'), at('library/busybox'));
    });

    it('is none for a name or a digest that nodes could not ask for', () => {
      const good = claimsOf('quay.io/a/b:1');
      for (const claims of [
        { ...good, dockerReference: 'quay.io/A/b:1' },
        { ...good, manifestDigest: '' },
        { ...good, manifestDigest: 'sha512:ab' },
      ]) {
        assert.equal(suggestPlace(simple, claims, 'a/b', 1), undefined);
      }
    });

    const name = fc.constantFrom('quay.io/a/b:1', 'busybox:1', 'h:5000/a:1', 'localhost/b/a:1');
    const names = 'a b quay.io h:5000 x library busybox q localhost docker.io'.split(' ');
    const component = fc.constantFrom(...names);
    const odd = fc.constantFrom('..', '.git', 'a\u001b[31m', 'a\\b', '', '.', 'r'.repeat(256));
    for (const [title, part] of [
      ['in a tree', component],
      ['at a place that no tree can have', fc.oneof({ weight: 4, arbitrary: component }, odd)],
    ] as const) {
      it(`is one where the signature is good, wherever it lay ${title}`, async () => {
        const prefixed = await policyOf(
          ['quay.io', 'q'],
          ['docker.io', ''],
          ['h:5000/a', 'quay.io'],
        );
        const parents = fc.array(part, { maxLength: 5 });
        fc.assert(
          fc.property(name, parents, fc.boolean(), (reference, path, isSimple) => {
            const policy = isSimple ? simple : prefixed;
            if (!isSimple && reference.startsWith('localhost')) return;
            const right =
              suggest(policy, reference, path.join('/')) ?? assert.fail('there is none');
            const location = parseLocation(JSON.parse(`"${right}"`));
            assert(location, `${right} is no location`);
            assert.equal(explain(policy, reference, location.repository), undefined, right);
          }),
          { numRuns: 2000 },
        );
      });
    }
  });
});
