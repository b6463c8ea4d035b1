import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../../../generator/store/checkpoint/bytes.ts';

const item = fc.oneof(
  fc.record({ kind: fc.constant('byte' as const), value: fc.nat({ max: 255 }) }),
  fc.record({ kind: fc.constant('number' as const), value: fc.double() }),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'binary' }) }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array() }),
);

type Item = typeof item extends fc.Arbitrary<infer Value> ? Value : never;

function write(writer: ByteWriter, { kind, value }: Item): void {
  switch (kind) {
    case 'byte':
      return writer.byte(value);
    case 'number':
      return writer.number(value);
    case 'text':
      return writer.text(value);
    case 'bytes':
      return writer.bytes(value);
  }
}

const read = (reader: ByteReader, { kind }: Item) =>
  kind === 'bytes' ? new Uint8Array(reader.bytes()) : reader[kind]();

describe('generator: numbers, texts and bytes in a row', () => {
  it('come back as they were, again and again', () => {
    const writer = new ByteWriter();
    const property = fc.property(fc.array(item), (items) => {
      for (const one of items) write(writer, one);
      const { length } = writer;
      const bytes = writer.take();
      assert.deepEqual([bytes.length, writer.length], [length, 0]);
      const reader = new ByteReader(bytes);
      for (const one of items) {
        assert.equal(reader.isAtEnd, false);
        assert.deepEqual(read(reader, one), one.value);
      }
      assert.equal(reader.isAtEnd, true);
    });
    fc.assert(property);
  });

  it('may be larger than what there was room for', () => {
    const writer = new ByteWriter();
    const text = '’'.repeat(300_000);
    writer.byte(1);
    for (let times = 0; times < 3; times++) writer.text(text);
    const reader = new ByteReader(writer.take());
    assert.deepEqual(
      [reader.byte(), reader.text() === text, reader.text() === text, reader.text() === text],
      [1, true, true, true],
    );
  });

  it('end where they end', () => {
    const property = fc.property(
      item,
      fc.double({ min: 0, max: 1, maxExcluded: true }),
      (one, share) => {
        const writer = new ByteWriter();
        write(writer, one);
        const bytes = writer.take();
        const reader = new ByteReader(bytes.subarray(0, Math.floor(share * bytes.length)));
        assert.throws(() => read(reader, one), RangeError);
      },
    );
    fc.assert(property);
  });
});
