// Names of images upstream and here, by either of them and by the paths of a store.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatReference } from '../../../generator/policy/signed-identity.ts';
import { parseDockerReference } from '../../../generator/terms/image-name.ts';
import {
  MirrorNames,
  type MirroredName,
  type WantedDigest,
  uniqueDigests,
} from '../../../signing/mirror/mirror-names.ts';

function show(name: MirroredName | undefined): string | undefined {
  return name && `${formatReference(name.upstream)} ${formatReference(name.local)}`;
}

function find(names: MirrorNames, image: string): string | undefined {
  const parsed = parseDockerReference(image);
  assert.ok(parsed, image);
  return show(names.find(parsed));
}

const NAMES = new MirrorNames([
  { from: 'quay.example/vendor', to: 'mirror.example/copies' },
  { from: 'quay.example/vendor/special', to: 'mirror.example/other' },
  { from: 'access.example', to: 'mirror.example' },
]);

describe('the names of a mirror', () => {
  it('are found by the name upstream, whatever its tag and digest', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    for (const end of ['', ':1.0', `@${digest}`, `:1.0@${digest}`]) {
      const found = find(NAMES, `quay.example/vendor/app${end}`);
      assert.equal(found, 'quay.example/vendor/app mirror.example/copies/app');
    }
    assert.equal(
      find(NAMES, 'quay.example/vendor/special/app'),
      'quay.example/vendor/special/app mirror.example/other/app',
    );
  });

  it('are found by the name here', () => {
    assert.equal(
      find(NAMES, 'mirror.example/copies/app:1.0'),
      'quay.example/vendor/app mirror.example/copies/app',
    );
    assert.equal(find(NAMES, 'mirror.example/x/y'), 'access.example/x/y mirror.example/x/y');
  });

  it('are not found of what is mirrored from nowhere', () => {
    assert.equal(find(NAMES, 'docker.example/vendor/app'), undefined);
    assert.equal(find(NAMES, 'quay.example/vendors/app'), undefined);
  });

  it('are the same where nothing is renamed', () => {
    assert.equal(find(new MirrorNames([]), 'a.example/b:1'), 'a.example/b a.example/b');
    assert.deepEqual(new MirrorNames([]).findServed('b'), []);
  });

  it('are found by the path that nodes ask for, by the longest that fits', () => {
    assert.deepEqual(NAMES.findServed('copies/app').map(show), [
      'quay.example/vendor/app mirror.example/copies/app',
    ]);
    assert.deepEqual(NAMES.findServed('ubi8/ubi').map(show), [
      'access.example/ubi8/ubi mirror.example/ubi8/ubi',
    ]);
    for (const hostile of [
      '',
      '/',
      '..',
      'A',
      'copies/',
      'copies/../x',
      'a\u0000b',
      'copies/a:1',
    ]) {
      assert.deepEqual(NAMES.findServed(hostile), [], JSON.stringify(hostile));
    }
  });

  it('lead back by the path to the name that they came from', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
    const path = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(path, path, path, (from, to, rest) => {
        const names = new MirrorNames([{ from: `up.example/${from}`, to: `here.example/${to}` }]);
        const upstream = `up.example/${from}/${rest}`;
        const expected = `${upstream} here.example/${to}/${rest}`;
        assert.equal(find(names, upstream), expected);
        assert.equal(find(names, `here.example/${to}/${rest}:1`), expected);
        assert.deepEqual(names.findServed(`${to}/${rest}`).map(show), [expected]);
      }),
    );
  });

  it('say what a digest alone means only where one repository is renamed', () => {
    const one = new MirrorNames([{ from: 'q.example/v/app', to: 'm.example/app' }]);
    assert.equal(show(one.only), 'q.example/v/app m.example/app');
    assert.equal(new MirrorNames([{ from: 'q.example', to: 'm.example' }]).only, undefined);
    assert.equal(NAMES.only, undefined);
  });

  it('of one directory count once', () => {
    const wanted = ['a', 'b', 'a'].map((repository): WantedDigest => {
      const digestHex = 'c'.repeat(64);
      const directory = `${repository}@sha256=${digestHex}`;
      const place = { directory, repository, digestHex };
      return { image: undefined, digestHex, directory, place };
    });
    assert.deepEqual(
      uniqueDigests(wanted).map(({ place }) => place.repository),
      ['a', 'b'],
    );
  });
});
