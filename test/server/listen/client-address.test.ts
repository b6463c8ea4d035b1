import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket, isIP } from 'node:net';
import * as fc from 'fast-check';
import { TrustedProxiesError, createClientAddress } from '../../../server/listen/client-address.ts';

function request(remoteAddress: string | undefined, forwardedFor?: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
  const message = new IncomingMessage(socket);
  if (forwardedFor !== undefined) message.headers['x-forwarded-for'] = forwardedFor;
  return message;
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
