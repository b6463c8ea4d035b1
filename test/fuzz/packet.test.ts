import assert from 'node:assert/strict';
import { COMPRESSION, compress, decompress } from './compression.ts';
import { FRAMINGS, TAG, formatPackets, parsePackets } from './packet.ts';
import { formatSignature, parseSignature } from './signature-packet.ts';

describe('fuzz: packets', () => {
  for (const framing of FRAMINGS) {
    for (const length of [0, 1, 191, 192, 511, 512, 513, 8383, 8384, 70_000]) {
      it(`come back from ${framing} with ${length} bytes`, () => {
        const body = Buffer.alloc(length, 'x');
        const marker = { tag: TAG.marker, framing: 'old-1', body: Buffer.from('PGP') } as const;
        const bytes = formatPackets([marker, { tag: TAG.literal, framing, body }]);
        const [first, second, ...rest] = parsePackets(bytes) ?? [];
        assert.deepEqual(first, marker);
        assert.equal(second?.tag, TAG.literal);
        assert.ok(second.body.equals(body));
        assert.equal(rest.length, 0);
      });
    }
  }

  it('are none where the bytes end early, or start otherwise', () => {
    const bytes = formatPackets([{ tag: TAG.literal, framing: 'new-1', body: Buffer.from('abc') }]);
    assert.equal(parsePackets(bytes.subarray(0, -1)), undefined);
    assert.equal(parsePackets(Buffer.from('abc')), undefined);
  });

  it('keep a length that lies', () => {
    const body = Buffer.from('abc');
    const lying = { tag: TAG.literal, framing: 'old-1', body, lengthError: 2 } as const;
    assert.deepEqual([...formatPackets([lying])], [0xac, 5, ...body]);
  });

  for (const [name, algorithm] of Object.entries(COMPRESSION)) {
    it(`come back from compression: ${name}`, () => {
      const content = Buffer.from('content '.repeat(100));
      assert.deepEqual(decompress(compress({ algorithm, content })), { algorithm, content });
    });
  }

  it('of signatures come back', () => {
    const fields = {
      version: 4,
      type: 1,
      publicKeyAlgorithm: 22,
      hashAlgorithm: 8,
      hashed: Buffer.from('hashed'),
      unhashed: Buffer.from('unhashed'),
      digestStart: Buffer.from('ds'),
      integers: Buffer.from([0, 1, 1]),
    };
    assert.deepEqual(parseSignature(formatSignature(fields)), fields);
    assert.equal(parseSignature(Buffer.from([3, 5])), undefined);
  });
});
