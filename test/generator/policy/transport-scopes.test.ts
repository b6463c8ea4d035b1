import assert from 'node:assert/strict';
import { findScopeFault } from '../../../generator/policy/transport-scopes.ts';

const HEX = 'ab'.repeat(32);

/**
 * Of containers/image, transport by transport. `atomic` and `ostree` are not in every build, so that
 * no skopeo is asked here; the others are compared with it in test/fuzz/nodes.
 */
const SCOPES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  docker: [['', 'quay.io', 'https://quay.io/A:b@c', '\0'], []],
  'docker-daemon': [['', 'quay.io', HEX], [`sha256:${HEX}`]],
  'docker-archive': [[''], ['/a.tar', 'app']],
  tarball: [[''], ['/a.tar']],
  dir: [
    ['', '/a'],
    ['a', '/', '/a/', '/a/../b'],
  ],
  oci: [
    ['', '/a', '/a:b'],
    ['images', '/', '/a//b'],
  ],
  'oci-archive': [
    ['', '/a.tar'],
    ['a.tar', '/./a.tar'],
  ],
  sif: [
    ['', '/a.sif'],
    ['a.sif', '//'],
  ],
  'containers-storage': [
    ['', '[/a]', '[overlay@/a]x', `[/a]x@${HEX}`, `[/a]x@sha256:${HEX}@${HEX}`],
    ['/a', '[]', '[a]', '[@/a]', '[overlay@]', '[/a]x@y', `[/a]x@sha256:${HEX}@y`],
  ],
  atomic: [
    [
      '',
      'host',
      'host:5000',
      'host/ns',
      'host/ns/stream',
      'host/ns/stream:tag',
      '//:',
      'host/ns/s@sha256:ab',
    ],
    ['host/ns/stream/more', 'host/ns:x', 'host/ns/stream:a:b'],
  ],
  ostree: [
    ['', '/repo:', '/repo:ns/name'],
    ['/repo', 'repo:ns', '/a/../repo:ns', '/repo/:ns', ':ns'],
  ],
  unknown: [['anything', '/'], []],
  constructor: [['anything'], []],
};

describe('generator: the scopes that a transport knows', () => {
  for (const [transport, [good = [], bad = []]] of Object.entries(SCOPES)) {
    for (const scope of good) {
      it(`${transport} takes ${JSON.stringify(scope)}`, () => {
        assert.equal(findScopeFault(transport, scope), undefined);
      });
    }
    for (const scope of bad) {
      it(`${transport} refuses ${JSON.stringify(scope)}`, () => {
        assert.match(findScopeFault(transport, scope) ?? '', /^expected /);
      });
    }
  }
});
