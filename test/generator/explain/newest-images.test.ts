import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { findNewest, findNewestOfAll } from '../../../generator/explain/newest-images.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { storeOf } from '../../kit/samples/store-of.ts';
import { publishable } from '../../kit/samples/samples.ts';

const REPOSITORIES = ['team/app', 'team', 'a/team/app', 'team/app2'];
const hexOf = (number: number) => createHash('sha256').update(String(number)).digest('hex');

interface Dated {
  readonly directory: string;
  readonly repository: string;
  readonly signedAt: number;
}

/** Sorted whole: by time, then by name. */
function newestOf(images: readonly Dated[], count: number): readonly string[] {
  const sorted = images.toSorted((a, b) => {
    if (a.signedAt !== b.signedAt) return b.signedAt - a.signedAt;
    return a.directory < b.directory ? -1 : 1;
  });
  return sorted.slice(0, count).map(({ directory }) => directory);
}

describe('generator: the newest images', () => {
  const signature = fc.record({
    repository: fc.constantFrom(...REPOSITORIES),
    image: fc.nat({ max: 12 }),
    number: fc.integer({ min: 1, max: 3 }),
    signedAt: fc.nat({ max: 5 }),
  });
  const signatures = fc.uniqueArray(signature, {
    selector: ({ repository, image, number }) => `${repository} ${image} ${number}`,
    maxLength: 60,
  });
  const wanted = fc.subarray([...REPOSITORIES, 'nobody/has']);

  it('are those that sorting all of them gives', async () => {
    const property = fc.asyncProperty(
      signatures,
      wanted,
      fc.integer({ min: 1, max: 6 }),
      async (made, repositories, count) => {
        const store = storeOf(
          ...made.map(({ repository, image, number, signedAt }) =>
            publishable(formatLocation(formatDirectory(repository, hexOf(image)), number), {
              signedAt,
            }),
          ),
        );
        const images = new Map<string, Dated>();
        for (const { repository, image, signedAt } of made) {
          const directory = formatDirectory(repository, hexOf(image));
          const newest = Math.max(signedAt, images.get(directory)?.signedAt ?? 0);
          images.set(directory, { directory, repository, signedAt: newest });
        }
        const all = [...images.values()];
        const expected = repositories
          .map((name) => [name, all.filter(({ repository }) => repository === name)] as const)
          .filter(([, found]) => found.length > 0)
          .map(([name, found]) => [name, newestOf(found, count)] as const);
        const found = await findNewest(store, new Set(repositories), count);
        assert.deepEqual(new Map(found), new Map(expected));
        assert.deepEqual(await findNewestOfAll(store, count), newestOf(all, count));
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });
});
