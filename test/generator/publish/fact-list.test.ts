import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { readFactList } from '../../../generator/publish/fact-list.ts';
import { useTemporary } from '../../kit/temporary.ts';

const fact = fc
  .tuple(fc.nat({ max: 20 }), fc.double({ noNaN: true }), fc.constantFrom('abc', '/', '/ü/2 3'))
  .map(([inode, time, content]) => [inode, `${time} ${content}`] as const);
const toText = (facts: readonly (readonly [number, string])[]): string =>
  facts.map(([inode, what]) => `${inode} ${what}\n`).join('');

describe('generator: the list of facts', () => {
  const directory = useTemporary();
  const path = () => join(directory(), 'facts');

  it('tells the last that was said of each inode, and gives it back as a line', async () => {
    const property = fc.asyncProperty(fc.array(fact), async (facts) => {
      await writeFile(path(), toText(facts));
      const list = readFactList(path());
      const last = new Map(facts);
      assert.equal(list.size, facts.length);
      assert.equal(list.bytes.toString(), toText(facts));
      for (const inode of fc.sample(fc.nat({ max: 30 }), 20)) {
        assert.equal(list.find(inode), last.get(inode) ?? '');
      }
      const lines = Buffer.concat(list.linesOf(last.keys())).toString();
      assert.equal(lines, toText([...last]));
      assert.equal(Buffer.concat(list.linesOf([99])).length, 0);
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it('leaves out a line that is cut short', async () => {
    const whole = toText([
      [1, '10.5 /a/b'],
      [2, '11.5 /a/b'],
    ]);
    for (let length = 0; length < whole.length; length++) {
      await writeFile(path(), whole.slice(0, length));
      const list = readFactList(path());
      assert.equal(list.find(1), length > whole.indexOf('\n') ? '10.5 /a/b' : '');
      assert.equal(list.find(2), '');
    }
  });

  it('has nothing where nothing can be read', async () => {
    assert.equal(readFactList(path()).size, 0);
    await mkdir(path());
    assert.equal(readFactList(path()).size, 0);
  });

  it('takes any garbage', async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await writeFile(path(), bytes);
      const list = readFactList(path());
      for (const inode of [0, 1, 12]) assert.equal(typeof list.find(inode), 'string');
    });
    await fc.assert(property, { numRuns: 100 });
  });
});
