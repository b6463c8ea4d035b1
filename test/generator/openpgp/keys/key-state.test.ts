import assert from 'node:assert/strict';
import {
  type KeyLife,
  type KeyState,
  compareLives,
  toKeyState,
} from '../../../../generator/openpgp/keys/key-state.ts';
import type { Keyring } from '../../../../generator/openpgp/keyring.ts';
import { keyringOf } from '../../../kit/samples/samples.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const BEFORE = '2026-05-01T00:00:00Z';
const AFTER = '2026-07-01T00:00:00Z';
const LATER = '2026-08-01T00:00:00Z';

const lifeOf = (signers: Readonly<Record<string, number>>, isRevoked = false): KeyLife => ({
  isRevoked,
  signers: new Map(Object.entries(signers)),
});
const at = (time: string): number => Date.parse(time);

const stateOf = ({ keys: [key], lives }: Keyring): string => {
  assert.ok(key);
  return toKeyState(key, lives.get(key.fingerprint), NOW).kind;
};
const countSigners = async (name: string): Promise<number | undefined> => {
  const { keys, lives } = await keyringOf(`containers-image/${name}.gpg`);
  return lives.get(keys[0]?.fingerprint ?? '')?.signers.size;
};

describe('generator: OpenPGP: the state of a key', () => {
  const rows: readonly (readonly [string, string | null, KeyLife | undefined, KeyState])[] = [
    ['no end', null, lifeOf({ A: Infinity }), { kind: 'good' }],
    ['an end', AFTER, lifeOf({ A: at(AFTER) }), { kind: 'expires', at: AFTER }],
    [
      'no end, and a subkey with one',
      null,
      lifeOf({ B: at(AFTER) }),
      { kind: 'expires', at: AFTER },
    ],
    ['two subkeys', LATER, lifeOf({ B: at(BEFORE), C: at(LATER) }), { kind: 'expires', at: LATER }],
    ['an end in the past', BEFORE, lifeOf({ A: at(BEFORE) }), { kind: 'expired', at: BEFORE }],
    [
      'an end now',
      '2026-06-01T00:00:00Z',
      undefined,
      { kind: 'expires', at: '2026-06-01T00:00:00Z' },
    ],
    [
      'an end a second ago',
      '2026-05-31T23:59:59Z',
      undefined,
      { kind: 'expired', at: '2026-05-31T23:59:59Z' },
    ],
    ['a revocation', BEFORE, lifeOf({ A: at(BEFORE) }, true), { kind: 'revoked' }],
    [
      'a subkey of the past',
      null,
      lifeOf({ B: at(BEFORE) }),
      { kind: 'cannot-sign', since: BEFORE },
    ],
    ['nothing that signs', null, lifeOf({}), { kind: 'cannot-sign', since: undefined }],
    ['nothing that can be read', null, undefined, { kind: 'unknown' }],
  ];
  for (const [title, expires, life, state] of rows) {
    it(`of a key with ${title} is ${state.kind}`, () => {
      assert.deepEqual(toKeyState({ fingerprint: 'A', expires }, life, NOW), state);
    });
  }

  it('counts a subkey in use, as metrics and reports do', () => {
    const key = { fingerprint: 'A', expires: LATER };
    const life = lifeOf({ A: at(LATER), B: at(AFTER), C: at(BEFORE) });
    const stateWith = (used: string): KeyState =>
      toKeyState(key, life, NOW, (subkey) => used.includes(subkey));
    assert.deepEqual(stateWith(''), { kind: 'expires', at: LATER });
    assert.deepEqual(stateWith('B'), { kind: 'expires', at: AFTER });
    assert.deepEqual(stateWith('BC'), { kind: 'expired', at: BEFORE });
  });

  it('differs between copies by what signs, or by how long', () => {
    const one = lifeOf({ A: at(LATER), B: at(BEFORE) });
    assert.equal(compareLives(one, lifeOf({ A: at(LATER) }), NOW), undefined);
    assert.equal(compareLives(one, lifeOf({ A: at(AFTER) }), NOW), 'expiry');
    assert.equal(compareLives(one, lifeOf({ A: at(LATER) }, true), NOW), 'signers');
    assert.equal(compareLives(one, lifeOf({ A: at(BEFORE) }), NOW), 'signers');
    assert.equal(compareLives(one, lifeOf({ A: at(LATER), C: at(LATER) }), NOW), 'signers');
  });

  for (const [file, kind] of [
    ['lab/keys/lab.gpg', 'good'],
    ['lab/keys/dsa2048.gpg', 'good'],
    ['lab/keys/rsa1024.gpg', 'good'],
    ['lab/keys/with-subkey.gpg', 'good'],
    ['lab/keys/expired-key.gpg', 'expired'],
    ['lab/keys/revoked-key.gpg', 'revoked'],
    ['containers-image/public-key-with-revoked-subkey.gpg', 'cannot-sign'],
  ] as const) {
    it(`of ${file} is ${kind}`, async () => assert.equal(stateOf(await keyringOf(file)), kind));
  }

  it('leaves a revoked subkey out of what may sign', async () => {
    assert.equal(await countSigners('public-key-with-subkey'), 1);
    assert.equal(await countSigners('public-key-with-revoked-subkey'), 0);
  });
});
