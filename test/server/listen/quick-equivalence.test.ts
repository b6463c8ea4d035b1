// Connections that are quick at first must be, on the wire and in the log, what they would be
// with node:http from the first byte.
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import * as fc from 'fast-check';
import { DIRECTORY, at } from '../../kit/server/fake-judge.ts';
import { open, readToEnd } from '../../kit/web/raw-http.ts';
import { type SignatureListener, startListener } from '../../kit/server/signature-listener.ts';

/** The servers' ends of the connections, by both ports: two may have the client's in common. */
const accepted = new Map<string, Socket>();
function keepAccepted(message: unknown): void {
  const { socket } = message as { readonly socket: Socket };
  accepted.set(`${socket.localPort} ${socket.remotePort}`, socket);
}

/** The server's end of a client's connection. */
async function acceptedEnd({ localPort, remotePort }: Socket): Promise<Socket> {
  const ports = `${remotePort} ${localPort}`;
  for (;;) {
    const socket = accepted.get(ports);
    accepted.delete(ports);
    if (socket) return socket;
    await nextTurn();
  }
}

async function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Sends each piece when the server has read the one before, so that both servers read the same
 * chunks, then closes its side. Nothing is sent to a server that has closed its own: what it does
 * not read resets the connection.
 */
async function exchange(url: string, pieces: readonly string[]): Promise<string> {
  const socket = await open(url);
  socket.setNoDelay(true);
  const answer = readToEnd(socket);
  const server = await acceptedEnd(socket);
  let sent = 0;
  for (const piece of pieces) {
    if (server.writableEnded || server.destroyed) break;
    socket.write(piece, 'latin1');
    sent += piece.length;
    while (server.bytesRead < sent && !server.destroyed) await nextTurn();
  }
  socket.end();
  const text = await answer;
  socket.destroy();
  return text.replaceAll(/^Date: .*$/gm, 'Date: D');
}

