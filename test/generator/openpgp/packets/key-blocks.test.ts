import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { readKeyBlocks } from '../../../../generator/openpgp/packets/key-blocks.ts';
import { formatPacket, readPackets } from '../../../../generator/openpgp/packets/packets.ts';
import { FRAMINGS, formatPackets } from '../../../fuzz/packet.ts';
import { readVector } from '../../../kit/samples/samples.ts';
import { forgeMessage, forgeSigner } from '../../../kit/samples/forged.ts';

const packet = (tag: number, body: Uint8Array) =>
  formatPackets([{ tag, framing: 'old-2', body: Buffer.from(body) }]);
const signature = (type: number, version = 4) =>
  packet(2, Buffer.from([version, type, 1, 8, 0, 6, 5, 2, 1, 2, 3, 4, 0, 0, 1, 2, 0, 1, 1]));
const key = (marker: number, version = 4) =>
  packet(6, Buffer.from([version, 1, 2, 3, marker, 1, 0, 1, 1, 0, 1, 1]));
const subkey = (marker: number, version = 4) =>
  packet(14, Buffer.from([version, 1, 2, 3, marker, 1, 0, 1, 1, 0, 1, 1]));
const user = (name = 'name') => packet(13, Buffer.from(name));
const trust = packet(12, Buffer.from([1, 2]));

const PUBLIC: ReadonlySet<number> = new Set([2, 6, 13, 14, 17]);
const CERTIFIES = signature(0x13);
const BINDS = signature(0x18);
const REVOKES_SUBKEY = signature(0x28);

/** `primary`, then its subkeys: `plain` or `odd`. */
function show(...packets: readonly Buffer[]): string {
  const [block] = readKeyBlocks(Buffer.concat(packets)) ?? [];
  assert(block, 'it was not read');
  return [block.primary, ...block.subkeys]
    .map((part) => (part.hasPlainPackets ? 'plain' : 'odd'))
    .join(' ');
}

