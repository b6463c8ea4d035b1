import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { flattenBatches } from '../../../generator/sources/flatten-batches.ts';
import { collect } from '../../kit/remote/collect.ts';

async function* count(
  sizes: readonly number[],
  onEnd: () => void = () => undefined,
): AsyncGenerator<number[]> {
  let next = 0;
  try {
    for (const size of sizes) {
      await setImmediate();
      yield Array.from({ length: size }, () => next++);
    }
  } finally {
    onEnd();
  }
}

async function* breakOff(): AsyncGenerator<number[]> {
  yield [1];
  throw new Error('broken');
}

const SIZES = [0, 3, 0, 0, 100, 1, 0];
const ALL = Array.from({ length: 104 }, (_, index) => index);

describe('flattenBatches', () => {
  it('gives every item once, in order', async () => {
    assert.deepEqual(await collect(flattenBatches(count(SIZES))), ALL);
    assert.deepEqual(await collect(flattenBatches(count([]))), []);
  });

  it('gives every item once to many who ask at the same time', async () => {
    const iterator = flattenBatches(count(SIZES))[Symbol.asyncIterator]();
    const answers = await Promise.all(Array.from({ length: 200 }, () => iterator.next()));
    const items = answers.filter(({ done }) => done !== true).map(({ value }) => Number(value));
    assert.deepEqual(
      items.toSorted((a, b) => a - b),
      ALL,
    );
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  });

  it('hands on an error to all who ask, and is then at its end', async () => {
    const iterator = flattenBatches(breakOff())[Symbol.asyncIterator]();
    const answers = await Promise.allSettled([iterator.next(), iterator.next(), iterator.next()]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected'],
    );
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  });

  it('ends the batches with the loop', async () => {
    let isEnded = false;
    for await (const item of flattenBatches(count(SIZES, () => (isEnded = true)))) {
      if (item === 1) break;
    }
    assert.equal(isEnded, true);
  });
});