const often = (...texts: string[]) => ({ weight: 8, arbitrary: fc.constantFrom(...texts) });
const bytes = fc.array(fc.nat(255), { maxLength: 3 }).map((codes) => String.fromCharCode(...codes));
const target = fc.oneof(
  often(...[1, 2, 3, 4, 5, 127, 128].map((number) => `/${at(number)}`)),
  fc.constantFrom(
    '/',
    '*',
    `/other@${DIRECTORY.replace(/^.*@/, '')}/signature-1`,
    `//${at(1)}`,
    `/team//${at(1).slice(5)}`,
    `/${at(1)}?a=b`,
    `/${at(1)}#a`,
    `/${at(1)}/`,
    `/${at(1).replace('@', '%40')}`,
    `/${DIRECTORY}/signature-01`,
    `/${DIRECTORY}`,
    `http://x/${at(1)}`,
    `https://x:1/${at(1)}?a`,
    'http://x',
    'x:443',
    at(1),
    `/./${at(1)}`,
    `/x/../${at(1)}`,
    `/${at(1)} x`,
    `/${at(1)}\tx`,
    `/a"b\\c`,
    `/${'a'.repeat(3900)}/${at(1)}`,
    `/${'a'.repeat(5000)}`,
    `/${'a'.repeat(17_000)}`,
  ),
  fc
    .tuple(fc.nat(100), bytes)
    .map(([place, junk]) => `/${at(1).slice(0, place)}${junk}${at(1).slice(place)}`),
);
const header = fc.oneof(
  often(
    'User-Agent: Go-http-client/1.1',
    'Accept-Encoding: gzip',
    'user-agent: "\\quoted\\"',
    'Referer: http://x/"',
    'Connection: Keep-Alive',
    'Authorization: Basic dTpw',
    'Accept: */*',
  ),
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      'Connection: close',
      'Connection: upgrade',
      'Connection: keep-alive, close',
      'Connection: content-length',
      'Proxy-Connection: close',
      'Keep-Alive: timeout=1',
      'Upgrade: h2c',
      'Upgrade: websocket\r\nConnection: upgrade',
      'Expect: 100-continue',
      'Expect: more',
      'If-None-Match: *',
      'If-None-Match: "first"',
      'If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT',
      'Range: bytes=0-1',
      'Content-Length: 0',
      'Content-Length: 4',
      'Content-Length : 4',
      'Content-Length: +4',
      'Content-Length: 4, 4',
      'Content-Length: 18446744073709551617',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding:\tchunked',
      'Transfer-Encoding: identity',
      'Transfer-Encoding: chunked, gzip',
      'Transfer-Encoding: gzip, chunked',
      'Trailer: X',
      'X-Forwarded-For: 192.0.2.1',
      'User-Agent:',
      'User-Agent: ',
      'User-Agent:  two',
      'User-Agent: end ',
      'User-Agent: a\r\n folded',
      'User-Agent: a\nContent-Length: 4',
      'User-Agent: a\rContent-Length: 4',
      'User-Agent: a\r\r\nContent-Length: 4',
      'User-Agent: \0',
      'User-Agent\0: a',
      'User-Agent : a',
      ' User-Agent: a',
      `User-Agent: ${'a'.repeat(3900)}`,
      `User-Agent: ${'a'.repeat(17_000)}`,
      'Accept_: a',
      'Host : again',
      'User-Agent: \xe9\x80',
      'Host: again',
      ': nothing',
      'no colon',
      '',
    ),
  },
  bytes.map((junk) => `Accept${junk}: ${junk}`),
);
const request = fc
  .record({
    method: fc.oneof(
      often('GET'),
      fc.constantFrom('HEAD', 'POST', 'OPTIONS', 'TRACE', 'CONNECT', 'get', 'G', 'PRI', '\tGET'),
    ),
    target,
    version: fc.oneof(
      often(' HTTP/1.1'),
      fc.constantFrom(
        ' HTTP/1.0',
        ' HTTP/2.0',
        ' HTTP/1.2',
        ' http/1.1',
        '',
        '  HTTP/1.1',
        ' HTTP/1.1 ',
      ),
    ),
    host: fc.oneof(
      often('Host: x'),
      fc.constantFrom('host: y', 'Host:', 'Host: a b', 'Host: x\r\nhost: x', 'Accept: none'),
    ),
    headers: fc.oneof(
      { weight: 3, arbitrary: fc.constant(['User-Agent: Go-http-client/1.1']) },
      { weight: 2, arbitrary: fc.array(header, { maxLength: 4 }) },
    ),
    lineEnd: fc.oneof({ weight: 30, arbitrary: fc.constant('\r\n') }, fc.constantFrom('\n', '\r')),
    before: fc.oneof(
      { weight: 30, arbitrary: fc.constant('') },
      fc.constantFrom('\r\n', '\n', ' '),
    ),
    body: fc.oneof(
      { weight: 20, arbitrary: fc.constant('') },
      fc.constantFrom('abcd', '0\r\n\r\n', '4\r\nabcd\r\n0\r\nX: y\r\n\r\n', '4;x\r\n', '\r\n'),
    ),
  })
  .map(({ method, target: path, version, host, headers, lineEnd, before, body }) => {
    const head = [`${method} ${path}${version}`, host, ...headers, '', ''];
    return `${before}${head.join(lineEnd)}${body}`;
  });
/** Requests one a piece, or cut anywhere, or all in one. */
const pieces = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 5 }), fc.array(fc.nat(400)), fc.nat(4))
  .map(([requests, cuts, how]) => {
    if (how > 1) return requests;
    if (how === 1) return [requests.join('')];
    const parts: string[] = [];
    let rest = requests.join('');
    for (const cut of cuts.filter((place) => place > 0)) {
      parts.push(rest.slice(0, cut));
      rest = rest.slice(cut);
    }
    return [...parts, rest].filter((part) => part !== '');
  });

/** Lines since the last call, without the time. */
async function linesOf({ log, flush }: SignatureListener): Promise<readonly string[]> {
  // A client can have the answer to a request that had to wait before the log has its line.
  await flush();
  return log.take().map((line) => line.replace(/\[.*?\]/, '[]'));
}

function formatGet(path: string, more = ''): string {
  return `GET /${path} HTTP/1.1\r\nHost: x\r\nUser-Agent: Go-http-client/1.1\r\n${more}\r\n`;
}

