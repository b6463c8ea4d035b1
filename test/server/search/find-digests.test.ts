import assert from 'node:assert/strict';
import { SignatureStore } from '../../../generator/store/store.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { findDigests } from '../../../server/search/find-digests.ts';
import { publishable } from '../../generator/samples.ts';

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
      const { total, directories: first } = await findDigests(store, beginning, 10);
      assert.deepEqual([total, first], [found.length, found]);
    });
  }

  it('finds so many at most, the first by name, and says how many there are', async () => {
    assert.deepEqual(await findDigests(store, HEX, 1), {
      total: 2,
      directories: [`a/app@sha256=${HEX}`],
    });
    const many = new SignatureStore();
    const names = Array.from({ length: 3000 }, (_, index) =>
      formatDirectory(
        `r${(index * 7919) % 3000}/app`,
        `abababab${String(index).padStart(56, '0')}`,
      ),
    );
    many.add(names.map((name) => publishable(formatLocation(name, 1))));
    const { total, directories: first } = await findDigests(many, 'abababab', 2);
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
