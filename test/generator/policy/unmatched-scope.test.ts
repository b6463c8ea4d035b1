import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { scopeChain } from '../../../generator/policy/scope-chain.ts';
import { findUnmatched, warnOfUnmatched } from '../../../generator/policy/unmatched-scope.ts';
import { HEX } from '../../kit/samples/samples.ts';

const DIGEST = `sha256:${HEX}`;
const FORMS = /^write HOST, HOST\/NAMESPACE, /;

describe('generator: a scope that covers no image', () => {
  for (const scope of [
    '',
    'quay.io',
    'Quay.io',
    'quay.io:443/team',
    'localhost',
    'localhost/team/app',
    'docker.io',
    'docker.io/team',
    'docker.io/library/app:v1',
    'quay.io/team/app:V1',
    `quay.io/team/app@${DIGEST}`,
    '*.io',
    '*.example.com',
  ]) {
    it(`is not ${JSON.stringify(scope).replace(HEX, 'HEX')}`, () => {
      assert.equal(findUnmatched(scope), undefined);
    });
  }

  for (const [scope, reason, cure] of [
    ['https://quay.io/team', 'it has a scheme', 'write "quay.io/team"'],
    ['docker://quay.io', 'it has a scheme', 'write "quay.io"'],
    ['quay.io/', 'it has a slash at its end', 'write "quay.io"'],
    ['https://quay.io/', 'it has a scheme, a slash at its end', 'write "quay.io"'],
    ['quay.io/team/*', 'it has a "*" behind the host', 'write "quay.io/team"'],
    ['quay.io//team', 'it has two slashes', 'write "quay.io/team"'],
    [' quay.io', 'it has spaces around it', 'write "quay.io"'],
    ['quay.io/Team/App:V1', 'it has capitals in its path', 'write "quay.io/team/app:V1"'],
    ['index.docker.io', 'it has the old name of docker.io', 'write "docker.io"'],
    ['index.docker.io/team', 'it has the old name of docker.io', 'write "docker.io/team"'],
    ['library/app', 'it has no host', 'write "docker.io/library/app"'],
    ['team/app:v1', 'it has no host', 'write "docker.io/team/app:v1"'],
    ['app', 'it has no host', 'write "docker.io/library/app"'],
    [
      'docker.io/app:v1',
      'it has no "library/" before the name of an official image',
      'write "docker.io/library/app:v1"',
    ],
    ['*.example.com/team', 'it has a path behind a *.DOMAIN', 'write "*.example.com"'],
    ['*.example.com:5000', 'it has a port behind a *.DOMAIN', 'write "*.example.com"'],
    [`quay.io/app:v1@${DIGEST}`, 'it has a tag and a digest', `write "quay.io/app@${DIGEST}"`],
    [
      `quay.io/app@${DIGEST.toUpperCase()}`,
      'it has a digest in capitals',
      `write "quay.io/app@${DIGEST}"`,
    ],
  ] as const) {
    it(`is ${scope.replaceAll(/[0-9a-f]{64}/gi, 'HEX')}`, () => {
      assert.deepEqual(findUnmatched(scope), { reason, cure });
    });
  }

  for (const scope of [
    '*',
    '/',
    'quay.io:port',
    'quay.io/a b',
    'quay.io/ä',
    '[::1]:5000',
    '**.io',
    'quay.io/app@sha256:ab',
    '\0',
  ]) {
    it(`is ${JSON.stringify(scope)}, whatever was meant`, () => {
      const { cure = '' } = findUnmatched(scope) ?? {};
      assert.match(cure, FORMS);
    });
  }

  const APP =
    'the scope "docker.io/app": it covers docker.io/app/…, but not the image "app", whose name is docker.io/library/app; write "docker.io/library/app" if that image is meant';
  for (const [scopes, warnings] of [
    [['docker.io/app'], [APP]],
    [['docker.io/app', ''], [APP]],
    [['docker.io/app', 'docker.io/library/app'], []],
    [['docker.io/app', 'docker.io'], []],
    [['docker.io/app', '*.io'], []],
    [['docker.io/library'], []],
    [['docker.io/app/x', 'quay.io/app'], []],
  ] as const) {
    it(`or the namespace of an image that none covers, of ${JSON.stringify(scopes)}`, () => {
      assert.deepEqual(warnOfUnmatched(scopes), warnings);
    });
  }

  it('is none that nodes try for an image, and has a cure that is one', () => {
    const host = fc.constantFrom('quay.io', 'localhost', 'h.example:5000', 'docker.io');
    const part = fc.constantFrom('a', 'b-c', 'd__e');
    const tag = fc.constantFrom(':v1', `@${DIGEST}`);
    fc.assert(
      fc.property(host, part, part, tag, (...[h, a, b, t]) => {
        for (const scope of scopeChain(`${h}/${a}/${b}${t}`)) {
          assert.equal(findUnmatched(scope), undefined, scope);
        }
      }),
    );
    fc.assert(
      fc.property(fc.string(), (scope) => {
        const [, cured] = /^write (".*")$/.exec(findUnmatched(scope)?.cure ?? '') ?? [];
        if (cured !== undefined) assert.equal(findUnmatched(String(JSON.parse(cured))), undefined);
      }),
    );
  });
});
