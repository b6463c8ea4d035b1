import assert from 'node:assert/strict';
import { readPlainRequest } from '../../../server/listen/plain-request.ts';

const HOST = 'Host: x\r\n';

function read(text: string): ReturnType<typeof readPlainRequest> {
  return readPlainRequest(Buffer.from(text, 'latin1'), undefined);
}

describe('a plain request', () => {
  const plain: Readonly<Record<string, string>> = {
    'what Go sends': `GET /a HTTP/1.1\r\n${HOST}User-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n`,
    'names in any case': 'GET /a HTTP/1.1\r\nhOsT: x\r\nUSER-AGENT: y\r\n\r\n',
    'credentials of the base URL': `GET /a HTTP/1.1\r\n${HOST}Authorization: Basic dTpw\r\n\r\n`,
    'a connection that is kept': `GET /a HTTP/1.1\r\n${HOST}Connection: Keep-Alive\r\n\r\n`,
    'spaces in a value': `GET /a HTTP/1.1\r\n${HOST}Accept: a, b; q="1"\r\n\r\n`,
    'a single slash': `GET / HTTP/1.1\r\n${HOST}\r\n`,
    'all characters of a path': `GET /a-._~!$&'()*+,;=:@<>[]^\`{|}/z HTTP/1.1\r\n${HOST}\r\n`,
  };
  for (const [name, text] of Object.entries(plain)) {
    it(`is ${name}`, () => {
      const request = read(text);
      assert.equal(request?.target, text.split(' ')[1]);
      assert.ok(text.endsWith(`${request?.target}${request?.headers.block}`));
    });
  }

  const target = (path: string): string => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`;
  const header = (line: string): string => `GET /a HTTP/1.1\r\n${HOST}${line}\r\n\r\n`;
  const others: Readonly<Record<string, string>> = {
    nothing: '',
    'a part of one': 'GET /a HTTP/1.1\r\nHost: x\r\n',
    'a part of a target': 'GET /a',
    'one and the start of another': `${target('/a')}G`,
    two: target('/a') + target('/a'),
    'an empty line first': `\r\n${target('/a')}`,
    'another method': target('/a').replace('GET', 'HEAD'),
    'a method in lower case': target('/a').replace('GET', 'get'),
    'another version': target('/a').replace('1.1', '1.0'),
    'no version': `GET /a\r\n${HOST}\r\n`,
    'two spaces': target('/a').replace(' HTTP', '  HTTP'),
    'a tab': target('/a').replace(' HTTP', '\tHTTP'),
    'the absolute form': target('http://x/a'),
    'an asterisk': target('*'),
    'a doubled slash': target('//a'),
    'a doubled slash later': target('/a//b'),
    'a query': target('/a?b'),
    'a fragment': target('/a#b'),
    'an escape': target('/%61'),
    'a quote': target('/a"'),
    'a backslash': target('/a\\b'),
    'a control character': target('/a\x01'),
    'a delete character': target('/a\x7f'),
    'a byte beyond ASCII': target('/\xfc'),
    'no host': 'GET /a HTTP/1.1\r\nAccept: x\r\n\r\n',
    'no headers': 'GET /a HTTP/1.1\r\n\r\n',
    'two hosts': header('Host: y'),
    'a header twice': header('Accept: x\r\naccept: y'),
    'a body': header('Content-Length: 0'),
    'a chunked body': header('Transfer-Encoding: chunked'),
    'an expectation': header('Expect: 100-continue'),
    'an upgrade': header('Upgrade: h2c'),
    'an upgrade by the connection': header('Connection: upgrade'),
    'the last of a connection': header('Connection: close'),
    'two options of the connection': header('Connection: keep-alive, close'),
    'a condition': header('If-None-Match: *'),
    'a client of a proxy': header('X-Forwarded-For: 192.0.2.1'),
    'a name that is not known': header('X: y'),
    'an empty value': header('Accept: '),
    'no space': header('Accept:x'),
    'two spaces before a value': header('Accept:  x'),
    'a space behind a value': header('Accept: x '),
    'a space before the colon': header('Accept : x'),
    'a folded line': header('Accept: x\r\n y'),
    'a bare line feed': header('Accept: x\nContent-Length: 1'),
    'a bare carriage return': header('Accept: x\rContent-Length: 1'),
    'a tab in a value': header('Accept: x\ty'),
    'a value beyond ASCII': header('Accept: \xe9'),
    'a NUL in a value': header('Accept: x\0'),
    'a line without a colon': header('Accept'),
    'bare line feeds only': target('/a').replaceAll('\r', ''),
    'a long one': header(`Accept: ${'x'.repeat(4096)}`),
  };
  for (const [name, text] of Object.entries(others)) {
    it(`is not ${name}`, () => assert.equal(read(text), undefined));
  }

  it('has the headers of the one before if they are the same', () => {
    const first = read(header('Referer: r'));
    assert.ok(first);
    assert.deepEqual([first.headers.referer, first.headers.userAgent], ['r', undefined]);
    const again = Buffer.from(header('Referer: r').replace('/a', '/b'));
    assert.equal(readPlainRequest(again, first.headers)?.headers, first.headers);
    const other = Buffer.from(header('User-Agent: u'));
    assert.equal(readPlainRequest(other, first.headers)?.headers.userAgent, 'u');
    const broken = Buffer.from(header('User-Agent: u\r\nX: y'));
    assert.equal(readPlainRequest(broken, first.headers), undefined);
  });
});
