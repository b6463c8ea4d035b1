import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { cutCommon, mayHaveTwice } from '../../../generator/sources/cut-common.ts';
import { parseTree } from '../../../generator/sources/parse-tree.ts';

const ID_LENGTH = 20;

const entry = (name: string, id: number, mode = '100644'): Buffer =>
  Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.alloc(ID_LENGTH, id)]);

/** Bytes of an object name that look like the rest of an entry, or end one, among them. */
const ids = fc.constantFrom(0x00, 0x20, 0x31, 0x61, 0xff);
const trees = fc
  .dictionary(fc.stringMatching(/^[a-d1 ]{1,3}$/), ids, { maxKeys: 40, noNullPrototype: true })
  .map((items) => new Map(Object.entries(items)));
const toBytes = (items: ReadonlyMap<string, number>): Buffer =>
  Buffer.concat(
    [...items].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, id]) => entry(name, id)),
  );

const differences = (before: Buffer, after: Buffer): string[] => {
  const [old, now] = [parseTree(before, ID_LENGTH), parseTree(after, ID_LENGTH)];
  assert.ok(old && now);
  const names = new Set([...old.keys(), ...now.keys()]);
  return [...names]
    .filter((name) => old.get(name)?.id !== now.get(name)?.id)
    .map((name) => `${name} ${old.get(name)?.id} ${now.get(name)?.id}`)
    .toSorted();
};

describe('cutCommon', () => {
  it('keeps all that differs, and trees that can be read', () => {
    fc.assert(
      fc.property(trees, trees, (one, other) => {
        const [before, after] = [toBytes(one), toBytes(new Map([...one, ...other]))];
        const cut = cutCommon(before, after, ID_LENGTH);
        assert.deepEqual(differences(cut.before, cut.after), differences(before, after));
      }),
      { numRuns: 500 },
    );
  });

  it('leaves one entry of thousands when one was added, removed or changed', () => {
    const names = Array.from({ length: 3000 }, (_, index) => String(index).padStart(5, '0'));
    const all = names.map((name) => entry(name, 1));
    const changed = entry('01500', 2);
    const without = Buffer.concat(all.toSpliced(1500, 1));
    const whole = Buffer.concat(all);
    const other = Buffer.concat(all.with(1500, changed));
    assert.deepEqual(cutCommon(without, whole, ID_LENGTH).after, all[1500]);
    assert.equal(cutCommon(without, whole, ID_LENGTH).before.length, 0);
    assert.deepEqual(cutCommon(whole, without, ID_LENGTH).before, all[1500]);
    assert.deepEqual(cutCommon(whole, other, ID_LENGTH), { before: all[1500], after: changed });
    assert.equal(cutCommon(whole, whole, ID_LENGTH).after.length, 0);
  });

  it('leaves what is cut short to whoever reads it', () => {
    fc.assert(
      fc.property(trees, fc.nat(), (items, length) => {
        const whole = toBytes(items);
        const short = whole.subarray(0, length % (whole.length + 1));
        const cut = cutCommon(whole, short, ID_LENGTH);
        const isReadable = parseTree(short, ID_LENGTH) !== undefined;
        assert.equal(parseTree(cut.after, ID_LENGTH) !== undefined, isReadable);
      }),
      { numRuns: 300 },
    );
  });
});

describe('mayHaveTwice', () => {
  it('finds a name that a tree has again', () => {
    const tree = Buffer.concat([entry('a', 1), entry('b', 2), entry('a', 3, '40000')]);
    assert.equal(mayHaveTwice(tree, Buffer.from('a')), true);
    assert.equal(mayHaveTwice(tree, Buffer.from('b')), false);
    assert.equal(mayHaveTwice(tree, Buffer.from('c')), false);
  });
});