describe('generator: OpenPGP key blocks', () => {
  it('are cut apart, each with its fingerprint, names and bytes', async () => {
    const bytes = await readVector('lab/keys/two.gpg');
    const blocks = readKeyBlocks(bytes) ?? [];
    assert.deepEqual(
      blocks.map((block) => block.primary.fingerprint),
      ['AA7310A21DC5FB540253DB5B619C720C44FB8658', 'EF05B1F2EBF6910547A9B305927E3D9F72006A04'],
    );
    assert.deepEqual(
      blocks.flatMap((block) => block.userIds),
      ['t1 <a@x.example>', 't2 <b@x.example>'],
    );
    assert.deepEqual(Buffer.concat(blocks.map((block) => block.bytes)), bytes);
    assert(blocks.every((block) => block.primary.hasPlainPackets && block.subkeys.length === 0));
  });

  it('have the fingerprints of their subkeys', async () => {
    const [block] = readKeyBlocks(await readVector('lab/keys/with-subkey.gpg')) ?? [];
    const prints = block?.subkeys.map((part) => part.fingerprint);
    assert.deepEqual(prints, ['F6C398ED108088AB07F8C680F70313E2D139018B']);
    assert(block?.primary.hasPlainPackets && block.subkeys.every((part) => part.hasPlainPackets));
  });

  const own = [key(1), user(), CERTIFIES];
  const rows: readonly (readonly [string, string, readonly Buffer[]])[] = [
    ['what GnuPG writes', 'plain', own],
    ['several names', 'plain', [...own, user('other'), CERTIFIES, CERTIFIES]],
    [
      'certifications of any kind',
      'plain',
      [key(1), user(), ...[16, 17, 18].map((t) => signature(t))],
    ],
    ["GnuPG's trust packets", 'plain', [key(1), trust, user(), trust, CERTIFIES, trust]],
    ['padding', 'plain', [...own, packet(21, Buffer.alloc(9))]],
    ['a subkey', 'plain plain', [...own, subkey(1), BINDS]],
    ['a subkey bound twice', 'plain plain', [...own, subkey(1), BINDS, BINDS]],
    [
      'a revoked subkey beside others',
      'plain plain odd plain',
      [...own, subkey(1), BINDS, subkey(2), REVOKES_SUBKEY, BINDS, subkey(3), BINDS],
    ],
    ['a subkey with a signature of another kind', 'odd odd', [...own, subkey(1), CERTIFIES]],
    ['a subkey of another version', 'plain', [...own, subkey(1, 3), BINDS]],
    ['no name', 'odd', [key(1)]],
    ['a revocation', 'odd', [key(1), signature(0x20), user(), CERTIFIES]],
    ['a signature of its own', 'odd', [key(1), signature(0x1f), user(), CERTIFIES]],
    ['a revoked name', 'odd', [key(1), user(), CERTIFIES, signature(0x30)]],
    ['a certification of version 3', 'odd', [key(1), user(), signature(0x13, 3)]],
    ['a certification of version 6', 'odd', [key(1), user(), signature(0x13, 6)]],
    ['a picture', 'odd', [...own, packet(17, Buffer.alloc(9)), CERTIFIES]],
    ['an unknown packet', 'plain plain', [...own, packet(15, Buffer.alloc(9)), subkey(1), BINDS]],
    ['a revoked key with a subkey', 'odd odd', [key(1), signature(0x20), user(), subkey(1), BINDS]],
  ];
  for (const [title, expected, packets] of rows) {
    it(`with ${title}: ${expected}`, () => assert.equal(show(...packets), expected));
  }

  it('of other versions are passed over, and hide no other', () => {
    const bytes = [key(1, 3), user('old'), key(2), user('new'), CERTIFIES, key(3, 5), user('5')];
    const blocks = readKeyBlocks(Buffer.concat(bytes)) ?? [];
    assert.deepEqual(
      blocks.map((block) => block.userIds),
      [['new']],
    );
    assert.deepEqual(readKeyBlocks(key(1, 3)), []);
  });

  for (const [title, bytes] of [
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('text')],
    ['a message', forgeMessage(forgeSigner())],
    ['something in front', Buffer.concat([user(), key(1)])],
    ['something cut short', Buffer.concat([key(1), user()]).subarray(0, -1)],
    ['a key and text', Buffer.concat([key(1), user(), Buffer.from('\n')])],
    ['a private key', packet(5, key(1))],
    ['a key and a private one', Buffer.concat([...own, packet(5, key(1))])],
    ['a key with a private subkey', Buffer.concat([...own, packet(7, key(1)), BINDS])],
    ['a key and something compressed', Buffer.concat([...own, packet(8, Buffer.from([0]))])],
  ] as const) {
    it(`are not ${title}`, () => assert.equal(readKeyBlocks(bytes), undefined));
  }

  it('are built anew from the packets of public keys, however those were framed', () => {
    const anyPacket = fc.record({
      tag: fc.oneof(
        fc.constantFrom(2, 6, 12, 13, 14, 17),
        fc.integer({ min: 1, max: 63 }).filter((tag) => ![5, 7, 8].includes(tag)),
      ),
      framing: fc.constantFrom(...FRAMINGS.filter((framing) => framing !== 'old-indeterminate')),
      body: fc
        .oneof(
          fc.uint8Array({ minLength: 1, maxLength: 300 }),
          fc.constantFrom(70_000, 9000, 200).map((size) => new Uint8Array(size)),
        )
        .map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(fc.array(anyPacket, { maxLength: 12 }), (packets) => {
        const first = { tag: 6, framing: 'new-5', body: Buffer.from([4, 1, 2, 3, 4]) } as const;
        const all = [first, ...packets];
        // Keys of other versions than 4 are passed over with all that is theirs.
        const expected: Buffer[] = [];
        let isKept = true;
        for (const { tag, body } of all) {
          if (tag === 6) isKept = body[0] === 4;
          if (isKept && PUBLIC.has(tag)) expected.push(Buffer.from(formatPacket(tag, body)));
        }
        const blocks = readKeyBlocks(formatPackets(all)) ?? assert.fail('it was not read');
        const written = Buffer.concat(blocks.map((block) => block.bytes));
        assert(written.equals(Buffer.concat(expected)));
        const again = readPackets(written, Infinity);
        assert(again.every(({ tag, isWhole }) => isWhole && PUBLIC.has(tag)));
      }),
      { numRuns: 500 },
    );
  });
});
