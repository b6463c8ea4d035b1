import assert from 'node:assert/strict';
import { deflateRawSync, deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { countPackets } from '../../generator/count-packets.ts';

const LIMIT = 1000;
const MEBIBYTE = 1024 * 1024;

const UNKNOWN_SIGNATURE = Buffer.from([0xc2, 1, 3]);
const compressed = (algorithm: number, data: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([0xa3, algorithm]), data]);

function count(bytes: Uint8Array): number {
  return countPackets(bytes, LIMIT, 4 * MEBIBYTE);
}

describe('countPackets', () => {
  const literal = Buffer.from([0xcb, 3, 0x62, 0, 0x41]);
  const three = Buffer.concat([
    Buffer.from([0x90, 1, 0]),
    literal,
    Buffer.from([0x89, 0, 2, 4, 0]),
  ]);
  const pieces = Buffer.from([0xcb, 0xe0, 0x62, 0xe1, 0, 0x41, 1, 0x42]);
  const rows: readonly (readonly [string, Uint8Array, number])[] = [
    ['nothing', Buffer.alloc(0), 0],
    ['one, new framing', literal, 1],
    ['three, both framings', three, 3],
    ['one of indeterminate length takes the rest', Buffer.concat([Buffer.from([0xaf]), three]), 1],
    ['five-octet length', Buffer.concat([Buffer.from([0xcb, 255, 0, 0, 0, 1, 0x41]), literal]), 2],
    ['two-octet length', Buffer.concat([Buffer.from([0xcb, 192, 0]), Buffer.alloc(192)]), 1],
    ['pieces count each', pieces, 3],
    ['inside zip', compressed(1, deflateRawSync(three)), 4],
    ['inside zlib', compressed(2, deflateSync(three)), 4],
    ['behind the end of zip', compressed(1, Buffer.concat([deflateRawSync(three), three])), 4],
    ['damaged zip', compressed(1, Buffer.from('not deflated')), 1],
    ['bzip2 is left to the library', compressed(3, three), 1],
    ['a length beyond the end', Buffer.from([0xcb, 100, 1]), 1],
  ];
  for (const [title, bytes, expected] of rows) {
    it(`counts ${title}: ${expected}`, () => assert.equal(count(bytes), expected));
  }

  const floods: readonly (readonly [string, Uint8Array])[] = [
    ['a file full of tiny packets', Buffer.alloc(4 * MEBIBYTE, UNKNOWN_SIGNATURE)],
    [
      'a packet in one-byte pieces',
      Buffer.concat([Buffer.from([0xc8]), Buffer.alloc(4 * MEBIBYTE, Buffer.from([0xe0, 0x41]))]),
    ],
    [
      'tiny packets inside zip',
      compressed(1, deflateRawSync(Buffer.alloc(3 * MEBIBYTE, UNKNOWN_SIGNATURE))),
    ],
  ];
  for (const [title, bytes] of floods) {
    it(`stops at ${title}`, () => {
      const counted = count(bytes);
      assert.ok(counted > LIMIT && counted <= 2 * LIMIT + 2, `${counted}`);
    });
  }

  it('takes any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.ok(count(bytes) <= bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});
