import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  findRepeatedMember,
  hasInfiniteNumber,
  isJson,
  membersOf,
} from '../../../generator/terms/strict-json.ts';
import { measureProcessor } from '../../kit/process/processor-time.ts';
import { type JsonTree, anyObject, anySpaces, anyTree, writeJson } from './json-tree.ts';

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const names = (json: string) => membersOf(json)?.map(({ name }) => name);

describe('generator: strict JSON', () => {
  it('takes JSON of any kind', () => {
    for (const text of ['{}', '[]', 'null', '"a"', '-1.5e-7', ' {"a" : [ 1 , {} ] } \r\n\t']) {
      assert.equal(isJson(text), true, text);
    }
  });

  for (const text of [
    '',
    ' ',
    '{',
    '{}{}',
    '{}\0',
    '{},',
    '{"a":1,}',
    "{'a':1}",
    '{a:1}',
    '[1 2]',
    '01',
    '+1',
    '.5',
    '1.',
    'NaN',
    'Infinity',
    'undefined',
    '"\n"',
    '"\\x41"',
    '"\\u12"',
    '\ufeff{}',
    '\u00a0{}',
    '\f{}',
    '{} // comment',
    'nul',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(isJson(text), false);
    });
  }

  it('nests as deep as the parser of the nodes', () => {
    assert.equal(isJson(nested(10_001)), true);
    assert.equal(isJson(nested(10_002)), false);
    assert.equal(isJson(`[${nested(9_999)},${nested(9_999)}]`), true);
    assert.equal(isJson(JSON.stringify('['.repeat(20_000))), true);
  });

  it('survives nesting of a million', () => {
    assert.equal(isJson(nested(1_000_000)), false);
    assert.equal(isJson('{"a":'.repeat(1_000_000)), false);
  });

  it('gives members with their text, in their order', () => {
    assert.deepEqual(membersOf(' { "a" : 1 , "b":[{"c":"}"}] ,"a" :{ } } '), [
      { name: 'a', json: '1' },
      { name: 'b', json: '[{"c":"}"}]' },
      { name: 'a', json: '{ }' },
    ]);
    assert.deepEqual(membersOf('{}'), []);
    assert.deepEqual(membersOf('{"":null}'), [{ name: '', json: 'null' }]);
  });

  it('reads names as the nodes do: unescaped, lone surrogates replaced', () => {
    assert.deepEqual(names('{"docker\\u002dreference":1}'), ['docker-reference']);
    assert.deepEqual(names('{"\\"\\\\":1}'), ['"\\']);
    assert.deepEqual(names('{"\\ud800":1,"\\udfff":2}'), ['\ufffd', '\ufffd']);
    assert.deepEqual(names('{"\\ud83d\\udc19":1}'), ['🐙']);
  });

  it('reads members however deep their values are', () => {
    for (const depth of [500, 1000, 5000, 10_000]) {
      const value = `${'['.repeat(depth)}${']'.repeat(depth)}`;
      assert.deepEqual(membersOf(`{"a":${value},"a":1}`), [
        { name: 'a', json: value },
        { name: 'a', json: '1' },
      ]);
      assert.deepEqual(membersOf(`{"a":${value}}`), [{ name: 'a', json: value }]);
    }
  });

  it('reads the same with and without white space', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.json()), (object) => {
        const members = Object.entries(object).map(([name, json]) => ({ name, json }));
        const compact = members.map(({ name, json }) => `${JSON.stringify(name)}:${json}`);
        const spaced = members.map(({ name, json }) => `${JSON.stringify(name)} :${json}`);
        const read = membersOf(`{${compact.join(',')}}`);
        assert.deepEqual(read, membersOf(`{${spaced.join(', ')}}`));
        assert.deepEqual(
          read?.map(({ json }) => json),
          members.map(({ json }) => json),
        );
      }),
    );
  });

  it('gives none for what is no object', () => {
    for (const json of ['[]', 'null', '"{}"', '1', 'true', ' [{"a":1}]']) {
      assert.equal(membersOf(json), undefined, json);
    }
  });

  it('agrees with the object that was written', () => {
    fc.assert(
      fc.property(anyObject, anySpaces, (tree, spaces) => {
        const json = writeJson(tree, spaces);
        assert.equal(isJson(json), true);
        const members = membersOf(json);
        assert.deepEqual(
          members?.map(({ name }) => name),
          tree.members.map(([name]) => name),
        );
        const values = members?.map((member): unknown => JSON.parse(member.json));
        assert.deepEqual(
          values,
          tree.members.map(([, value]) => toValue(value)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with JSON.parse where no name comes twice', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => {
        const value: unknown = JSON.parse(json);
        const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
        const members = membersOf(json)?.map((member) => [member.name, JSON.parse(member.json)]);
        assert.equal(members !== undefined, isObject);
        if (members) assert.deepEqual(Object.fromEntries(members), value);
      }),
    );
  });

  it('takes or refuses a text that was cut or damaged as JSON.parse does', () => {
    fc.assert(
      fc.property(anyTree, anySpaces, fc.nat(), fc.string(), (tree, spaces, at, junk) => {
        const json = writeJson(tree, spaces);
        const cut = at % (json.length + 1);
        for (const text of [json.slice(0, cut), json.slice(0, cut) + junk + json.slice(cut)]) {
          assert.equal(isJson(text), parses(text));
          if (isJson(text)) membersOf(text);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('finds a name that its object has had, at any depth', () => {
    const cases: Readonly<Record<string, string>> = {
      '{"a":1,"a":2}': '"a":2',
      '{"a":{"b":1, "b" :2}}': '"b" :2',
      '[[{"a":[],"\\u0061":1}]]': '"\\u0061":1',
      '{"a":{"b":1},"b":1,"a":1}': '"a":1}',
      '{"\\ud800":1,"\\udfff":1}': '"\\udfff":1',
      '{"x":"\\"","x":1}': '"x":1',
    };
    for (const [json, found] of Object.entries(cases)) {
      const at = findRepeatedMember(json);
      assert.equal(at, json.lastIndexOf(found), json);
    }
    for (const json of ['1', '"a"', '["a","a"]', '{"a":"a","b":{"a":"a"}}', '[{"a":1},{"a":1}]']) {
      assert.equal(findRepeatedMember(json), undefined, json);
    }
  });

  it('finds a repeated name exactly where an object has one', () => {
    fc.assert(
      fc.property(anyTree, anySpaces, (tree, spaces) => {
        const json = writeJson(tree, spaces);
        assert.equal(findRepeatedMember(json) !== undefined, repeats(tree));
      }),
    );
  });

  it('finds a number too large for a double, outside strings only', () => {
    for (const json of ['1e400', '-1e999', '[1,[1E400]]', '{"a":{"b":1e309}}', '1'.repeat(400)]) {
      assert.equal(hasInfiniteNumber(json), true, json);
    }
    for (const json of ['1e308', '0', '"1e400"', '{"1e400":1}', '"\\"1e400"', '1e-400', 'null']) {
      assert.equal(hasInfiniteNumber(json), false, json);
    }
  });

  it('reads an object of very many members in time', async () => {
    const members = Array.from({ length: 200_000 }, (_, index) => `"${index}":{}`);
    const took = await measureProcessor(() =>
      assert.equal(membersOf(`{${members.join(',')}}`)?.length, 200_000),
    );
    assert.ok(took < 5000, `it took ${took} ms`);
  });
});

/** What JSON.parse makes of a tree: of two equal names the last counts. */
function toValue(tree: JsonTree): unknown {
  if (tree.kind === 'scalar') return tree.value;
  if (tree.kind === 'array') return tree.items.map(toValue);
  return Object.fromEntries(tree.members.map(([name, value]) => [name, toValue(value)]));
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether any object of the tree has a name twice. */
function repeats(tree: JsonTree): boolean {
  if (tree.kind === 'scalar') return false;
  if (tree.kind === 'array') return tree.items.some((item) => repeats(item));
  const own = tree.members.map(([name]) => name.toWellFormed());
  return new Set(own).size < own.length || tree.members.some(([, value]) => repeats(value));
}
