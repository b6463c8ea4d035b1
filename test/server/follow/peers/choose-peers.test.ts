import assert from 'node:assert/strict';
import { choosePeers, isOwnAddress } from '../../../../server/follow/peers/choose-peers.ts';

const [A4, B4, C4] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const [A6, B6, C6] = ['2001:db8::1', '2001:db8::2', '2001:db8::3'];

const ofHost = (): readonly string[] => ['192.0.2.1', '2001:db8::1', '127.0.0.1'];

describe('choosing peers', () => {
  const cases: readonly {
    readonly what: string;
    readonly found: readonly string[];
    readonly own?: readonly string[];
    readonly peers: readonly string[];
  }[] = [
    { what: 'a name without addresses', found: [], peers: [] },
    { what: 'all but our own', found: [A4, B4, C4], own: [B4], peers: [A4, C4] },
    { what: 'each address once', found: [A4, `::ffff:${A4}`, A4, B6, B6], peers: [A4, B6] },
    { what: 'nobody where we are alone', found: [A4, A6], own: [A4, A6], peers: [] },
    {
      what: 'one address of each host of a dual-stack name',
      found: [A6, B6, C6, A4, B4, C4],
      own: [A4, A6],
      peers: [B4, C4],
    },
    {
      what: 'hosts that have one family only',
      found: [A4, A6, B4, C4],
      own: [A4, A6],
      peers: [B4, C4],
    },
    {
      what: 'both families where we have one of them',
      found: [A4, B4, A6, B6],
      own: [A4],
      peers: [B4, A6, B6],
    },
  ];
  for (const { what, found, own = [], peers } of cases) {
    it(`finds ${what}`, () => {
      const chosen = choosePeers(found, (address) => own.includes(address), 64);
      assert.deepEqual(chosen, { addresses: peers, skipped: 0 });
    });
  }

  it('leaves out those beyond the most, our own not counted', () => {
    const chosen = choosePeers([A4, B4, C4, A6], (address) => address === A4, 2);
    assert.deepEqual(chosen, { addresses: [B4, C4], skipped: 1 });
  });

  const owns: readonly (readonly [string, string, number, readonly string[], boolean])[] = [
    ['where we listen', '127.0.0.2', 8080, ['127.0.0.2'], true],
    ['another server on this host', '127.0.0.3', 8080, ['127.0.0.2'], false],
    ['another port', '127.0.0.2', 8081, ['127.0.0.2'], false],
    ['an address of this host, listening on all', '2001:db8::1', 8080, ['::'], true],
    ['an IPv4 address, listening on all of IPv4', '192.0.2.1', 8080, ['0.0.0.0'], true],
    ['any loopback address, listening on all', '127.0.0.9', 8080, ['::'], true],
    ['::1, listening on all', '::1', 8080, ['::'], true],
    ['an address of this host, listening on another one', '192.0.2.1', 8080, ['127.0.0.1'], false],
    ['another host', '192.0.2.2', 8080, ['::'], false],
    ['the second place', '::1', 8080, ['127.0.0.1', '::1'], true],
    ['IPv4 as a dual-stack socket has it', '192.0.2.1', 8080, ['::ffff:192.0.2.1'], true],
    ['anything, before we listen', '127.0.0.1', 8080, [], false],
  ];
  for (const [what, address, port, at, isOwn] of owns) {
    it(`takes ${what} for ${isOwn ? 'its own' : 'a peer'}`, () => {
      const places = at.map((host) => ({ host, port: 8080 }));
      assert.equal(isOwnAddress(address, port, places, ofHost), isOwn);
    });
  }
});
