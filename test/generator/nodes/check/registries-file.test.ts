import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseDocument } from 'yaml';
import { findRepeatedKey } from '../../../../generator/nodes/check/registries-file.ts';

const find = (text: string): number | undefined =>
  findRepeatedKey(parseDocument(text, { uniqueKeys: false }));

describe('generator: a key for the second time', () => {
  for (const [text, offset] of [
    ['a: 1\nb: 2', undefined],
    ['a: 1\na: 2', 5],
    ['a: {b: 1, "b": 2}', 10],
    ['[{a: 1}, {a: 1, c: {d: 1, d: 2}}]', 26],
    ['a: 1\nb: {a: 1}', undefined],
    ['a: 1\na: 2\nb: 1\nb: 2', 5],
    ['? [a]\n: 1\n? [a]\n: 2', undefined],
    ['', undefined],
    ['5', undefined],
  ] as const) {
    it(`is ${offset === undefined ? 'not ' : ''}in ${JSON.stringify(text)}`, () => {
      assert.equal(find(text), offset);
    });
  }

  it('is found where the parser itself finds one', () => {
    const members = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(1)));
    fc.assert(
      fc.property(members, (list) => {
        const text = `{${list.map(([key, depth]) => `"${key}": ${depth ? '{"x": 1}' : 0}`).join(', ')}}`;
        const { errors } = parseDocument(text);
        assert.equal(find(text), errors.find(({ code }) => code === 'DUPLICATE_KEY')?.pos[0]);
      }),
    );
  });
});
