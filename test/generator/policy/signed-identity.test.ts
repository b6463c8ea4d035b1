import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  DEFAULT_IDENTITY,
  formatReference,
  matchesIdentity,
  signedIdentitySchema,
} from '../../../generator/policy/signed-identity.ts';
import { parseDockerReference } from '../../../generator/terms/image-name.ts';
import { HEX } from '../../kit/samples/samples.ts';

const DIGEST = `sha256:${HEX}`;
const OTHER = `sha256:${'ab'.repeat(32)}`;

function parse(text: string) {
  return parseDockerReference(text) ?? assert.fail(`${text} is no image name`);
}

function matches(rule: unknown, image: string, identity: string): boolean {
  return matchesIdentity(signedIdentitySchema.parse(rule), parse(image), parse(identity));
}

/** Renames the images of a mirror. */
function to(signedPrefix: string): object {
  return { type: 'remapIdentity', prefix: 'mirror.example', signedPrefix };
}

describe('generator: signed identity', () => {
  const exactReference = { type: 'exactReference', dockerReference: 'quay.io/ns/app:v1' };
  const exactRepository = { type: 'exactRepository', dockerRepository: 'quay.io/ns/app' };
  const remap = { type: 'remapIdentity', prefix: 'mirror.example/a', signedPrefix: 'quay.io' };
  const host = { type: 'remapIdentity', prefix: 'mirror.example', signedPrefix: 'quay.io/b' };
  const whole = { type: 'remapIdentity', prefix: 'mirror.example/a/b', signedPrefix: 'quay.io/c' };
  /** Rule, image, signed name, whether it is good. */
  const rows: readonly (readonly [string | object, string, string, boolean])[] = [
    ['matchExact', 'quay.io/ns/app:v1', 'quay.io/ns/app:v1', true],
    ['matchExact', 'quay.io/ns/app:v1', 'quay.io/ns/app:v2', false],
    ['matchExact', 'quay.io/ns/app:v1', 'quay.io/ns/app', false],
    ['matchExact', 'quay.io/ns/app:v1', 'ghcr.io/ns/app:v1', false],
    ['matchExact', `quay.io/ns/app@${DIGEST}`, 'quay.io/ns/app:v1', false],
    ['matchExact', `quay.io/ns/app@${DIGEST}`, `quay.io/ns/app@${DIGEST}`, true],
    ['matchExact', `quay.io/ns/app@${DIGEST}`, `quay.io/ns/app@${OTHER}`, false],
    ['matchExact', `quay.io/ns/app@${DIGEST}`, `quay.io/ns/app:v1@${DIGEST}`, false],
    ['matchExact', 'busybox:1', 'docker.io/library/busybox:1', true],
    ['matchExact', 'index.docker.io/library/busybox:1', 'busybox:1', true],
    ['matchRepoDigestOrExact', 'quay.io/ns/app:v1', 'quay.io/ns/app:v1', true],
    ['matchRepoDigestOrExact', 'quay.io/ns/app:v1', 'quay.io/ns/app:v2', false],
    ['matchRepoDigestOrExact', 'quay.io/ns/app:v1', `quay.io/ns/app:v1@${DIGEST}`, false],
    ['matchRepoDigestOrExact', 'quay.io/ns/app:v1', `quay.io/ns/app@${DIGEST}`, false],
    ['matchRepoDigestOrExact', `quay.io/ns/app@${DIGEST}`, 'quay.io/ns/app:v2', true],
    ['matchRepoDigestOrExact', `quay.io/ns/app@${DIGEST}`, `quay.io/ns/app@${OTHER}`, true],
    ['matchRepoDigestOrExact', `quay.io/ns/app@${DIGEST}`, `quay.io/ns/app:v1@${OTHER}`, true],
    ['matchRepoDigestOrExact', `quay.io/ns/app@${DIGEST}`, 'quay.io/ns/app', false],
    ['matchRepoDigestOrExact', `quay.io/ns/app@${DIGEST}`, 'quay.io/ns/other:v1', false],
    ['matchRepoDigestOrExact', `quay.io/ns/app@${DIGEST}`, 'quay.io:443/ns/app:v1', false],
    ['matchRepoDigestOrExact', `busybox@${DIGEST}`, 'docker.io/library/busybox:v1', true],
    ['matchRepository', 'quay.io/ns/app:v1', 'quay.io/ns/app:v2', true],
    ['matchRepository', 'quay.io/ns/app:v1', 'quay.io/ns/app', true],
    ['matchRepository', `quay.io/ns/app@${DIGEST}`, `quay.io/ns/app@${OTHER}`, true],
    ['matchRepository', 'quay.io/ns/app:v1', 'quay.io/ns/apps:v1', false],
    ['matchRepository', 'quay.io/ns/app:v1', 'quay.io/app:v1', false],
    ['matchRepository', 'busybox:1', 'docker.io/library/busybox', true],
    [exactReference, 'ghcr.io/x/y:v9', 'quay.io/ns/app:v1', true],
    [exactReference, `ghcr.io/x/y@${DIGEST}`, 'quay.io/ns/app:v1', true],
    [exactReference, 'ghcr.io/x/y:v9', 'quay.io/ns/app:v2', false],
    [exactReference, 'ghcr.io/x/y:v9', 'ghcr.io/x/y:v9', false],
    [exactReference, 'ghcr.io/x/y:v9', 'quay.io/ns/app', false],
    [exactRepository, 'ghcr.io/x/y:v9', 'quay.io/ns/app:v2', true],
    [exactRepository, 'ghcr.io/x/y:v9', 'quay.io/ns/app', true],
    [exactRepository, 'ghcr.io/x/y:v9', 'ghcr.io/x/y:v9', false],
    [remap, 'mirror.example/a/ns/app:v1', 'quay.io/ns/app:v1', true],
    [remap, 'mirror.example/a/ns/app:v1', 'quay.io/ns/app:v2', false],
    [remap, `mirror.example/a/ns/app@${DIGEST}`, 'quay.io/ns/app:v2', true],
    [remap, 'mirror.example/a/ns/app:v1', 'mirror.example/a/ns/app:v1', false],
    [remap, 'mirror.example/ab/app:v1', 'mirror.example/ab/app:v1', true],
    [remap, 'mirror.example/ab/app:v1', 'quay.iob/app:v1', false],
    [remap, 'other.example/ns/app:v1', 'other.example/ns/app:v1', true],
    [remap, 'mirror.example/a/ns/app:v1', 'quay.io/ns/app', false],
    [host, 'mirror.example/ns/app:v1', 'quay.io/b/ns/app:v1', true],
    [host, 'mirror.example:5000/ns/app:v1', 'quay.io/b/ns/app:v1', false],
    [host, 'mirror.example:5000/ns/app:v1', 'mirror.example:5000/ns/app:v1', true],
    [whole, 'mirror.example/a/b:v1', 'quay.io/c:v1', true],
    [whole, 'mirror.example/a/b/c:v1', 'quay.io/c/c:v1', true],
    [whole, 'mirror.example/a/bc:v1', 'quay.io/cc:v1', false],
    // Nodes take no name that has another, full form.
    [to('index.docker.io'), 'mirror.example/library/app:v1', 'docker.io/library/app:v1', false],
    [to('docker.io'), 'mirror.example/app:v1', 'docker.io/library/app:v1', false],
    [to('docker.io'), 'mirror.example/library/app:v1', 'app:v1', true],
    [to('mirror'), 'mirror.example/team/app:v1', 'mirror/team/app:v1', false],
    [to('mirror'), 'mirror.example/app:v1', 'docker.io/mirror/app:v1', false],
    [to('localhost'), 'mirror.example/app:v1', 'localhost/app:v1', true],
  ];
  for (const [rule, image, identity, expected] of rows) {
    const type = typeof rule === 'string' ? { type: rule } : rule;
    const title = `${JSON.stringify(type)}: ${identity} for ${image}`.replaceAll(HEX, 'HEX');
    it(`${expected ? 'takes' : 'refuses'} ${title}`, () => {
      assert.equal(matches(type, image, identity), expected);
    });
  }

  it('maps a name to none that is an image name to nothing', () => {
    const name = 'a'.repeat(120);
    const long = { type: 'remapIdentity', prefix: 'a.example', signedPrefix: `b.example/${name}` };
    const image = `a.example/${'c'.repeat(140)}:v1`;
    assert.equal(matches(long, image, image), false);
  });

  it('is by repository and digest, or exact, unless told', () => {
    assert.deepEqual(
      DEFAULT_IDENTITY,
      signedIdentitySchema.parse({ type: 'matchRepoDigestOrExact' }),
    );
  });

  const wrong: readonly unknown[] = [
    null,
    'matchExact',
    {},
    { type: 'matchexact' },
    { type: 'matchExact', extra: 1 },
    { type: 'exactReference' },
    { type: 'exactReference', dockerReference: 'quay.io/ns/app' },
    { type: 'exactReference', dockerReference: 'quay.io/NS/app:v1' },
    { type: 'exactReference', dockerReference: 'Team/app:v1' },
    { type: 'exactReference', dockerReference: '[::1]:5000/app:v1' },
    { type: 'exactReference', dockerReference: 5 },
    { type: 'exactReference', dockerRepository: 'quay.io/ns/app' },
    { type: 'exactRepository', dockerRepository: '' },
    { type: 'exactRepository', dockerRepository: 'quay.io/ns/app', extra: 1 },
    { type: 'remapIdentity', prefix: 'quay.io' },
    { type: 'remapIdentity', prefix: '', signedPrefix: 'quay.io' },
    { type: 'remapIdentity', prefix: 'quay.io/', signedPrefix: 'quay.io' },
    { type: 'remapIdentity', prefix: 'quay.io/ns:v1', signedPrefix: 'quay.io' },
    { type: 'remapIdentity', prefix: 'quay.io', signedPrefix: 'quay.io', extra: 1 },
  ];
  for (const rule of wrong) {
    it(`is not ${JSON.stringify(rule)}`, () => {
      assert.equal(signedIdentitySchema.safeParse(rule).success, false);
    });
  }

  it('has a full form that parses to itself', () => {
    const name = fc.constantFrom('busybox', 'quay.io/a/b', 'host:5000/a', 'localhost/a/b/c', 'a/b');
    const tag = fc.constantFrom('', ':v1', ':A_b.c-d');
    const digest = fc.constantFrom('', `@${DIGEST}`);
    fc.assert(
      fc.property(name, tag, digest, (...parts) => {
        const reference = parse(parts.join(''));
        assert.deepEqual(parse(formatReference(reference)), reference);
      }),
    );
  });
});
