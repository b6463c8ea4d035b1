import assert from 'node:assert/strict';
import { KeyExpiries } from '../../../server/metrics/key-expiries.ts';
import { publishable } from '../../kit/samples/samples.ts';
import { storeOf } from '../../kit/samples/store-of.ts';

const KEY = 'K';
const DIRECTORY = `team/app@sha256=${'ab'.repeat(32)}`;

/** The end of one key at moment 0 and later, with these parts that may sign until then. */
function endOf(own: number | null, parts: Readonly<Record<string, number>>) {
  const expires = own === null ? null : new Date(own).toISOString();
  const state = { now: 0, signedBy: '', hasExpired: false };
  const life = { isRevoked: false, signers: new Map(Object.entries(parts)) };
  const expiries = new KeyExpiries({
    keyring: () => ({
      keys: [{ fingerprint: KEY, userIds: [], expires }],
      lives: new Map([[KEY, life]]),
    }),
    store: () => {
      const signer = { fingerprint: state.signedBy, primaryFingerprint: KEY };
      return storeOf(publishable(`${DIRECTORY}/signature-1`, { signer }));
    },
    hasExpired: () => state.hasExpired,
    now: () => new Date(state.now),
  });
  return { state, read: () => expiries.read().get(KEY) };
}

describe('server: metrics: the end of a key', () => {
  it('is its own, if it has one', () => {
    assert.equal(endOf(5000, { K: 5000 }).read(), 5000);
    assert.equal(endOf(null, { K: Infinity }).read(), undefined);
    assert.equal(endOf(5000, {}).read(), 5000);
  });

  it('is that of a subkey that has signed what is served, though others may sign longer', () => {
    const { state, read } = endOf(9000, { K: 9000, old: 3000, new: 6000 });
    assert.equal(read(), 9000);
    state.signedBy = 'new';
    assert.equal(read(), 6000);
    state.signedBy = 'old';
    assert.equal(read(), 3000);
    state.signedBy = KEY;
    assert.equal(read(), 9000);
  });

  it('is that of the last part that can sign, whatever has signed', () => {
    assert.equal(endOf(null, { old: 3000, new: 6000 }).read(), 6000);
  });

  it('stays that of a subkey in use until nothing is rejected for it', () => {
    const { state, read } = endOf(null, { K: Infinity, old: 3000 });
    state.signedBy = 'old';
    assert.equal(read(), 3000);
    // It is good in that second as well.
    Object.assign(state, { now: 3999, signedBy: KEY, hasExpired: true });
    assert.equal(read(), undefined);
    Object.assign(state, { now: 3999, signedBy: 'old' });
    assert.equal(read(), 3000);
    Object.assign(state, { now: 4000, signedBy: KEY });
    assert.equal(read(), 3000);
    state.hasExpired = false;
    assert.equal(read(), undefined);
  });
});
