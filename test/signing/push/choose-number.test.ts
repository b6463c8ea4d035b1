import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { chooseByContent, chooseNext } from '../../../signing/push/choose-number.ts';

const HIGHEST = 999_999_999;
const number = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: HIGHEST - 3, max: HIGHEST }),
  fc.integer({ min: 1, max: HIGHEST }),
);
const taken = fc.uniqueArray(number, { maxLength: 30 }).map((numbers) => new Set(numbers));

describe('the number of a new signature', () => {
  it('is behind the last one, or a free one where there is none', () => {
    fc.assert(
      fc.property(taken, (numbers) => {
        const last = Math.max(0, ...numbers);
        const chosen = chooseNext(numbers);
        assert.ok(!numbers.has(chosen) && chosen >= 1 && chosen <= HIGHEST);
        if (last < HIGHEST) assert.equal(chosen, last + 1);
        else for (let free = 1; free < chosen; free++) assert.ok(numbers.has(free));
      }),
    );
  });

  it('has nine digits in a proposal, comes from the bytes, and gives way', () => {
    fc.assert(
      fc.property(taken, fc.uint8Array(), (numbers, bytes) => {
        const wanted = chooseByContent(new Set(), bytes);
        assert.match(String(wanted), /^[1-9][0-9]{8}$/);
        const chosen = chooseByContent(numbers, bytes);
        assert.ok(!numbers.has(chosen));
        if (!numbers.has(wanted)) assert.equal(chosen, wanted);
        const next = chooseByContent(new Set([wanted]), bytes);
        assert.equal(next, wanted === HIGHEST ? 100_000_000 : wanted + 1);
      }),
    );
  });
});
