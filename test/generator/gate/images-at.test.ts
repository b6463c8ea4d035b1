import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseDockerReference } from '../../../generator/terms/image-name.ts';
import { imagesAt } from '../../../generator/gate/place.ts';
import {
  type Policy,
  type Requirement,
  createPolicy,
  createScope,
  findScope,
} from '../../../generator/policy/policy.ts';
import {
  type SignedIdentity,
  DEFAULT_IDENTITY,
  formatReference,
  matchesIdentity,
  signedIdentitySchema,
} from '../../../generator/policy/signed-identity.ts';
import { atLength } from '../../kit/at-length.ts';
import { HEX, keyringOf, locationOf } from '../../kit/samples/samples.ts';

const DIGEST = `sha256:${HEX}`;
const OTHER = `sha256:${'ab'.repeat(32)}`;

type ScopeSpec = readonly [name: string, prefix?: string | undefined, rule?: SignedIdentity];

function parse(text: string) {
  return parseDockerReference(text) ?? assert.fail(`${text} is no image name`);
}

const at = (policy: Policy, place: string, identity: string) => {
  const location = locationOf(`${place}@sha256=${HEX}/signature-1`);
  return [...imagesAt(policy, location, parse(identity))];
};

/** Whether a node that pulls an image asks at a place, by the words of the documentation. */
function isAskedAt(policy: Policy, place: string, image: ReturnType<typeof parse>): boolean {
  const scope = findScope(policy, image);
  if (!scope) return false;
  if (scope.prefix !== undefined) {
    return place === (scope.prefix === '' ? '' : `${scope.prefix}/`) + image.repository;
  }
  if (place === image.repository) return true;
  if (!place.endsWith(`/${image.repository}`)) return false;
  const lead = place.slice(0, -image.repository.length - 1);
  const before = lead.slice(lead.lastIndexOf('/') + 1);
  const isHost = /[.:]/.test(before) || before === 'localhost';
  return !isHost || before === image.host;
}

