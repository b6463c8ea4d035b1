import assert from 'node:assert/strict';
import { formatNumber } from '../../scripts/bench/report/format-number.ts';
import { atLeast, atMost, below } from '../../scripts/bench/report/goals.ts';
import { median, quantile, toSpread } from '../../scripts/bench/report/statistics.ts';

describe('the statistics of the bench', () => {
  it('takes the middle', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([9, 1, 5, 6]), 5.5);
    assert.equal(median([7]), 7);
    assert.throws(() => median([]), /nothing measured/);
  });

  it('takes the value below which a share of the values lies', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    assert.equal(quantile(hundred, 0.99), 99);
    assert.equal(quantile(hundred, 0.5), 50);
    assert.equal(quantile(hundred, 1), 100);
    assert.equal(quantile(hundred, 0), 1);
    assert.equal(quantile([3], 0.99), 3);
    assert.throws(() => quantile([], 0.5), /nothing measured/);
  });

  it('says how far values lie apart', () => {
    assert.deepEqual(toSpread([2, 8, 3]), { median: 3, min: 2, max: 8, runs: 3 });
  });

  it('writes numbers with the digits that count', () => {
    const cases: readonly (readonly [number, string])[] = [
      [0, '0'],
      [0.012345, '0.0123'],
      [0.1, '0.1'],
      [45.678, '45.7'],
      [999.9, '1,000'],
      [1234.5, '1,235'],
      [100_000, '100,000'],
      [1_234_567, '1,234,567'],
      [Infinity, '∞'],
    ];
    for (const [value, text] of cases) assert.equal(formatNumber(value), text);
  });

  it('judges goals at their limits', () => {
    assert.deepEqual(atLeast('speed', 10, 10, '×'), {
      what: 'speed',
      limit: 'at least 10 ×',
      got: '10 ×',
      isMet: true,
    });
    assert.equal(atLeast('speed', 9.99, 10, '×').isMet, false);
    assert.equal(atMost('time', 1.5, 1.5, '×').isMet, true);
    assert.equal(atMost('time', 1.51, 1.5, '×').isMet, false);
    assert.equal(below('memory', 300, 300, 'MB').isMet, false);
    assert.equal(below('memory', 299, 300, 'MB').isMet, true);
    assert.equal(below('memory', NaN, 300, 'MB').isMet, false);
  });
});
