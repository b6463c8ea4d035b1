import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatReference } from '../../../generator/policy/signed-identity.ts';
import {
  looksLikeHost,
  normalizeHost,
  parseDockerReference,
  parsePulledImage,
} from '../../../generator/terms/image-name.ts';
import { HEX } from '../../kit/samples/samples.ts';
import { measureProcessor } from '../../kit/process/processor-time.ts';

const DIGEST = `sha256:${HEX}`;

describe('generator: docker reference', () => {
  for (const [text, host, repository, tag, digest] of [
    ['busybox', 'docker.io', 'library/busybox'],
    ['busybox:1.36', 'docker.io', 'library/busybox', '1.36'],
    [`busybox@${DIGEST}`, 'docker.io', 'library/busybox', undefined, DIGEST],
    ['team/app:v1', 'docker.io', 'team/app', 'v1'],
    ['docker.io/busybox', 'docker.io', 'library/busybox'],
    ['index.docker.io/busybox', 'docker.io', 'library/busybox'],
    ['docker.io/library/busybox', 'docker.io', 'library/busybox'],
    ['quay.io/a/b/c:d', 'quay.io', 'a/b/c', 'd'],
    ['localhost/app:v1', 'localhost', 'app', 'v1'],
    ['localhost:5000/app', 'localhost:5000', 'app'],
    ['host:5000/app:v1', 'host:5000', 'app', 'v1'],
    ['127.0.0.1:5555/ns/repo:TAG', '127.0.0.1:5555', 'ns/repo', 'TAG'],
    ['HOST:5000/app:v1', 'HOST:5000', 'app', 'v1'],
    ['Quay.IO/app:v1', 'Quay.IO', 'app', 'v1'],
    [`quay.io/a/b:c@${DIGEST}`, 'quay.io', 'a/b', 'c', DIGEST],
    ['quay.io/a__b/c-d/e.f/g---h:_x', 'quay.io', 'a__b/c-d/e.f/g---h', '_x'],
    [`quay.io/a:${'t'.repeat(128)}`, 'quay.io', 'a', 't'.repeat(128)],
    [`quay.io/${'a'.repeat(247)}`, 'quay.io', 'a'.repeat(247)],
    [`quay.io/a@sha512:${HEX}${HEX}`, 'quay.io', 'a', undefined, `sha512:${HEX}${HEX}`],
    [`${HEX}:tag`, 'docker.io', `library/${HEX}`, 'tag'],
  ] as const) {
    it(`parses ${text.slice(0, 60)}`, () => {
      assert.deepEqual(parseDockerReference(text), { host, repository, tag, digest });
    });
  }

  for (const text of [
    '',
    ':',
    ':tag',
    '/app',
    'app/',
    'app:',
    'app@',
    'app:tag:tag',
    'App:v1',
    'quay.io/NS/repo:tag',
    'quay.io/a//b',
    'quay.io/a/../b',
    'quay.io/.a',
    'quay.io/a.',
    'quay.io/-a',
    'quay.io/a..b',
    'quay.io/a___b',
    'quay.io/a b',
    'quay.io/ä',
    'quay.io/a:.b',
    'quay.io/a:-b',
    `quay.io/a:${'t'.repeat(129)}`,
    'quay.io/',
    '-quay.io/a',
    'quay.io:/a',
    'quay.io:port/a',
    '[::1/a',
    '[::1]:5000/app:v1',
    'HOST/app:v1',
    'a'.repeat(256),
    `quay.io/${'a'.repeat(248)}`,
    `a@${DIGEST.slice(0, -1)}`,
    `a@${DIGEST.toUpperCase()}`,
    'a@sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709',
    `a@${DIGEST}:tag`,
    HEX,
    'https://quay.io/a:b',
    'docker://quay.io/a:b',
    'quay.io/a:b\n',
    '\nquay.io/a:b',
    'quay.io/a:b\0',
  ]) {
    it(`refuses ${JSON.stringify(text).slice(0, 60)}`, () => {
      assert.equal(parseDockerReference(text), undefined);
    });
  }

  it('tells a registry host from a namespace', () => {
    for (const host of ['quay.io', 'localhost', 'host:5000']) {
      assert.equal(looksLikeHost(host), true, host);
    }
    for (const namespace of ['team', 'library', '', 'my-team']) {
      assert.equal(looksLikeHost(namespace), false, namespace);
    }
  });

  it('knows the old name of docker.io', () => {
    assert.equal(normalizeHost('index.docker.io'), 'docker.io');
    assert.equal(normalizeHost('quay.io'), 'quay.io');
  });

  it('reads back what it has parsed', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,5}(?:[._-][a-z0-9]{1,5})?$/);
    const host = fc.constantFrom('quay.io', 'localhost', 'host:5000', 'docker.io', 'HOST.io:80');
    const repository = fc.array(part, { minLength: 2, maxLength: 4 }).map((all) => all.join('/'));
    const tag = fc.option(fc.stringMatching(/^\w[\w.-]{0,9}$/), { nil: undefined });
    const digest = fc.constantFrom(undefined, DIGEST);
    fc.assert(
      fc.property(host, repository, tag, digest, (...[h, r, t, d]) => {
        const text = `${h}/${r}${t === undefined ? '' : `:${t}`}${d === undefined ? '' : `@${d}`}`;
        const parsed = { host: h, repository: r, tag: t, digest: d };
        assert.deepEqual(parseDockerReference(text), parsed);
        assert.equal(formatReference(parsed), text);
      }),
    );
  });

  it('takes any text, of any length, without hanging', async () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void parseDockerReference(text)),
    );
    for (const piece of ['a.', 'a-', 'a/', 'A', '[', ':', '@', '-', '__']) {
      const took = await measureProcessor(() =>
        assert.equal(parseDockerReference(piece.repeat(1_000_000)), undefined, piece),
      );
      assert.ok(took < 5000, `${piece} took ${took} ms`);
    }
  });
});

describe('generator: the name of an image that is pulled', () => {
  const full: Readonly<Record<string, string>> = {
    app: 'docker.io/library/app:latest',
    'team/app': 'docker.io/team/app:latest',
    'index.docker.io/team/app:v1': 'docker.io/team/app:v1',
    'quay.io/team/app': 'quay.io/team/app:latest',
    'quay.io/team/app:v1': 'quay.io/team/app:v1',
    'localhost:5000/app': 'localhost:5000/app:latest',
    [`app@${DIGEST}`]: `docker.io/library/app@${DIGEST}`,
    [`quay.io/team/app:v1@${DIGEST}`]: `quay.io/team/app@${DIGEST}`,
  };
  for (const [name, expected] of Object.entries(full)) {
    it(`${name} is ${expected}`, () => {
      const image = parsePulledImage(name) ?? assert.fail();
      assert.equal(formatReference(image), expected);
    });
  }

  it('is not anything', () => {
    for (const name of ['', ' ', 'App', 'a:', 'a@sha256:ab', 'docker://a', 'ab'.repeat(32), '-a']) {
      assert.equal(parsePulledImage(name), undefined, name);
    }
  });
});
