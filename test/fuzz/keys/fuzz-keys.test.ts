import assert from 'node:assert/strict';
import { describeWith } from '../../with-tools.ts';
import { compareKeyCases, formatKeyDisagreement } from './compare-keys.ts';
import { type CraftedAlgorithm, craftKey, packetOf, signSubkey, signUser } from './crafted-key.ts';
import { fuzzKeys } from './fuzz-keys.ts';
import type { KeyCase } from './random-key.ts';
import { atLength } from '../../kit/at-length.ts';

const BORN = Math.floor(Date.now() / 1000) - 400 * 86_400;

describeWith(['gpg'], 'keys at random', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

  it(`are imported, valid and good until when gpg says, crafted ones (FUZZ_SEED=${seed})`, async () => {
    assert.deepEqual(await fuzzKeys({ seed, crafted: 200, byGpg: 0 }), []);
  });

  it('are read as gpg reads them wherever they are cut', async () => {
    const cases = Array.from({ length: 330 }, (_, length) => cutAt(length, {}));
    assert.deepEqual((await compareKeyCases(cases)).map(formatKeyDisagreement), []);
  });

  it('and wherever their last signature is, if it is of version 3 or by a long key', async () => {
    const cases = [
      ...Array.from({ length: 110 }, (_, back) => cutAt(-back, { version: 3 })),
      ...Array.from({ length: 350 }, (_, back) => cutAt(-back, { algorithm: 'rsa' })),
    ];
    assert.deepEqual((await compareKeyCases(cases)).map(formatKeyDisagreement), []);
  });

  it(`and those that gpg makes (FUZZ_SEED=${seed})`, async () => {
    assert.deepEqual(await fuzzKeys({ seed, crafted: 0, byGpg: atLength(30, 100) }), []);
  });
});

interface LastSignature {
  readonly version?: 3 | 4;
  /** Of the primary key. */
  readonly algorithm?: CraftedAlgorithm;
}

/** A key with a subkey, cut at a length, or by so many bytes at its end. */
function cutAt(length: number, { version = 4, algorithm = 'ed25519' }: LastSignature): KeyCase {
  // Keys with the same numbers differ by their dates.
  const [key, subkey] = [craftKey(algorithm, BORN + length), craftKey('ed25519', BORN + 5)];
  const dates = { created: BORN + 400 };
  const certified = signUser(key, 'u', { type: 0x13, ...dates });
  const bound = signSubkey(key, subkey, { type: 0x18, ...dates, version });
  const user = [packetOf.primary(key), packetOf.user('u'), certified];
  const bytes = Buffer.concat([...user, packetOf.subkey(subkey), bound]);
  const files = [length === 0 ? bytes : bytes.subarray(0, length)];
  return { what: `cut at ${length}`, files, keys: [key], messages: [] };
}
