import assert from 'node:assert/strict';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeStaticTree } from '../../../generator/publish/static-tree.ts';
import { formatLocation } from '../../../generator/terms/location.ts';
import { DIRECTORY, publishable } from '../../kit/samples/samples.ts';
import { storeOf } from '../../kit/samples/store-of.ts';
import { useTemporary } from '../../kit/temporary.ts';

const START = Date.now();
const SECOND = 1000;

describe('the numbers of published files', () => {
  const directory = useTemporary();

  /** Publishes signatures by number, some seconds after the start; gives what is at each number then. */
  const publish = async (
    seconds: number,
    texts: Readonly<Record<number, string>>,
    commit?: string,
  ): Promise<readonly string[]> => {
    const files = Object.entries(texts).map(([number, text]) =>
      publishable(formatLocation(DIRECTORY, Number(number)), { bytes: Buffer.from(text) }),
    );
    const now = new Date(START + seconds * SECOND);
    await writeStaticTree(storeOf(...files), directory(), commit?.repeat(40), now);
    const current = join(directory(), 'current', DIRECTORY);
    const names = await readdir(current).catch(() => []);
    return Promise.all(
      names.map(async (_, index) => readFile(join(current, `signature-${index + 1}`), 'utf8')),
    );
  };

  it('stay while caches may hold them, and are cut by a run after that, of the same commit too', async () => {
    assert.deepEqual(await publish(0, { 1: 'a', 2: 'b' }, 'a'), ['a', 'b']);
    assert.deepEqual(await publish(10, { 2: 'b' }, 'b'), ['b', 'b']);
    assert.deepEqual(await publish(129, { 2: 'b' }, 'b'), ['b', 'b']);
    assert.deepEqual(await publish(130, { 2: 'b' }, 'b'), ['b']);
    assert.deepEqual(await publish(131, { 2: 'b' }, 'b'), ['b']);
  });

  it('need no memory but the trees that were published', async () => {
    await publish(0, { 1: 'a', 2: 'b', 3: 'c' });
    assert.deepEqual(await publish(10, { 2: 'b', 3: 'c' }), ['b', 'b', 'c']);
    await rm(join(directory(), '.lookaside'), { recursive: true });
    // The copy under number 1 is too young for `b` to leave number 2.
    assert.deepEqual(await publish(20, { 2: 'b', 3: 'c', 4: 'd' }), ['b', 'b', 'c', 'd', 'c']);
    assert.deepEqual(await publish(150, { 2: 'b', 3: 'c', 4: 'd' }), ['b', 'c', 'd', 'd', 'c']);
    assert.deepEqual(await publish(300, { 2: 'b', 3: 'c', 4: 'd' }), ['b', 'c', 'd']);
  });

  it('go at once where nothing is left, and are found again by what comes back', async () => {
    await publish(0, { 1: 'a', 2: 'b' });
    assert.deepEqual(await publish(10, {}), []);
    assert.deepEqual(await publish(20, { 2: 'b' }), ['b', 'b']);
    assert.deepEqual(await publish(200, {}), []);
    assert.deepEqual(await publish(400, { 2: 'b' }), ['b']);
  });
});
