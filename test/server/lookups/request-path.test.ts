import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseRequestPath, toOriginForm } from '../../../server/lookups/request-path.ts';

describe('parseRequestPath', () => {
  const paths: Record<string, string | undefined> = {
    '/a/b': 'a/b',
    '/': '',
    '': undefined,
    'a/b': undefined,
    '*': undefined,
    '//a/b': 'a/b',
    '////a///b//': 'a/b/',
    '/a?b': 'a',
    '/a?b?c/%zz': 'a',
    '/?': '',
    '?': undefined,
    '/a#b': undefined,
    '/a?b#c': undefined,
    '/a%40b%3Dc%3d': 'a@b=c=',
    '/a%2540': 'a%40',
    '/a%C3%BC': 'aü',
    '/a%c3': undefined,
    '/a%ed%a0%80': undefined,
    '/a%c0%af': undefined,
    '/%': undefined,
    '/%4': undefined,
    '/%zz': undefined,
    '/%u0041': undefined,
    '/%00': undefined,
    '/%2f': undefined,
    '/%2F': undefined,
    '/%5c': undefined,
    '/%5C': undefined,
    '/%252f': '%2f',
    '/../a': '../a',
    '/%2e%2e/a': '../a',
    '/a+b': 'a+b',
    '/a%20b': 'a b',
    'http://h/a': 'a',
    'HTTPS://h:1//a?b': 'a',
    'http://u:p@h/a': 'a',
    'http://h': undefined,
    'http://h?/a': undefined,
    'http:///a': 'a',
    '//h/a': 'h/a',
    'ftp://h/a': undefined,
    'javascript:/a': undefined,
    '/http://h/a': 'http:/h/a',
  };
  for (const [target, path] of Object.entries(paths)) {
    it(`${JSON.stringify(target)} is ${JSON.stringify(path) ?? 'nothing'}`, () => {
      assert.equal(parseRequestPath(target), path);
    });
  }

  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('/', '%', '4', '0', '2', 'f', '?', '#', 'a', ':', '.') }),
  );

  it('never throws, and gives no doubled slash, no NUL and no leading slash', () => {
    fc.assert(
      fc.property(anything, fc.constantFrom('', '/', 'http://h/'), (text, start) => {
        const path = parseRequestPath(start + text);
        if (path !== undefined) assert.doesNotMatch(path, /^\/|\/\/|%00/);
      }),
      { numRuns: 5000 },
    );
  });

  it('gives the same for its output, encoded again', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const path = parseRequestPath(`/${text}`);
        fc.pre(path !== undefined && !/[\\\0\p{Cs}]/u.test(path));
        const encoded = path.split('/').map(encodeURIComponent).join('/');
        assert.equal(parseRequestPath(`/${encoded}`), path);
      }),
      { numRuns: 5000 },
    );
  });

  it('is the only decoding: what was encoded twice is still encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const once = encodeURIComponent(text);
        assert.equal(parseRequestPath(`/${encodeURIComponent(once)}`), once);
      }),
    );
  });
});

describe('toOriginForm', () => {
  const targets: Record<string, string | undefined> = {
    '/a?b': '/a?b',
    '//a@b/': '//a@b/',
    '//a@b/#': undefined,
    'http://h/a?b': '/a?b',
    'http://h': undefined,
    'http://[/a': '/a',
    '*': undefined,
    'h:80': undefined,
  };
  for (const [target, expected] of Object.entries(targets)) {
    it(`${target} is ${expected ?? 'nothing'}`, () => {
      assert.equal(toOriginForm(target), expected);
    });
  }
});
