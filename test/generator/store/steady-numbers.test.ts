import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { MAX_SIGNATURES } from '../../../generator/store/numbering.ts';
import {
  type NumberedCopy,
  assignNumbers,
  isFresh,
} from '../../../generator/store/steady-numbers.ts';

/** How long caches may hold an answer. */
const CACHED = 60;
const WINDOW = 2 * CACHED;

const fresh = (...hashes: readonly string[]): readonly NumberedCopy[] =>
  hashes.map((hash) => ({ hash, since: -Infinity }));
const show = (numbers: readonly NumberedCopy[]) => numbers.map(({ hash }) => hash).join('');
const assign = (before: readonly NumberedCopy[], wanted: string, now: number) =>
  assignNumbers(before, wanted.split(''), now, now - WINDOW);

/** The numbers after a change, and at each later step until nothing changes. */
function follow(before: string, wanted: string): readonly string[] {
  let numbers = fresh(...before.split(''));
  const steps: string[] = [];
  for (let now = 0; ; now += WINDOW) {
    numbers = assign(numbers, wanted, now);
    if (steps.at(-1) === show(numbers)) return steps;
    steps.push(show(numbers));
  }
}

/** One directory behind caches: what was served, and since when. */
class CachedDirectory {
  readonly wanted: { readonly at: number; readonly hashes: ReadonlySet<string> }[] = [];
  readonly served: { readonly at: number; readonly numbers: readonly NumberedCopy[] }[] = [];
  now = 0;

  get numbers(): readonly NumberedCopy[] {
    return this.served.at(-1)?.numbers ?? [];
  }

  put(hashes: readonly string[]): void {
    // No two changes are at the same moment.
    this.now += 0.001;
    const { now } = this;
    this.wanted.push({ at: now, hashes: new Set(hashes) });
    this.served.push({ at: now, numbers: assignNumbers(this.numbers, hashes, now, now - WINDOW) });
  }

  /** What of a history a cache may still know, the state of now included. */
  #known<State extends { readonly at: number }>(history: readonly State[]): readonly State[] {
    const since = this.now - CACHED;
    return history.filter(
      ({ at }, index) => at >= since || (history[index + 1]?.at ?? since + 1) > since,
    );
  }

  /** Signatures that were in all states that caches know, and that some of their answers hide. */
  hidden(): readonly string[] {
    const lasting = this.#known(this.wanted).map(({ hashes }) => hashes);
    const known = this.#known(this.served).map(({ numbers }) => numbers);
    const [first = new Set<string>(), ...others] = lasting;
    return [...first]
      .filter((hash) => others.every((hashes) => hashes.has(hash)))
      .filter((hash) => {
        for (let index = 0; ; index++) {
          const answers = known.map((numbers) => numbers[index]?.hash);
          if (answers.includes(undefined)) return true;
          if (answers.every((answer) => answer === hash)) return false;
        }
      });
  }
}

describe('generator: numbers behind caches', () => {
  it('fill the place of a removed signature with the one that belongs there, and cut the end later', () => {
    assert.deepEqual(follow('AB', 'B'), ['BB', 'B']);
    assert.deepEqual(follow('ABC', 'AC'), ['ACC', 'AC']);
    assert.deepEqual(follow('ABC', 'AB'), ['AB']);
    assert.deepEqual(follow('ABC', 'C'), ['CCC', 'C']);
    assert.deepEqual(follow('ABC', 'BC'), ['BBC', 'BCC', 'BC']);
    assert.deepEqual(follow('ABCD', 'BCD'), ['BBCDC', 'BCDDC', 'BCD']);
  });

  it('leave a new signature in the place of a removed one, and put others where they are found at once', () => {
    assert.deepEqual(follow('AB', 'DB'), ['DB']);
    assert.deepEqual(follow('AB', 'ABD'), ['ABD']);
    assert.deepEqual(follow('B', 'AB'), ['BBA', 'ABA', 'AB']);
    assert.deepEqual(follow('AB', 'BA'), ['ABBA', 'BABA', 'BA']);
  });

  it('are gone at once where no signature is left', () => {
    assert.deepEqual(assign(fresh('A', 'B'), '', 0), []);
  });

  it('never hide a signature that was there all the time, and end as in a fresh start', () => {
    const wanted = fc.shuffledSubarray('ABCDEFG'.split(''), { maxLength: 5 });
    const step = fc.record({ wanted, wait: fc.constantFrom(0, 1, 20, 59, 60, 61, 119, 120, 300) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const directory = new CachedDirectory();
        for (const { wanted: hashes, wait } of steps) {
          directory.put(hashes);
          assert.deepEqual(directory.hidden(), []);
          directory.now += wait;
          assert.deepEqual(directory.hidden(), []);
          const seen = new Set(directory.numbers.map(({ hash }) => hash));
          assert.deepEqual(seen, new Set(hashes), 'each is there, and nothing else');
        }
        const last = steps.at(-1)?.wanted ?? [];
        for (let turn = 0; !isFresh(directory.numbers, last); turn++) {
          assert(turn < 6, 'it does not come to an end');
          directory.now += WINDOW;
          directory.put(last);
          assert.deepEqual(directory.hidden(), []);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('move more slowly where all 127 are taken, and hide nothing', () => {
    const all = Array.from({ length: MAX_SIGNATURES }, (_, index) => `${index}`);
    const directory = new CachedDirectory();
    directory.put(all);
    directory.now = WINDOW;
    const [first = '', ...rest] = all;
    for (const hashes of [[...rest, 'new'], [...rest.slice(1), 'new', first], rest.toReversed()]) {
      directory.put(hashes);
      assert.deepEqual(directory.hidden(), []);
      assert(directory.numbers.length <= MAX_SIGNATURES);
      const seen = new Set(directory.numbers.map(({ hash }) => hash));
      assert.deepEqual(seen, new Set(hashes));
      directory.now += 10;
    }
    for (let turn = 0; !isFresh(directory.numbers, rest.toReversed()); turn++) {
      assert(turn < 3 * MAX_SIGNATURES, 'it does not come to an end');
      directory.now += WINDOW;
      directory.put(rest.toReversed());
      assert.deepEqual(directory.hidden(), []);
    }
  });
});
