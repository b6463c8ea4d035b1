import assert from 'node:assert/strict';
import { describeWith } from '../../with-tools.ts';
import { compareKeyCases, formatKeyDisagreement } from './compare-keys.ts';
import { craftKey, packetOf, signSubkey, signUser } from './crafted-key.ts';
import { fuzzKeys } from './fuzz-keys.ts';

const BORN = Math.floor(Date.now() / 1000) - 400 * 86_400;

describeWith(['gpg'], 'keys at random', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

  it(`are imported, valid and good until when gpg says, crafted ones (FUZZ_SEED=${seed})`, async () => {
    assert.deepEqual(await fuzzKeys({ seed, crafted: 200, byGpg: 0 }), []);
  });

  it('are read as gpg reads them wherever they are cut', async () => {
    const cases = Array.from({ length: 330 }, (_, length) => {
      const [key, subkey] = [craftKey('ed25519', BORN), craftKey('ed25519', BORN + 5)];
      const certified = signUser(key, 'u', { type: 0x13, created: BORN });
      const bound = signSubkey(key, subkey, { type: 0x18, created: BORN });
      const user = [packetOf.primary(key), packetOf.user('u'), certified];
      const bytes = Buffer.concat([...user, packetOf.subkey(subkey), bound]);
      const files = [bytes.subarray(0, length)];
      return { what: `cut at ${length}`, files, keys: [key], messages: [] };
    });
    assert.deepEqual((await compareKeyCases(cases)).map(formatKeyDisagreement), []);
  });

  it(`and those that gpg makes (FUZZ_SEED=${seed})`, async () => {
    assert.deepEqual(await fuzzKeys({ seed, crafted: 0, byGpg: 100 }), []);
  });
});
