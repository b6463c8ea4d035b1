import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  StoreUrlError,
  formatFileUrl,
  formatStoreUrl,
  hasCredentials,
  isOpenToOthers,
  isRegistryRoot,
  namesRegistry,
  parseStoreUrl,
} from '../../../generator/nodes/store-url.ts';
import { parseRequestPath } from '../../../server/lookups/request-path.ts';
import { directories } from './random-scopes.ts';

const REPOSITORY = 'team/app@sha256=00/signature-1';

/** What nodes ask for: Go decodes the path, appends, and encodes all but these characters. */
function askedBy(url: string): string {
  const path = /^[a-z]+:\/\/[^/]*([^?]*)/.exec(url)?.[1] ?? '';
  const bytes = [...Buffer.from(`${decodeURIComponent(path)}/${REPOSITORY}`)];
  const encoded = bytes.map((byte) => {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9_.~$&+,/:;=@-]/.test(character)) return character;
    return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return encoded.join('');
}

const isOpen = (text: string): boolean => isOpenToOthers(parseStoreUrl(text));

const isRoot = (text: string) => isRegistryRoot(parseStoreUrl(text));
const names = (text: string, scope: string) => namesRegistry(parseStoreUrl(text), scope);

describe('generator: the address of a store', () => {
  const good: Readonly<Record<string, string>> = {
    'https://sigs.example': 'https://sigs.example',
    'https://sigs.example/': 'https://sigs.example',
    'https://sigs.example/a//': 'https://sigs.example/a',
    'https://sigs.example/a//b': 'https://sigs.example/a//b',
    'HTTPS://Sigs.Example:8443/A': 'https://sigs.example:8443/A',
    'https://sigs.example:443': 'https://sigs.example',
    'http://[::1]:8080/x': 'http://[::1]:8080/x',
    'http://127.0.0.1': 'http://127.0.0.1',
    'https://me:pa%40ss@sigs.example/x': 'https://me:pa%40ss@sigs.example/x',
    'https://me@sigs.example': 'https://me@sigs.example',
    'https://:pass@sigs.example': 'https://:pass@sigs.example',
    'https://@sigs.example': 'https://sigs.example',
    'https://sigs.example/a?token=b/c%20': 'https://sigs.example/a?token=b/c%20',
    'https://sigs.example?x': 'https://sigs.example?x',
    'https://sigs.example/ü/%C3%BC': 'https://sigs.example/%C3%BC/%C3%BC',
    'https://sigs.example/a%20b/%25': 'https://sigs.example/a%20b/%25',
    'https://sigs.example/%61(1)': 'https://sigs.example/a%281%29',
    'https://bücher.example': 'https://xn--bcher-kva.example',
    'file:///srv/signatures/': 'file:///srv/signatures',
    'file:///': 'file://',
    'file://localhost/srv': 'file:///srv',
  };
  for (const [text, written] of Object.entries(good)) {
    it(`takes ${text}`, () => {
      const url = parseStoreUrl(text);
      assert.equal(formatStoreUrl(url, ''), written);
      assert.deepEqual(parseStoreUrl(written), url);
    });
  }

  const bad: Readonly<Record<string, RegExp>> = {
    '': /^expected an https:\/\/ address of a store, got ""$/,
    'sigs.example': /an https:\/\/ address/,
    '//sigs.example': /an https:\/\/ address/,
    'https:sigs.example': /an https:\/\/ address/,
    'file:/srv': /an https:\/\/ address/,
    'ftp://sigs.example': /an https:\/\/ address/,
    'docker://sigs.example': /an https:\/\/ address/,
    'https://a b.example': /an https:\/\/ address/,
    'https://a.example/ b': /an https:\/\/ address/,
    ' https://a.example': /an https:\/\/ address/,
    'https://a.example/b\n': /an https:\/\/ address/,
    'https://a.example\\b': /an https:\/\/ address/,
    'https://a.example/b\\c': /an https:\/\/ address/,
    'https://a.example:99999': /an https:\/\/ address/,
    'https://[::1': /an https:\/\/ address/,
    'https://': /an https:\/\/ address/,
    'file://server/srv': /expected https:\/\/HOST or file:\/\/\/DIR/,
    'https://a.example/#b': /no fragment, which nodes ignore/,
    'https://a.example/#': /no fragment, which nodes ignore/,
    'file:///srv?x': /no query after a file, which nodes ignore/,
    'https://a.example?ü': /a query in ASCII/,
    'https://a.example/../b': /without dot segments and escapes that nodes change/,
    'https://a.example/b/.': /without dot segments/,
    'https://a.example/%2e%2E/b': /without dot segments/,
    'https://a.example/a%2Fb': /escapes that nodes change/,
    'https://a.example/a%5cb': /escapes that nodes change/,
    'https://a.example/a%00b': /escapes that nodes change/,
    'https://a.example/100%': /escapes that nodes change/,
    'https://a.example/%FF': /escapes that nodes change/,
  };
  for (const [text, message] of Object.entries(bad)) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseStoreUrl(text),
        (error) => {
          assert.ok(error instanceof StoreUrlError);
          assert.match(error.message, message);
          assert.ok(error.message.endsWith(`, got ${JSON.stringify(text)}`));
          return true;
        },
      );
    });
  }

  it('is written as nodes ask for it, and leads to the directory', () => {
    fc.assert(
      fc.property(directories, directories, (base, directory) => {
        const url = parseStoreUrl(
          `https://h.example/${base.split('/').map(encodeURIComponent).join('/')}`,
        );
        const written = formatStoreUrl(url, directory);
        const asked = askedBy(written);
        assert.equal(`${written}/${REPOSITORY}`, `https://h.example${asked}`);
        const path = [base, directory, REPOSITORY].filter((part) => part !== '').join('/');
        assert.equal(parseRequestPath(asked), path);
      }),
    );
  });

  it('keeps a query behind all', () => {
    const url = parseStoreUrl('https://h.example/a?token=b');
    assert.equal(formatStoreUrl(url, 'c?d'), 'https://h.example/a/c%3Fd?token=b');
  });

  it('of a directory is a file URL', () => {
    assert.equal(formatFileUrl('/srv/my sigs/100%'), 'file:///srv/my%20sigs/100%25');
    fc.assert(
      fc.property(directories, (path) => {
        assert.equal(decodeURIComponent(formatFileUrl(`/${path}`)), `file:///${path}`);
      }),
    );
  });

  it('is open to others over http, but on the machine itself', () => {
    for (const text of [
      'http://h.example',
      'http://127.example',
      'http://10.0.0.1',
      'http://[::2]',
    ]) {
      assert.ok(isOpen(text), text);
    }
    const closed = ['http://localhost:1', 'http://127.9.9.9', 'http://[::1]', 'http://[0:0::1]:1'];
    for (const text of [...closed, 'https://h.example', 'file:///srv'])
      assert.ok(!isOpen(text), text);
  });

  it('may hold a password', () => {
    for (const text of ['https://a:b@h.example', 'https://a@h.example', 'https://:b@h.example']) {
      assert.ok(hasCredentials(parseStoreUrl(text)), text);
    }
    for (const text of ['https://h.example/a:b@c', 'file:///srv', 'https://@h.example']) {
      assert.ok(!hasCredentials(parseStoreUrl(text)), text);
    }
  });

  it('is taken for that of a registry by its host', () => {
    assert.ok(names('https://quay.io', 'quay.io/team'));
    assert.ok(names('https://Quay.io/', 'quay.io'));
    assert.ok(names('http://h.example:5000', 'h.example:5000/a/b'));
    assert.ok(names('https://quay.io/sigs', 'quay.io/team'));
    assert.ok(names('https://quay.io', 'quay.io:443/team'));
    assert.ok(names('https://quay.io:443/v2/', 'quay.io'));
    assert.ok(names('http://h.example', 'h.example:80/a'));
    assert.ok(names('https://registry-1.docker.io/v2', 'docker.io/library'));
    assert.ok(names('https://index.docker.io', 'docker.io'));
    assert.ok(names('https://docker.io', 'registry-1.docker.io'));
    assert.ok(names('https://a.quay.io/v2', '*.quay.io'));
    assert.ok(!names('https://quay.io/v2', '*.quay.io'));
    assert.ok(!names('http://h.example', 'h.example:443'));
    assert.ok(!names('https://xquay.io', 'quay.io'));
    assert.ok(!names('https://sigs.quay.io', '*.quay.io'));
    assert.ok(!names('https://h.example:8080', 'h.example:5000'));
    assert.ok(!names('file:///', ''));
  });

  it('leads to where registries answer, or to a path of its own', () => {
    assert.ok(isRoot('https://quay.io/'));
    assert.ok(isRoot('https://quay.io/v2/team'));
    assert.ok(!isRoot('https://quay.io/v2sigs'));
    assert.ok(!isRoot('https://quay.io/sigs'));
  });
});
