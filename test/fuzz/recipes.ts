import type { SignOptions } from '../kit/signer/signer.ts';
import type { Random } from './random.ts';

export type KeyName = (typeof KEY_NAMES)[number];
export const KEY_NAMES = [
  'rsa3072',
  'ed25519',
  'nistp256',
  'dsa2048',
  'rsa1024',
  'subkey',
  'expired',
  'revoked',
  'revoked-subkey',
  'stranger',
] as const;

const PAST = new Date('2020-02-02T02:02:02Z');
const FUTURE = new Date('2040-02-02T02:02:02Z');
/** A message for gpg to sign. */
export interface Recipe extends SignOptions {
  readonly what: string;
  readonly key: KeyName;
  /** Bytes. */
  readonly padding?: number;
}

/** Messages that are made in every run. */
export const SPECIAL_RECIPES: readonly Recipe[] = [
  ...KEY_NAMES.filter((key) => key !== 'expired').map((key) => ({ what: 'plain', key })),
  { what: 'plain', key: 'expired', at: PAST },
  { what: 'textmode', key: 'rsa3072', args: ['--textmode'] },
  { what: 'file name', key: 'rsa3072', args: ['--set-filename', 'a name.json'] },
  { what: 'for your eyes only', key: 'rsa3072', args: ['--for-your-eyes-only'] },
  { what: 'notation', key: 'rsa3072', args: ['--sig-notation', 'a@example.test=b'] },
  { what: 'critical notation', key: 'rsa3072', args: ['--sig-notation', '!a@example.test=b'] },
  { what: 'policy URL', key: 'rsa3072', args: ['--sig-policy-url', 'https://example.test/'] },
  { what: 'critical URL', key: 'rsa3072', args: ['--sig-policy-url', '!https://example.test/'] },
  { what: 'keyserver', key: 'rsa3072', args: ['--sig-keyserver-url', 'https://example.test/'] },
  { what: 'sender', key: 'rsa3072', args: ['--sender', 'nobody@example.test'] },
  { what: 'expires later', key: 'rsa3072', args: ['--default-sig-expire', '5y'] },
  { what: 'expired', key: 'rsa3072', args: ['--default-sig-expire', '1d'], at: PAST },
  { what: 'in the future', key: 'rsa3072', at: FUTURE },
  { what: 'in the future', key: 'ed25519', at: FUTURE },
  { what: 'armored', key: 'rsa3072', args: ['--armor'] },
  { what: 'cleartext', key: 'rsa3072', command: '--clear-sign' },
  { what: 'detached', key: 'rsa3072', command: '--detach-sign' },
  { what: 'detached, armored', key: 'rsa3072', args: ['--armor'], command: '--detach-sign' },
  { what: 'not signed', key: 'rsa3072', command: '--store' },
  { what: '10 kB', key: 'ed25519', padding: 10_000 },
  { what: '10 kB, not compressed', key: 'rsa3072', args: ['-z0'], padding: 10_000 },
  { what: '200 kB', key: 'rsa3072', args: ['-z0'], padding: 200_000 },
];

const COMPRESS = ['none', 'zip', 'zlib', 'bzip2'];
const DIGESTS = ['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512', 'RIPEMD160'];
const LONG_DIGESTS = ['SHA256', 'SHA384', 'SHA512'];
/** gpg has the others sign no short digest. */
const KEYS_OF_ANY_DIGEST: readonly KeyName[] = ['rsa3072', 'rsa1024', 'ed25519'];
const GOOD_KEYS: readonly KeyName[] = [...KEYS_OF_ANY_DIGEST, 'nistp256', 'dsa2048'];

/** A plain message of one key, compression and hash out of all. */
export function makeRecipe(random: Random): Recipe {
  const algorithm = random.pick(COMPRESS);
  const key = random.pick(GOOD_KEYS);
  const digest = random.pick(KEYS_OF_ANY_DIGEST.includes(key) ? DIGESTS : LONG_DIGESTS);
  const extra = random.pick([[], [], ['--textmode'], ['--disable-signer-uid']]);
  const compress = ['--compress-algo', algorithm];
  return {
    what: [algorithm, digest, ...extra].join(' '),
    key,
    args: [...compress, '--digest-algo', digest, ...extra],
    ...(random.chance(0.2) && { padding: 2_000 }),
  };
}
