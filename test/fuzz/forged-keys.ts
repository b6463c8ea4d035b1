import { type KeyObject, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { type ForgedKey, type ForgedKeyOptions, forgeKey } from './forged-key.ts';

const CERTIFY = 0x01;
const SIGN = 0x02;
const ENCRYPT = 0x0c;
const YEAR = 365 * 24 * 3600;
const CREATED = Date.UTC(2020, 1, 2) / 1000;
const SHA1 = 2;

/** All of one RSA key: their times tell them apart. */
const OPTIONS: readonly Omit<ForgedKeyOptions, 'created'>[] = [
  { name: 'plain', flags: CERTIFY | SIGN },
  { name: 'without flags' },
  { name: 'certify only', flags: CERTIFY },
  { name: 'encrypt only', flags: ENCRYPT },
  { name: 'SHA-1 self-signature', flags: CERTIFY | SIGN, hash: SHA1 },
  { name: 'version 3 self-signature', version: 3 },
  { name: 'expires later', flags: CERTIFY | SIGN, expires: 50 * YEAR },
  { name: 'expired', flags: CERTIFY | SIGN, expires: YEAR },
];

/** The name of the key that is left out of the keyring. */
export const STRANGER = 'stranger';

/** Makes the forged keys; the first has no peculiarity. */
export async function makeForgedKeys(): Promise<readonly ForgedKey[]> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return forgeKeys(privateKey);
}

/** The forged keys of one RSA key. */
export function forgeKeys(secret: KeyObject): readonly ForgedKey[] {
  return [
    ...OPTIONS.map((options, index) => forgeKey(secret, { ...options, created: CREATED + index })),
    forgeKey(secret, { name: 'born in 2040', flags: 3, created: CREATED + 20 * YEAR }),
    forgeKey(secret, { name: STRANGER, flags: 3, created: CREATED - 1 }),
  ];
}
