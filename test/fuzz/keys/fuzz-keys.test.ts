import assert from 'node:assert/strict';
import { describeWith } from '../../with-tools.ts';
import { compareKeyCases, formatKeyDisagreement } from './compare-keys.ts';
import {
  type CraftedAlgorithm,
  type CraftedKey,
  type CraftedSignature,
  craftKey,
  crossCertify,
  packetOf,
  signMessage,
  signPrimary,
  signSubkey,
  signUser,
} from './crafted-key.ts';
import { fuzzKeys } from './fuzz-keys.ts';
import type { KeyCase } from './random-key.ts';
import { atLength } from '../../kit/at-length.ts';

/** Seeds of single cases. */
const ONCE_DISAGREED = [169_638];
const DAY = 86_400;
const BORN = Math.floor(Date.now() / 1000) - 400 * DAY;

describeWith(['gpg'], 'keys at random', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

  it(`are imported, valid and good until when gpg says, crafted ones (FUZZ_SEED=${seed})`, async () => {
    assert.deepEqual(await fuzzKeys({ seed, crafted: 200, byGpg: 0 }), []);
  });

  for (const once of ONCE_DISAGREED) {
    it(`are imported as gpg does where that was not so once: seed ${once}`, async () => {
      assert.deepEqual(await fuzzKeys({ seed: once, crafted: 1, byGpg: 0 }), []);
    });
  }

  it('end as gpg says where what decides ends by itself', async () => {
    assert.deepEqual((await compareKeyCases([keyWithEnds()])).map(formatKeyDisagreement), []);
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

/** The case of seed 169,638, whatever becomes of the random choices: DSA of 160 bits, and several ends. */
function keyWithEnds(): KeyCase {
  const [key, subkey, other] = [
    craftKey('oldDsa', BORN),
    craftKey('ed25519', BORN),
    craftKey('ed25519', BORN + 1),
  ];
  const at = (days: number): number => BORN + days * DAY;
  const bind = (one: CraftedKey, spec: Omit<CraftedSignature, 'type'>): Buffer => {
    const back = crossCertify(key, one, { created: at(1) });
    return signSubkey(key, one, { type: 0x18, hashedMore: [back], ...spec });
  };
  const certify = (type: number, spec: Omit<CraftedSignature, 'type'>): Buffer =>
    signUser(key, '', { type, ...spec });
  const direct = { created: at(390), hash: 9, keyLifetime: 800 * DAY, lifetime: 20 * DAY };
  const file = Buffer.concat([
    packetOf.primary(key),
    signPrimary(key, { type: 0x1f, flags: 3, ...direct }),
    packetOf.user(''),
    certify(0x13, { created: at(-5), hash: 10, keyLifetime: 0 }),
    certify(0x12, { created: at(390), hash: 2, keyLifetime: 20 * DAY }),
    certify(0x13, { created: at(390), hash: 1, keyLifetime: 800 * DAY, issuer: 'key ID' }),
    certify(0x13, { created: at(-5), hash: 3, isForged: true }),
    packetOf.subkey(subkey),
    bind(subkey, { created: at(300), keyLifetime: 0, flags: 3 }),
    bind(subkey, { created: at(800), keyLifetime: 20 * DAY }),
    packetOf.subkey(other),
    bind(other, { created: at(10), hash: 11, keyLifetime: 0, lifetime: DAY }),
    bind(other, { created: at(390), hash: 11 }),
  ]);
  const signed = BORN + 395 * DAY;
  const messages = [key, subkey, other].map((signer) => {
    return { signer, signed, bytes: signMessage(signer, 'payload', signed) };
  });
  return { what: 'several ends', files: [file], keys: [key], messages };
}

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
