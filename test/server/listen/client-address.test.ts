import assert from 'node:assert/strict';
import { once } from 'node:events';
import { IncomingMessage, createServer } from 'node:http';
import { Socket, isIP } from 'node:net';
import * as fc from 'fast-check';
import { TrustedProxiesError, createClientAddress } from '../../../server/listen/client-address.ts';
import { ask } from '../../kit/web/raw-http.ts';

function request(remoteAddress: string | undefined, forwardedFor?: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
  const message = new IncomingMessage(socket);
  if (forwardedFor !== undefined) message.headers['x-forwarded-for'] = forwardedFor;
  return message;
}

function isTrusted(address: string): boolean {
  return address.startsWith('10.0.0.') || address.startsWith('fd00:');
}

/** As the system writes it. */
function plain(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

describe('the client address', () => {
  type Row = readonly [
    trusted: readonly string[],
    socket: string | undefined,
    header: string | undefined,
    client: string,
  ];
  const proxy = '10.0.0.1';
  const range = ['10.0.0.0/8'];
  const rows: Readonly<Record<string, Row>> = {
    'the socket': [[], '192.0.2.1', undefined, '192.0.2.1'],
    'a closed socket': [[], undefined, undefined, '-'],
    'a closed socket, with proxies': [['loopback'], undefined, undefined, '-'],
    'IPv4 in IPv6': [[], '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    IPv6: [[], '2001:db8::1', undefined, '2001:db8::1'],
    'a header that nobody may send': [[], '192.0.2.1', '198.51.100.1', '192.0.2.1'],
    'a header from a stranger': [range, '192.0.2.1', '198.51.100.1', '192.0.2.1'],
    'a header from a proxy': [range, '10.1.2.3', '198.51.100.1', '198.51.100.1'],
    'a dual-stack socket': [range, '::ffff:10.1.2.3', '::ffff:198.51.100.1', '198.51.100.1'],
    'a proxy without a header': [['loopback'], '127.0.0.1', undefined, '127.0.0.1'],
    'a chain of proxies': [
      ['10.0.0.0/8', '::1'],
      '::1',
      '203.0.113.9, 198.51.100.1, 10.0.0.2 ,10.0.0.1',
      '198.51.100.1',
    ],
    'what a client put before the address that the proxy saw': [
      [proxy],
      proxy,
      '127.0.0.1, 198.51.100.1',
      '198.51.100.1',
    ],
    'only proxies': [range, proxy, '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    'garbage in the header': [[proxy], proxy, 'x - - [now] "GET / HTTP/1.1" 200', proxy],
    'garbage before a proxy': [range, proxy, 'unknown, 10.0.0.2', '10.0.0.2'],
    'an empty header': [[proxy], proxy, ' , ,', proxy],
    'an empty entry, which does not count': [
      range,
      proxy,
      '198.51.100.1, ,10.0.0.2',
      '198.51.100.1',
    ],
    'a port': [[proxy], proxy, '198.51.100.1:567', '198.51.100.1'],
    'a port of a proxy': [range, proxy, '198.51.100.1:567, 10.0.0.2:80', '198.51.100.1'],
    'brackets and a port': [[proxy], proxy, '[2001:db8::1]:443', '2001:db8::1'],
    brackets: [[proxy], proxy, '[2001:db8::1]', '2001:db8::1'],
    'IPv6 in capitals, and not shortened': [[proxy], proxy, '2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    'IPv6 in small letters, and not shortened': [[proxy], proxy, '2001:db8:0::1', '2001:db8::1'],
    'IPv6 whose end could be a port': [[proxy], proxy, '2001:db8::1:443', '2001:db8::1:443'],
    'IPv4 in IPv6 with a port': [[proxy], proxy, '[::ffff:198.51.100.1]:443', '198.51.100.1'],
    'IPv4 in IPv6 in hexadecimal': [[proxy], proxy, '::ffff:c633:6401', '198.51.100.1'],
    'a proxy that is IPv4 in IPv6': [range, proxy, '198.51.100.1,::FFFF:0A00:2', '198.51.100.1'],
    'a hidden client': [range, proxy, '198.51.100.1, _hidden, 10.0.0.2', '10.0.0.2'],
    'a client that nobody knows': [range, proxy, '198.51.100.1, unknown', proxy],
    'a name': [[proxy], proxy, 'node.example', proxy],
    'a port that is none': [[proxy], proxy, '198.51.100.1:http', proxy],
    'a zone, which means nothing here': [[proxy], proxy, 'fe80::1%eth0', proxy],
    'IPv4 in brackets': [[proxy], proxy, '[198.51.100.1]', proxy],
    'too many numbers': [[proxy], proxy, '198.51.100.1.2', proxy],
  };
  for (const [name, [trusted, socket, header, client]] of Object.entries(rows)) {
    it(name, () => {
      assert.equal(createClientAddress(trusted)(request(socket, header)), client);
    });
  }

  it('is read from the end of a header that is longer than any honest one', () => {
    const clientAddress = createClientAddress(['127.0.0.0/8', 'uniquelocal']);
    const long = `192.0.2.1,${'fd00::1,'.repeat(2000)}fd00::2`;
    assert.equal(clientAddress(request('127.0.0.1', long)), 'fd00::1');
  });

  it('is an address whatever a proxy passes on', () => {
    const clientAddress = createClientAddress(['10.0.0.0/8']);
    const part = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('10.0.0.2'), fc.string());
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const client = clientAddress(request('10.0.0.1', parts.join(',')));
        assert.notEqual(isIP(client), 0, client);
      }),
      { numRuns: 2000 },
    );
  });

  /** An address as a proxy may write it, and as it is logged; undefined where it is none. */
  type Written = readonly [text: string, address: string | undefined];
  const space = fc.constantFrom('', ' ', '\t', '  ');
  const port = fc.oneof(
    fc.constant(''),
    fc.nat(65_535).map((number) => `:${number}`),
  );
  const ipv4 = fc.oneof(
    fc.ipV4(),
    fc.nat(255).map((byte) => `10.0.0.${byte}`),
  );
  const ipv6 = fc.nat(0xffff).map((group) => `fd00::${group.toString(16)}`);
  const written: fc.Arbitrary<Written> = fc.oneof(
    fc.tuple(ipv4, port).map(([ip, end]): Written => [`${ip}${end}`, ip]),
    fc.tuple(ipv4, port).map(([ip, end]): Written => [`[::ffff:${ip}]${end}`, ip]),
    ipv4.map((ip): Written => [`::FFFF:${ip}`, ip]),
    fc.tuple(ipv6, port).map(([ip, end]): Written => [`[${ip.toUpperCase()}]${end}`, plain(ip)]),
    ipv6.map((ip): Written => [ip, plain(ip)]),
    fc
      .constantFrom('unknown', '_hidden', '-', 'x', '1.2.3', '[', ':1', '"', '10.0.0.1:x')
      .map((text): Written => [text, undefined]),
  );
  it('is that of a walk from the nearest proxy to the first that is not trusted', () => {
    const clientAddress = createClientAddress(['10.0.0.0/24', 'fd00::/16']);
    const chain = fc.array(fc.tuple(written, space, space), { maxLength: 8 });
    fc.assert(
      fc.property(chain, (hops) => {
        let client = '10.0.0.1';
        for (const [[, address]] of hops.toReversed()) {
          if (!isTrusted(client) || address === undefined) break;
          client = address;
        }
        const header = hops.map(([[text], before, after]) => `${before}${text}${after}`).join(',');
        assert.equal(clientAddress(request('10.0.0.1', header)), client, header);
      }),
      { numRuns: 2000 },
    );
  });

  it('is read from several header lines as from one', async () => {
    const clientAddress = createClientAddress(['127.0.0.0/8']);
    const found: string[] = [];
    const server = createServer((message, response) => {
      found.push(clientAddress(message));
      response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const lines = ['192.0.2.1', '[2001:db8::7]:443 , 127.0.0.2', '127.0.0.3:80'];
    const more = lines.map((value) => `X-Forwarded-For: ${value}`);
    await ask(`http://127.0.0.1:${address.port}`, 'GET', '/', more);
    assert.deepEqual(found, ['2001:db8::7']);
    server.close();
  });

  for (const bad of [
    '10.0.0.0/33',
    'proxy.example',
    '',
    '10.0.0.0/',
    '1.2.3.4/255.0.255.0',
    '::/200',
  ]) {
    it(`refuses the range ${JSON.stringify(bad)}`, () => {
      assert.throws(() => createClientAddress([proxy, bad]), TrustedProxiesError);
    });
  }
});
