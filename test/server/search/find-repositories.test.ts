import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { SignatureStore } from '../../../generator/store/store.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { findRepositories } from '../../../server/search/find-repositories.ts';
import { publishable } from '../../generator/samples.ts';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é'), minLength: 1, maxLength: 3 });
const images = fc.array(fc.tuple(name, fc.constantFrom('0', '1', '2')), { maxLength: 40 });

/** A store with one signature for each image: a repository, and the digit of its digest. */
function storeOf(wanted: readonly (readonly [repository: string, digit: string])[]) {
  const store = new SignatureStore();
  const files = wanted.map(([repository, digit]) =>
    publishable(formatLocation(formatDirectory(repository, digit.repeat(64)), 1)),
  );
  store.prepare(files).apply();
  return store;
}

describe('generator: find repositories', () => {
  it('gives them page by page, in order, as a walk through all would', async () => {
    await fc.assert(
      fc.asyncProperty(images, name, fc.integer({ min: 1, max: 4 }), async (all, part, limit) => {
        // Names that no path has.
        const usable = all.filter(([repository]) => !/^\/|\/$|\/\//.test(repository));
        const store = storeOf(usable);
        const matches = (repository: string): boolean => repository.includes(part);
        const found = [];
        for (let after = '', hasMore = true; hasMore; after = found.at(-1)?.name ?? '') {
          const page = await findRepositories(store, { matches, after, limit });
          assert.ok(page.repositories.length <= limit);
          found.push(...page.repositories);
          ({ hasMore } = page);
          assert.equal(page.total, new Set(usable.map(([each]) => each).filter(matches)).size);
        }
        const names = [...new Set(usable.map(([each]) => each))].filter(matches).toSorted();
        const wanted = names.map((each) => {
          const digits = usable.filter(([other]) => other === each).map(([, digit]) => digit);
          return { name: each, images: new Set(digits).size };
        });
        assert.deepEqual(found, wanted);
      }),
      { numRuns: 300 },
    );
  });

  it('lets others work while it looks through many', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => [`team/app-${index}`, '0'] as const);
    const store = storeOf(many);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const turn = (): void => void (turns++, turns < 1000 && setImmediate(turn));
    setImmediate(turn);
    const { total } = await findRepositories(store, { matches: () => true, after: '', limit: 1 });
    clearInterval(timer);
    assert.equal(total, many.length);
    assert.ok(turns >= 3, String(turns));
  });
});
