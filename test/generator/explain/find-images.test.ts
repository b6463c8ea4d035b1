import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { findImages } from '../../../generator/explain/newest-images.ts';
import { SignatureStore } from '../../../generator/store/store.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { publishable } from '../../kit/samples/samples.ts';

const NAME = 'team/app';
const directoryOf = (index: number): string =>
  formatDirectory(NAME, index.toString(16).padStart(64, '0'));

/** Images that were signed in some seconds, and one of another repository. */
function storeOf(seconds: readonly number[]): SignatureStore {
  const store = new SignatureStore();
  for (const [index, second] of seconds.entries()) {
    const path = formatLocation(directoryOf(index), 1);
    store.add([publishable(path, { signedAt: second * 1000 })]);
  }
  store.add([publishable(formatLocation(formatDirectory('team/other', 'a'.repeat(64)), 1))]);
  return store;
}

describe('the images of a repository, a part at a time', () => {
  it('are all of them, the newest first, however they were signed', async () => {
    const signings = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 });
    const property = fc.asyncProperty(
      signings,
      fc.integer({ min: 1, max: 7 }),
      async (all, limit) => {
        const store = storeOf(all);
        const found: string[] = [];
        for (let after: string | undefined, isLast = false; !isLast; after = found.at(-1)) {
          const part = await findImages(store, NAME, { after, limit });
          assert.equal(part.before, found.length);
          found.push(...part.directories);
          isLast = part.directories.length < limit;
        }
        const sorted = [...all.entries()].toSorted(([i, a], [j, b]) => b - a || i - j);
        assert.deepEqual(
          found,
          sorted.map(([index]) => directoryOf(index)),
        );
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  it('begin anew behind one that is gone', async () => {
    const part = await findImages(storeOf([1, 2]), NAME, { after: directoryOf(9), limit: 9 });
    assert.deepEqual(part, { before: 0, directories: [directoryOf(1), directoryOf(0)] });
  });

  it('are none of a repository that is not there', async () => {
    const part = await findImages(storeOf([1]), 'team', { after: undefined, limit: 9 });
    assert.deepEqual(part, { before: 0, directories: [] });
  });
});
