import assert from 'node:assert/strict';
import { deflateRawSync, deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import {
  type Packet,
  TAG,
  bigEndian,
  inflatePacket,
  readPackets,
} from '../../../../generator/openpgp/packets/packets.ts';
import { FRAMINGS, formatPackets } from '../../../fuzz/packet.ts';
import { measureProcessor } from '../../../kit/process/processor-time.ts';

const LIMIT = 1000;
const MEBIBYTE = 1024 * 1024;
const MOST = 4 * MEBIBYTE;

const UNKNOWN_SIGNATURE = Buffer.from([0xc2, 1, 3]);
const LITERAL = Buffer.from([0xcb, 3, 0x62, 0, 0x41]);
const THREE = Buffer.concat([Buffer.from([0x90, 1, 0]), LITERAL, Buffer.from([0x89, 0, 2, 4, 0])]);
const TAGS_OF_THREE = [TAG.onePassSignature, TAG.literal, TAG.signature];

/** `TAG:BODY`, `!` for one that is not whole, `~` for one of indeterminate length. */
function show({ tag, body, isWhole, isIndeterminate }: Packet): string {
  const bytes = body.length > 8 ? `${body.length} bytes` : Buffer.from(body).toString('hex');
  return `${tag}:${bytes}${isIndeterminate ? '~' : isWhole ? '' : '!'}`;
}

const inflate = (algorithm: number, data: Uint8Array, most = MOST) =>
  inflatePacket(Buffer.concat([Buffer.from([algorithm]), data]), most);

describe('generator: OpenPGP packets', () => {
  const rows: readonly (readonly [string, Uint8Array, readonly string[]])[] = [
    ['nothing', Buffer.alloc(0), []],
    ['one, new framing', LITERAL, ['11:620041']],
    ['three, both framings', THREE, ['4:00', '11:620041', '2:0400']],
    [
      'one of indeterminate length that takes the rest',
      Buffer.concat([Buffer.from([0xaf]), THREE]),
      ['11:13 bytes~'],
    ],
    [
      'a length of five octets',
      Buffer.concat([Buffer.from([0xcb, 255, 0, 0, 0, 1, 0x41]), LITERAL]),
      ['11:41', '11:620041'],
    ],
    [
      'a length of two octets',
      Buffer.concat([Buffer.from([0xcb, 192, 0]), Buffer.alloc(192)]),
      ['11:192 bytes'],
    ],
    [
      'old lengths of one, two and four octets',
      Buffer.from([0x88, 1, 4, 0x89, 0, 1, 4, 0x8a, 0, 0, 0, 1, 4]),
      ['2:04', '2:04', '2:04'],
    ],
    ['pieces', Buffer.from([0xcb, 0xe0, 0x62, 0xe1, 0, 0x41, 1, 0x42]), ['11:62004142']],
    ['pieces and one behind', Buffer.from([0xcb, 0xe0, 0x62, 0, 0xc2, 0]), ['11:62', '2:']],
    ['a length beyond the end', Buffer.from([0xcb, 100, 1]), ['11:01!']],
    ['a length that is cut short', Buffer.from([0xcb, 255, 0, 0]), ['11:!']],
    ['pieces without an end', Buffer.from([0xcb, 0xe0, 0x62]), ['11:62!']],
    ['a last piece beyond the end', Buffer.from([0xcb, 0xe0, 0x62, 9, 0x41]), ['11:6241!']],
    ['a header alone', Buffer.from([0xcb]), ['11:!']],
  ];
  for (const [title, bytes, expected] of rows) {
    it(`reads ${title}`, () => {
      assert.deepEqual(readPackets(bytes, LIMIT).map(show), expected);
    });
  }

  for (const [title, bytes] of [
    ['an old header', Buffer.from([0x08, 1, 0x41])],
    ['an old header of indeterminate length', Buffer.from([0x23, 1, 0x41])],
    ['a new header', Buffer.from([0x4b, 1, 0x41])],
    ['a new header with pieces', Buffer.from([0x4b, 0xe0, 0x62, 1, 0x41])],
  ] as const) {
    it(`takes ${title} without the first bit for no packet`, () => {
      const [packet] = readPackets(bytes, LIMIT);
      assert.deepEqual([packet?.isWhole, packet?.isIndeterminate], [false, false]);
    });
  }

  const body = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
  const tag = fc.integer({ min: 1, max: 15 });
  const framings = FRAMINGS.filter((framing) => framing !== 'old-indeterminate');
  it('reads what was written, in every framing', () => {
    const packet = fc.record({ tag, framing: fc.constantFrom(...framings), body });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 5 }), (packets) => {
        const bytes = formatPackets(packets);
        const read = readPackets(bytes, LIMIT);
        assert.deepEqual(
          read.map((found) => [found.tag, Buffer.from(found.body), found.isWhole]),
          packets.map((written) => [written.tag, written.body, true]),
        );
        assert.deepEqual(Buffer.concat(read.map((found) => found.bytes)), bytes);
      }),
    );
  });

  it('takes any bytes, and loses none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const read = readPackets(bytes, LIMIT);
        assert.deepEqual(Buffer.concat(read.map((found) => found.bytes)), Buffer.from(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('stops one behind the limit', () => {
    const flood = Buffer.alloc(MOST, UNKNOWN_SIGNATURE);
    assert.equal(readPackets(flood, LIMIT).length, LIMIT + 1);
    assert.equal(readPackets(THREE, 1).length, 2);
    assert.equal(readPackets(THREE, 3).length, 3);
  });

  it('is not held up by a packet of two million pieces', async () => {
    const pieces = Buffer.alloc(MOST - 2, Buffer.from([0xe0, 0x41]));
    const packet = Buffer.concat([Buffer.from([0xc8]), pieces, Buffer.from([0])]);
    const took = await measureProcessor(() => readPackets(packet, LIMIT));
    assert(took < 1000, `it took ${took} ms`);
  });

  it('reads numbers of several octets', () => {
    assert.equal(bigEndian(Buffer.alloc(0)), 0);
    assert.equal(bigEndian(Buffer.from('01', 'hex')), 1);
    assert.equal(bigEndian(Buffer.from('ffffffff', 'hex')), 2 ** 32 - 1);
    assert.equal(bigEndian(Buffer.from('ffffffffffff', 'hex')), 2 ** 48 - 1);
  });
});

describe('generator: OpenPGP compression', () => {
  for (const [name, algorithm, deflate] of [
    ['zip', 1, deflateRawSync],
    ['zlib', 2, deflateSync],
  ] as const) {
    it(`inflates ${name}`, () => {
      const inflated = inflate(algorithm, deflate(THREE));
      assert.deepEqual(
        readPackets(inflated ?? LITERAL, LIMIT).map((p) => p.tag),
        TAGS_OF_THREE,
      );
    });

    it(`leaves ${name} with anything behind its end to others`, () => {
      assert.equal(
        inflate(algorithm, Buffer.concat([deflate(THREE), Buffer.from([0])])),
        undefined,
      );
      assert.equal(inflate(algorithm, Buffer.concat([deflate(THREE), THREE])), undefined);
    });

    it(`leaves ${name} that is cut short to others`, () => {
      assert.equal(inflate(algorithm, deflate(THREE).subarray(0, -1)), undefined);
    });

    it(`stops inflating ${name} at the most that is wanted`, () => {
      assert.equal(inflate(algorithm, deflate(Buffer.alloc(MOST)))?.length, MOST);
      assert.equal(inflate(algorithm, deflate(Buffer.alloc(MOST + 1))), undefined);
      assert.equal(inflate(algorithm, deflate(Buffer.alloc(64 * MEBIBYTE))), undefined);
    });
  }

  for (const [title, algorithm, data] of [
    ['no compression', 0, THREE],
    ['bzip2', 3, THREE],
    ['an unknown algorithm', 9, THREE],
    ['damaged zip', 1, Buffer.from('not deflated')],
    ['zip as zlib', 2, deflateRawSync(THREE)],
    ['nothing', 1, Buffer.alloc(0)],
  ] as const) {
    it(`leaves ${title} to others`, () => assert.equal(inflate(algorithm, data), undefined));
  }

  it('leaves an empty packet to others', () => {
    assert.equal(inflatePacket(Buffer.alloc(0), MOST), undefined);
  });
});