describe('generator: images at a place', () => {
  let signedBy: (signedIdentity: SignedIdentity) => Requirement;
  before(async () => {
    const keyring = await keyringOf('lab/keys/lab.gpg');
    signedBy = (signedIdentity) => ({ type: 'signedBy', keyring, signedIdentity });
  });
  const policyOf = async (scopes: readonly ScopeSpec[]): Promise<Policy> =>
    createPolicy(
      scopes.map(([name, prefix, rule = DEFAULT_IDENTITY]) =>
        createScope(name, prefix, [signedBy(rule)]),
      ),
    );
  const names = async (scopes: readonly ScopeSpec[], place: string, identity = 'quay.io/a/b:v1') =>
    at(await policyOf(scopes), place, identity).map(({ image, scope }) => {
      return `${scope.name}|${formatReference(image).replace(HEX, 'HEX')}`;
    });

  it('are those of the host in front, by digest and by the tag that was signed', async () => {
    assert.deepEqual(await names([['']], 'quay.io/a'), [
      '|quay.io/a@sha256:HEX',
      '|quay.io/a:v1',
      '|quay.io/quay.io/a@sha256:HEX',
      '|quay.io/quay.io/a:v1',
      '|any.invalid/quay.io/a@sha256:HEX',
      '|any.invalid/quay.io/a:v1',
    ]);
  });

  it('lie in the scope that covers them only', async () => {
    const scopes: readonly ScopeSpec[] = [['quay.io/a'], ['ghcr.io']];
    const found = await names(scopes, 'a/b');
    assert(found.includes('quay.io/a|quay.io/a/b:v1'));
    assert(found.includes('ghcr.io|ghcr.io/a/b:v1'));
    assert(found.includes('ghcr.io|ghcr.io/b:v1'));
    assert(!found.some((name) => name.includes('quay.io/b')), found.join(' '));
  });

  it('lie below the prefix of their scope', async () => {
    const scopes: readonly ScopeSpec[] = [
      ['quay.io', 'q'],
      ['ghcr.io', ''],
    ];
    assert((await names(scopes, 'q/a/b')).includes('quay.io|quay.io/a/b:v1'));
    assert(!(await names(scopes, 'a/b')).includes('quay.io|quay.io/a/b:v1'));
    assert(!(await names(scopes, 'x/q/a/b')).includes('quay.io|quay.io/a/b:v1'));
    assert((await names(scopes, 'a/b')).includes('ghcr.io|ghcr.io/a/b:v1'));
    assert(!(await names(scopes, 'x/a/b')).includes('ghcr.io|ghcr.io/a/b:v1'));
  });

  it('have the tags of scopes too, where the signed name has none', async () => {
    const found = await names([['quay.io/a/b:stable']], 'a/b', 'quay.io/a/b');
    assert.deepEqual(found, ['quay.io/a/b:stable|quay.io/a/b:stable']);
  });

  // A brute-force reference: every image name of a small world is tried for itself.
  const hosts = ['quay.io', 'm.example:5000', 'docker.io', 'host.example'];
  const paths = [
    'a',
    'b',
    'a/b',
    'b/a',
    'a/a',
    'library/a',
    'a/b/a',
    'library/a/b',
    'c/a',
    'c/a/b',
  ];
  const suffixes = [':v1', ':v2', `@${DIGEST}`];
  const world = hosts.flatMap((host) => {
    const repositories = paths.map((path) => `${host}/${path}`);
    return repositories.flatMap((name) => suffixes.map((suffix) => parse(name + suffix)));
  });

  it('are good for a signature just if one is that a node would ask for there', async () => {
    const rules = [
      { type: 'matchExact' },
      { type: 'matchRepoDigestOrExact' },
      { type: 'matchRepository' },
      { type: 'exactReference', dockerReference: 'quay.io/a/b:v1' },
      { type: 'exactRepository', dockerRepository: 'quay.io/a' },
      { type: 'remapIdentity', prefix: 'm.example:5000/c', signedPrefix: 'quay.io' },
      { type: 'remapIdentity', prefix: 'm.example:5000', signedPrefix: 'quay.io/a' },
    ].map((rule) => signedIdentitySchema.parse(rule));
    const scopeName = fc.constantFrom(
      ...hosts,
      ...' *.io *.example quay.io/a quay.io/a/b quay.io/a/b:v1 m.example:5000/c'.split(' '),
      'docker.io/library',
      'docker.io/library/a:v2',
    );
    const prefix = fc.option(fc.constantFrom('', 'c', 'quay.io', 'x/y'), {
      nil: undefined,
      freq: 2,
    });
    const scope = fc.tuple(scopeName, prefix, fc.constantFrom(...rules));
    const scopes = fc.uniqueArray(scope, { maxLength: 4, selector: ([name]) => name });
    const lead = fc.constantFrom(
      '',
      '',
      'c/',
      'x/y/',
      'quay.io/',
      'm.example:5000/',
      'c/docker.io/',
    );
    const place = fc.tuple(lead, fc.constantFrom(...paths)).map((parts) => parts.join(''));
    const suffix = fc.constantFrom('', ...suffixes, `@${OTHER}`, `:v1@${DIGEST}`);
    const identity = fc
      .tuple(fc.constantFrom(...hosts), fc.constantFrom(...paths), suffix)
      .map(([host, path, end]) => parse(`${host}/${path}${end}`));
    await fc.assert(
      fc.asyncProperty(scopes, place, identity, async (specs, repository, signed) => {
        const policy = await policyOf(specs);
        const isGoodFor = (image: ReturnType<typeof parse>) =>
          findScope(policy, image)?.signedBy.some(({ signedIdentity }) =>
            matchesIdentity(signedIdentity, image, signed),
          );
        const expected = world.filter(
          (image) => isAskedAt(policy, repository, image) && isGoodFor(image) === true,
        );
        const found = at(policy, repository, formatReference(signed)).filter(({ image }) => {
          return isGoodFor(image) === true;
        });
        const told = `${expected.map(formatReference).join(' ')} in ${repository}`;
        if (expected.length > 0) assert(found.length > 0, `none was found of ${told}`);
        // Images beyond the small world are of hosts that no scope and no signed name has.
        const strange = found.filter(
          ({ image }) => hosts.includes(image.host) && !isAskedAt(policy, repository, image),
        );
        assert.deepEqual(strange, [], 'nobody asks for it there');
      }),
      { numRuns: atLength(1000, 5000) },
    );
  });
});
