import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { PublishableFile } from '../../../generator/gate/checked-file.ts';
import { MAX_SIGNATURES, numberSignatures } from '../../../generator/store/numbering.ts';
import { formatLocation } from '../../../generator/terms/location.ts';
import { DIRECTORY, publishable } from '../../kit/samples/samples.ts';

function file(number: number, hash = `${number}`, signedAt = 0): PublishableFile {
  return publishable(formatLocation(DIRECTORY, number), { hash, signedAt });
}

const numbersOf = (files: readonly PublishableFile[]) => files.map((each) => each.number);

describe('generator: numbering', () => {
  it('keeps numbers that have no hole, whatever order they come in', () => {
    const { served, duplicates, overflow } = numberSignatures([file(3), file(1), file(2)]);
    assert.deepEqual(numbersOf(served), [1, 2, 3]);
    assert.deepEqual([duplicates.size, overflow.length], [0, 0]);
  });

  it('closes holes, and leaves those before a hole where they are', () => {
    assert.deepEqual(numbersOf(numberSignatures([file(9), file(4), file(1)]).served), [1, 4, 9]);
  });

  it('orders by number, not by name', () => {
    assert.deepEqual(numbersOf(numberSignatures([file(10), file(9)]).served), [9, 10]);
  });

  it('serves the copy with the lowest number', () => {
    const [first, second, third] = [file(1, 'a'), file(2, 'b'), file(3, 'a')];
    const { served, duplicates } = numberSignatures([third, second, first]);
    assert.deepEqual(served, [first, second]);
    assert.deepEqual([...duplicates], [[third, first]]);
  });

  it('leaves out the oldest when there are more than nodes read', () => {
    const files = Array.from({ length: 130 }, (_, index) =>
      file(index + 1, `${index}`, 130 - index),
    );
    const { served, overflow } = numberSignatures(files);
    assert.equal(served.length, MAX_SIGNATURES);
    assert.deepEqual(numbersOf(overflow), [128, 129, 130]);
  });

  it('leaves out the highest numbers of the same age', () => {
    const files = Array.from({ length: 129 }, (_, index) => file(index + 1));
    assert.deepEqual(numbersOf(numberSignatures(files).overflow), [128, 129]);
  });

  it('takes exactly 127', () => {
    const files = Array.from({ length: 127 }, (_, index) => file(index + 1));
    assert.deepEqual(numberSignatures(files).served, files);
  });

  it('numbers nothing', () => {
    assert.deepEqual(numberSignatures([]).served, []);
  });

  it('puts each of any files in one place', () => {
    const anyFile = fc.record({
      number: fc.integer({ min: 1, max: 100_000 }),
      hash: fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.string()),
      signedAt: fc.integer({ min: 0, max: 5 }),
    });
    const anyFiles = fc.oneof(
      fc.uniqueArray(anyFile, { selector: ({ number }) => number }),
      fc.uniqueArray(anyFile, { selector: ({ number }) => number, minLength: 140, maxLength: 200 }),
    );
    fc.assert(
      fc.property(anyFiles, (parts) => {
        const files = parts.map((part) => file(part.number, part.hash, part.signedAt));
        const { served, duplicates, overflow } = numberSignatures(files);

        const placed = [...served, ...duplicates.keys(), ...overflow];
        assert.equal(placed.length, files.length);
        assert.deepEqual(new Set(placed), new Set(files));

        assert(served.length <= MAX_SIGNATURES);
        assert(overflow.length === 0 || served.length === MAX_SIGNATURES);
        for (const list of [served, overflow]) {
          assert.deepEqual(
            numbersOf(list),
            numbersOf(list).toSorted((a, b) => a - b),
          );
        }
        const distinct = [...served, ...overflow];
        assert.equal(new Set(distinct.map((each) => each.signature.hash)).size, distinct.length);
        const oldestServed = Math.min(...served.map((each) => each.signature.signedAt));
        assert(overflow.every((each) => each.signature.signedAt <= oldestServed));
        for (const [copy, original] of duplicates) {
          assert(distinct.includes(original));
          assert.equal(copy.signature.hash, original.signature.hash);
          assert(original.number < copy.number);
        }

        // The order that the files come in does not matter.
        const again = numberSignatures(files.toReversed());
        assert.deepEqual(numbersOf(again.served), numbersOf(served));
      }),
    );
  });
});
