import assert from 'node:assert/strict';
import { parseTree } from '../../../generator/sources/parse-tree.ts';

const item = (mode: string, name: string, id = 1): Buffer =>
  Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.alloc(20, id)]);

describe('parseTree', () => {
  it('reads modes, names and object names', () => {
    const items = parseTree(Buffer.concat([item('100644', 'a b'), item('40000', '\xff', 2)]), 20);
    assert.deepEqual(
      [...(items?.values() ?? [])].map(({ mode, key, id }) => [mode, key, id]),
      [
        ['100644', 'a b', '01'.repeat(20)],
        ['040000', '\xff', '02'.repeat(20)],
      ],
    );
  });

  for (const [written, read] of [
    ['100664', '100644'],
    ['100744', '100755'],
    ['120777', '120000'],
    ['160000', '160000'],
    ['040000', '040000'],
    ['0', '160000'],
  ] as const) {
    it(`reads the mode ${written} as git does`, () => {
      assert.equal(parseTree(item(written, 'a'), 20)?.get('a')?.mode, read);
    });
  }

  for (const [what, bytes] of [
    ['a name twice', Buffer.concat([item('100644', 'a'), item('40000', 'a')])],
    ['a slash in a name', item('100644', 'a/b')],
    ['an object name cut short', item('100644', 'a').subarray(0, -1)],
    ['no name', Buffer.from('100644')],
    ['no end of a name', Buffer.from('100644 a')],
  ] as const) {
    it(`does not read a tree with ${what}`, () => {
      assert.equal(parseTree(bytes, 20), undefined);
    });
  }

  it('reads the object names of SHA-256', () => {
    const bytes = Buffer.concat([Buffer.from('100644 a\0'), Buffer.alloc(32, 3)]);
    assert.equal(parseTree(bytes, 32)?.get('a')?.id, '03'.repeat(32));
  });
});
