import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { SignatureStore } from '../../../generator/store/store.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import { findDigests, findRejected, findRepositories } from '../../../server/search/find-page.ts';
import { entryOf, publishable } from '../../kit/samples/samples.ts';

const HEX = 'ab'.repeat(32);
const OTHER = `${'ab'.repeat(31)}cd`;

describe('digests by their beginning', () => {
  const store = new SignatureStore();
  const directories = [
    ...['b/app', 'a/app'].map((repository) => formatDirectory(repository, HEX)),
    formatDirectory('a/app', OTHER),
    formatDirectory('a/app', 'cd'.repeat(32)),
  ];
  store.add(directories.map((directory) => publishable(formatLocation(directory, 1))));

  const searches: readonly (readonly [string, string, readonly string[]])[] = [
    ['a whole one, wherever it is signed', HEX, [`a/app@sha256=${HEX}`, `b/app@sha256=${HEX}`]],
    [
      'what several begin with',
      'abababab',
      [`a/app@sha256=${HEX}`, `a/app@sha256=${OTHER}`, `b/app@sha256=${HEX}`],
    ],
    ['more of one of them', OTHER.slice(0, 63), [`a/app@sha256=${OTHER}`]],
    ['what lies within one', 'babababa', []],
    ['what is not there', '00000000', []],
  ];
  for (const [what, beginning, found] of searches) {
    it(`finds ${what}`, async () => {
      const { total, items: first } = await findDigests(store, beginning, 10);
      assert.deepEqual([total, first], [found.length, found]);
    });
  }

  it('finds so many at most, the first by name, and says how many there are', async () => {
    assert.deepEqual(await findDigests(store, HEX, 1), {
      total: 2,
      items: [`a/app@sha256=${HEX}`],
      hasMore: true,
    });
    const many = new SignatureStore();
    const names = Array.from({ length: 3000 }, (_, index) =>
      formatDirectory(
        `r${(index * 7919) % 3000}/app`,
        `abababab${String(index).padStart(56, '0')}`,
      ),
    );
    many.add(names.map((name) => publishable(formatLocation(name, 1))));
    const { total, items: first } = await findDigests(many, 'abababab', 2);
    assert.deepEqual([total, first], [3000, names.toSorted().slice(0, 2)]);
  });

  it('lets others go on while it looks', async () => {
    const large = new SignatureStore();
    for (let index = 0; index < 10_000; index++) {
      const hex = index.toString(16).padStart(64, '0');
      large.add([publishable(formatLocation(formatDirectory('a/app', hex), 1))]);
    }
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    assert.equal((await findDigests(large, 'ffffffff', 10)).total, 0);
    clearInterval(counting);
    assert.ok(turns > 0);
  });
});

const COUNT = 2500;
const pathOf = (index: number): string => `app-${String(index).padStart(4, '0')}/signature-1`;

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
      const found = await findRejected(store.rejectedFiles(), { after, limit: 100 });
      assert.equal(found.total, COUNT);
      assert.ok(found.items.length <= 100);
      paths.push(...found.items.map(({ path }) => path));
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
      found.items.map(({ path }) => path),
      [13, 14, 15].map(pathOf),
    );
    assert.equal(found.hasMore, true);
  });

  it('are none behind the last', async () => {
    const found = await findRejected(store.rejectedFiles(), {
      after: pathOf(COUNT),
      limit: 3,
    });
    assert.deepEqual([found.items, found.hasMore], [[], false]);
  });
});

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

describe('repositories, page by page', () => {
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
          assert.ok(page.items.length <= limit);
          found.push(...page.items);
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