describe('a connection that is quick at first', () => {
  let quick: SignatureListener;
  let plain: SignatureListener;
  before('start', async () => {
    subscribe('net.server.socket', keepAccepted);
    quick = await startListener({ isQuick: true });
    plain = await startListener({ isQuick: false });
  });
  after('stop', async () => {
    unsubscribe('net.server.socket', keepAccepted);
    await Promise.all([quick.stop(), plain.stop()]);
  });

  it('answers and logs as node:http does, whatever is sent', async () => {
    quick.requests.length = 0;
    plain.requests.length = 0;
    await fc.assert(
      fc.asyncProperty(pieces, async (sent) => {
        const [ours, theirs] = await Promise.all([
          exchange(quick.url, sent),
          exchange(plain.url, sent),
        ]);
        assert.equal(ours, theirs);
        assert.deepEqual(await linesOf(quick), await linesOf(plain));
      }),
      { numRuns: 500 },
    );
    const saved = plain.requests.length - quick.requests.length;
    assert.ok(saved > 80, `only ${saved} of ${plain.requests.length} were answered quickly`);
  });

  const sequences: Readonly<Record<string, { sent: readonly string[]; seen: number }>> = {
    'a pull': { sent: [formatGet(at(1)), formatGet(at(2)), formatGet(at(5))], seen: 0 },
    'an image without signatures': { sent: [formatGet(at(1).replace('app', 'none'))], seen: 0 },
    'the longest body': { sent: [formatGet(at(3)), formatGet(at(1))], seen: 0 },
    'a longer body, and what follows it': { sent: [formatGet(at(4)), formatGet(at(1))], seen: 2 },
    'other headers each time': {
      sent: [
        formatGet(at(1)),
        formatGet(at(1), 'Accept: */*\r\n'),
        formatGet(at(1), 'Referer: x\r\n'),
        formatGet(at(2)),
      ],
      seen: 0,
    },
    'two in one piece': { sent: [formatGet(at(1)) + formatGet(at(2)), formatGet(at(1))], seen: 3 },
    'a request in two pieces': {
      sent: [formatGet(at(1)), formatGet(at(2)).slice(0, 20), formatGet(at(2)).slice(20)],
      seen: 1,
    },
    'a body': { sent: [formatGet(at(1), 'Content-Length: 4\r\n'), formatGet('x')], seen: 1 },
    'no HTTP behind requests': { sent: [formatGet(at(1)) + formatGet(at(2)) + 'x'], seen: 2 },
    'no HTTP behind a body': {
      sent: [`${formatGet(at(1), 'Content-Length: 4\r\n')}abcd${formatGet(at(2))}x`],
      seen: 2,
    },
    'more than a body behind the last request': {
      sent: [formatGet(at(1), 'Content-Length: 4\r\n').replace('1.1', '1.0') + formatGet('x')],
      seen: 1,
    },
    'more than a body behind a request without a host': {
      sent: [formatGet(at(1), 'Content-Length: 4\r\n').replace('Host', 'Accept') + formatGet('x')],
      seen: 0,
    },
    'a tunnel behind requests': {
      sent: [
        `${formatGet(at(1), 'Content-Length: 4\r\n')}abcd${formatGet(at(2))}` +
          formatGet('').replace('GET /', 'CONNECT x:443'),
      ],
      seen: 2,
    },
    'a target that is no location': { sent: [formatGet(at(1)), formatGet('team/app')], seen: 1 },
    'a store path in another encoding': { sent: [formatGet('\xfc')], seen: 0 },
  };
  for (const [name, { sent, seen }] of Object.entries(sequences)) {
    it(`${name}: ${seen} seen by node:http`, async () => {
      quick.requests.length = 0;
      assert.equal(await exchange(quick.url, sent), await exchange(plain.url, sent));
      assert.deepEqual(await linesOf(quick), await linesOf(plain));
      assert.equal(quick.requests.length, seen);
    });
  }

  it('has logged every answer to requests that came in one piece', async () => {
    const sent = formatGet(at(1)) + formatGet(at(2)) + formatGet(at(1), 'Connection: close\r\n');
    for (const listener of [quick, plain]) {
      await exchange(listener.url, [sent]);
      assert.equal((await linesOf(listener)).length, 3);
    }
  });

  it('answers what a client does not read, in order and unchanged', async () => {
    const count = 2000;
    const socket = await open(quick.url);
    for (let sent = 0; sent < count; sent++) {
      socket.write(formatGet(sent % 2 === 0 ? at(3) : at(2)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.end();
    const text = await readToEnd(socket);
    const bodies = text.split(/HTTP\/1\.1 200 OK\r\n[^]*?\r\n\r\n/).slice(1);
    assert.equal(bodies.length, count);
    const wrong = bodies.findIndex((body, index) =>
      index % 2 === 0 ? !/^x{16384}$/.test(body) : body !== 'the second one',
    );
    assert.equal(wrong, -1);
    socket.destroy();
  });
});
