// What all cases of a run are made of: keys, and messages that gpg signed with them.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pMap from 'p-map';
import { type KeyOptions, type Signer, type SigningKey, makeSigner } from '../kit/signer/signer.ts';
import type { ForgedKey } from './forged-key.ts';
import { STRANGER, makeForgedKeys } from './forged-keys.ts';
import { validPayload } from './payload.ts';
import { PLACES } from './place.ts';
import type { Random } from './random.ts';
import { type KeyName, KEY_NAMES, SPECIAL_RECIPES, makeRecipe } from './recipes.ts';

export interface BaseMessage {
  readonly what: string;
  readonly bytes: Buffer;
}

export interface Material {
  /** The public keys that both judges accept, but for the stranger's: binary. */
  readonly keyring: Buffer;
  readonly messages: readonly BaseMessage[];
  /** The first is without peculiarities. */
  readonly forgedKeys: readonly ForgedKey[];
}

const KEYS_MADE = new Date('2020-01-01T00:00:00Z');
const RANDOM_RECIPES = 40;
/** gpg on two processors is not faster with more at once. */
const CONCURRENCY = 3;

/** Makes keys and messages, in a GNUPGHOME that is gone afterwards. */
export async function makeMaterial(random: Random): Promise<Material> {
  const signer = await makeSigner();
  try {
    return await signMaterial(signer, random);
  } finally {
    await signer.stop();
  }
}

async function signMaterial(signer: Signer, random: Random): Promise<Material> {
  const keys = await makeKeys(signer);
  const forgedKeys = await makeForgedKeys();
  const recipes = [
    ...SPECIAL_RECIPES,
    ...Array.from({ length: RANDOM_RECIPES }, () => makeRecipe(random)),
  ];
  const signed = await pMap(
    recipes,
    async ({ what, key, padding, ...options }) => ({
      what: `${what} by ${key}`,
      bytes: await signer.sign(keys[key], validPayload(PLACES[0], padding), options),
    }),
    { concurrency: CONCURRENCY },
  );
  const two = ['--local-user', keys.ed25519.fingerprint];
  const payload = validPayload(PLACES[0]);
  const file = join(signer.home, 'known.gpg');
  await signer.revoke(keys.revoked);
  await signer.revoke(keys['revoked-subkey'], 'subkey');
  const known = KEY_NAMES.filter((name) => name !== 'stranger').map((name) => keys[name]);
  await signer.exportKeys(file, ...known);
  return {
    messages: [
      ...signed,
      { what: 'two signers', bytes: await signer.sign(keys.rsa3072, payload, { args: two }) },
    ],
    forgedKeys,
    keyring: Buffer.concat([
      await readFile(file),
      ...forgedKeys.filter(({ name }) => name !== STRANGER).map(({ publicKey }) => publicKey),
    ]),
  };
}

async function makeKeys(signer: Signer): Promise<Record<KeyName, SigningKey>> {
  const make = (algorithm: string, options: KeyOptions = {}) =>
    signer.makeKey({ algorithm, at: KEYS_MADE, ...options });
  return {
    rsa3072: await make('rsa3072'),
    ed25519: await make('ed25519'),
    nistp256: await make('nistp256'),
    dsa2048: await make('dsa2048'),
    rsa1024: await make('rsa1024'),
    subkey: await make('ed25519', { subkey: true }),
    expired: await make('ed25519', { expires: '1y' }),
    revoked: await make('ed25519'),
    'revoked-subkey': await make('ed25519', { subkey: true }),
    stranger: await make('ed25519'),
  };
}
