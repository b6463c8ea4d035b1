import assert from 'node:assert/strict';
import { pauseBetweenPolls } from '../../../server/follow/polling.ts';

describe('polls', () => {
  for (const [number, pause] of [
    [0, 54_000],
    [0.5, 60_000],
    [0.75, 63_000],
    [0.999_999, 66_000],
  ] as const) {
    it(`come every 60 s, or up to a tenth sooner or later: ${pause} ms by chance ${number}`, () => {
      assert.equal(Math.round(pauseBetweenPolls(60_000, () => number)), pause);
    });
  }

  it('are set for no longer than a timer holds', () => {
    assert.equal(
      pauseBetweenPolls(2 ** 31 - 1, () => 0.9),
      2 ** 31 - 1,
    );
  });
});
