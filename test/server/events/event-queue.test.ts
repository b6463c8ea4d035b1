import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { EventQueue } from '../../../server/events/event-queue.ts';

interface Item {
  readonly name: number;
  readonly bytes: number;
}

/** What the queue should be: a list that is cut at its beginning. */
class Model {
  items: Item[] = [];
  readonly #events: number;
  readonly #bytes: number;

  constructor(events: number, bytes: number) {
    this.#events = events;
    this.#bytes = bytes;
  }

  push(item: Item): readonly Item[] {
    if (item.bytes > this.#bytes) return [item];
    const all = [...this.items, item];
    const isTooMuch = (from: number): boolean =>
      all.length - from > this.#events ||
      all.slice(from).reduce((sum, { bytes }) => sum + bytes, 0) > this.#bytes;
    let from = 0;
    while (isTooMuch(from)) from++;
    this.items = all.slice(from);
    return all.slice(0, from);
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ push: fc.nat({ max: 60 }) }) },
  { weight: 1, arbitrary: fc.constant('shift' as const) },
);

describe('the queue of events', () => {
  it('is a list that loses its oldest within its bounds, whatever happens', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 100 }),
        fc.array(step, { maxLength: 60 }),
        (events, bytes, steps) => {
          const queue = new EventQueue<Item>({ events, bytes });
          const model = new Model(events, bytes);
          for (const [name, one] of steps.entries()) {
            if (one === 'shift') {
              assert.deepEqual(queue.shift(), model.items.shift());
            } else {
              const item = { name, bytes: one.push };
              assert.deepEqual(queue.push(item), model.push(item));
            }
            const sum = model.items.reduce((total, item) => total + item.bytes, 0);
            assert.deepEqual([queue.length, queue.bytes], [model.items.length, sum]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
