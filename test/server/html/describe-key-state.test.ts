import assert from 'node:assert/strict';
import { type KeyLife, toKeyState } from '../../../generator/openpgp/keys/key-state.ts';
import { describeKeyState } from '../../../server/html/describe-key-state.ts';

const LIFE = { isRevoked: false, signers: new Map([['A', Infinity]]) };
const NOW = new Date('2026-11-22T12:00:00Z');

const tell = (life: KeyLife | undefined): string =>
  describeKeyState(toKeyState({ fingerprint: 'A', expires: null }, life, NOW), NOW);

describe('the state of a key in words', () => {
  const expiries: readonly (readonly [string | null, string])[] = [
    [null, 'does not expire'],
    ['2026-11-22T11:59:59Z', 'expired today'],
    ['2026-11-21T12:00:01Z', 'expired today'],
    ['2026-11-21T12:00:00Z', 'expired 1 day ago'],
    ['2026-11-02T12:00:00Z', 'expired 20 days ago'],
    ['2026-11-22T12:00:00Z', 'expires within a day'],
    ['2026-11-23T12:00:00Z', 'expires in 1 day'],
    ['2026-12-31T00:00:00Z', 'expires in 38 days'],
  ];
  for (const [expires, words] of expiries) {
    it(`of a key until ${expires}: ${words}`, () => {
      const state = toKeyState({ fingerprint: 'A', expires }, LIFE, NOW);
      assert.equal(describeKeyState(state, NOW), words);
    });
  }

  it('of keys that are no good, or that nobody can read here', () => {
    assert.equal(tell({ ...LIFE, isRevoked: true }), 'revoked: what it signed is refused');
    const mute = 'cannot sign any more: what it signed is refused';
    assert.equal(tell({ ...LIFE, signers: new Map() }), mute);
    assert.equal(tell(undefined), 'not known here');
  });
});
