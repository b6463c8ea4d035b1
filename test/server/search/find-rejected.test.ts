import assert from 'node:assert/strict';
import { SignatureStore } from '../../../generator/store/store.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import { findRejected } from '../../../server/search/find-rejected.ts';
import { entryOf } from '../../generator/samples.ts';

const COUNT = 2500;
const pathOf = (index: number): string => `app-${String(index).padStart(4, '0')}/signature-1`;

const matches = (): boolean => true;
const isOfTens = ({ path }: { path: string }): boolean => path.startsWith('app-001');

describe('rejected files, a part at a time', () => {
  const store = new SignatureStore();
  const indices = Array.from({ length: COUNT }, (_, index) => (index * 7) % COUNT);
  store
    .prepare(
      indices.map((index) => ({
        kind: 'rejected',
        path: pathOf(index),
        directory: undefined,
        entry: entryOf(pathOf(index)),
        rejection: reject('misplaced', 'expected another place'),
      })),
    )
    .apply();
  it('go through all of them in the order of their paths', async () => {
    const paths: string[] = [];
    for (let after = '', hasMore = true; hasMore; after = paths.at(-1) ?? '') {
      const found = await findRejected(store.rejectedFiles(), { matches, after, limit: 100 });
      assert.equal(found.total, COUNT);
      assert.ok(found.files.length <= 100);
      paths.push(...found.files.map(({ path }) => path));
      ({ hasMore } = found);
    }
    assert.deepEqual(
      paths,
      Array.from({ length: COUNT }, (_, index) => pathOf(index)),
    );
  });

  it('are those that match', async () => {
    const found = await findRejected(store.rejectedFiles(), {
      matches: isOfTens,
      after: pathOf(12),
      limit: 3,
    });
    assert.equal(found.total, 10);
    assert.deepEqual(
      found.files.map(({ path }) => path),
      [13, 14, 15].map(pathOf),
    );
    assert.equal(found.hasMore, true);
  });

  it('are none behind the last', async () => {
    const found = await findRejected(store.rejectedFiles(), {
      matches,
      after: pathOf(COUNT),
      limit: 3,
    });
    assert.deepEqual([found.files, found.hasMore], [[], false]);
  });
});
