import assert from 'node:assert/strict';
import { describeWith } from '../../with-tools.ts';
import { fuzzKeys } from './fuzz-keys.ts';

describeWith(['gpg'], 'keys at random', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

  it(`are imported, valid and good until when gpg says, crafted ones (FUZZ_SEED=${seed})`, async () => {
    assert.deepEqual(await fuzzKeys({ seed, crafted: 200, byGpg: 0 }), []);
  });

  it(`and those that gpg makes (FUZZ_SEED=${seed})`, async () => {
    assert.deepEqual(await fuzzKeys({ seed, crafted: 0, byGpg: 100 }), []);
  });
});
