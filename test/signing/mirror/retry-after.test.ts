import assert from 'node:assert/strict';
import { LONGEST_RETRY_AFTER, readRetryAfter } from '../../../signing/mirror/retry-after.ts';

const NOW = Date.parse('2026-11-30T12:00:00Z');

describe('Retry-After', () => {
  const cases: readonly (readonly [value: string | undefined, wait: number | undefined])[] = [
    [undefined, undefined],
    ['0', 0],
    ['7', 7000],
    [' 7 ', 7000],
    ['Mon, 30 Nov 2026 12:00:09 GMT', 9000],
    ['Mon, 30 Nov 2026 11:00:00 GMT', 0],
    // Nobody waits for a year.
    ['86400', LONGEST_RETRY_AFTER],
    ['9999999999', LONGEST_RETRY_AFTER],
    ['Tue, 30 Nov 2027 12:00:00 GMT', LONGEST_RETRY_AFTER],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['1e9', undefined],
    ['99999999999', undefined],
    ['soon', undefined],
    ['2027', 2_027_000],
    ['Mon, 99 Nov 2026 12:00:09 GMT', undefined],
    ['Mon Nov 30 12:00:09 2026', undefined],
  ];
  for (const [value, wait] of cases) {
    it(`of ${JSON.stringify(value)} is ${wait === undefined ? 'no wish' : `${wait} ms`}`, () => {
      const bounded = wait === undefined ? undefined : Math.min(wait, LONGEST_RETRY_AFTER);
      assert.equal(readRetryAfter(value, NOW), bounded);
    });
  }
});
