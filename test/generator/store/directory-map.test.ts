import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { DirectoryMap } from '../../../generator/store/directory-map.ts';
import { DIRECTORY, HEX } from '../../kit/samples/samples.ts';

const hex = fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), maxLength: 4 });
const name = fc.oneof(
  hex.map((end) => `ns/repo@sha256=${HEX.slice(0, HEX.length - end.length)}${end}`),
  hex,
  fc.string({ unit: 'binary', maxLength: 3 }),
  fc.constantFrom('', '__proto__', 'constructor'),
);
const change = fc.oneof(
  fc.record({ what: fc.constant('set' as const), name, value: fc.integer() }),
  fc.record({ what: fc.constant('delete' as const), name, value: fc.constant(0) }),
);

const sorted = (entries: Iterable<[string, number]>) =>
  [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));

describe('generator: map by directory', () => {
  it('holds nothing at first', () => {
    const map = new DirectoryMap<number>();
    for (const missing of ['', 'a', '__proto__', DIRECTORY]) {
      assert.equal(map.get(missing), undefined);
      map.delete(missing);
    }
    assert.deepEqual([...map.entries()], []);
  });

  it('holds what a map holds, whatever the names', () => {
    const property = fc.property(fc.array(change, { maxLength: 100 }), (changes) => {
      const map = new DirectoryMap<number>();
      const model = new Map<string, number>();
      for (const { what, name: changed, value } of changes) {
        if (what === 'set') {
          map.set(changed, value);
          model.set(changed, value);
        } else {
          map.delete(changed);
          model.delete(changed);
        }
        assert.equal(map.get(changed), model.get(changed));
      }
      assert.deepEqual(sorted(map.entries()), sorted(model.entries()));
      for (const { name: any } of changes) assert.equal(map.get(any), model.get(any));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('gives each entry once, for every end that a digest can have', () => {
    const map = new DirectoryMap<number>();
    const start = DIRECTORY.slice(0, -2);
    for (let end = 0; end < 256; end++) map.set(start + end.toString(16).padStart(2, '0'), end);
    assert.deepEqual(
      [...map.entries()].map(([, value]) => value),
      Array.from({ length: 256 }, (_, end) => end),
    );
  });

  it('frozen, holds what it held then, whatever changes afterwards', () => {
    const changes = fc.array(change, { maxLength: 60 });
    const property = fc.property(fc.array(changes, { maxLength: 5 }), (rounds) => {
      const map = new DirectoryMap<number>();
      const model = new Map<string, number>();
      const kept: { frozen: Iterable<number>; values: readonly number[] }[] = [];
      for (const round of rounds) {
        kept.push({ frozen: map.freeze(), values: [...model.values()].toSorted((a, b) => a - b) });
        for (const { what, name: changed, value } of round) {
          if (what === 'set') {
            map.set(changed, value);
            model.set(changed, value);
          } else {
            map.delete(changed);
            model.delete(changed);
          }
        }
      }
      assert.deepEqual(sorted(map.entries()), sorted(model.entries()));
      for (const { frozen, values } of kept)
        assert.deepEqual(
          [...frozen].toSorted((a, b) => a - b),
          values,
        );
    });
    fc.assert(property, { numRuns: 200 });
  });
});
