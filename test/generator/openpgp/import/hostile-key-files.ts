// Key files that somebody made to keep a reader busy, each about as long as asked for.
import {
  type CraftedKey,
  type CraftedSignature,
  craftKey,
  packetOf,
  signPrimary,
  signSubkey,
  signUser,
} from '../../../fuzz/keys/crafted-key.ts';

const DAY = 86_400;
const BORN = Math.floor(Date.now() / 1000) - 400 * DAY;
const BEGIN = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n';
const EMPTY_USER = Buffer.of(0xcd, 0);
const EMPTY_PRIVATE_USE = Buffer.of(0xfc, 0);
const EMBEDDED = { type: 32, data: Buffer.from([4, 0x19, 22, 8, ...Buffer.alloc(12)]) };
const NOTATION = { type: 20, data: Buffer.from([0x80, 0, 0, 0, 0, 1, 0, 0, 0x78]) };

/** `refused` with a note, or read. */
type Fate = 'refused' | 'read';

interface HostileFile {
  readonly fate: Fate;
  /** A file, or several. */
  readonly make: (bytes: number) => Buffer | readonly Buffer[];
}

const many = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
const certify = (key: CraftedKey, spec: Partial<CraftedSignature>, name = 'u'): Buffer =>
  signUser(key, name, { type: 0x13, created: BORN, ...spec });
const usual = (key: CraftedKey): Buffer =>
  Buffer.concat([packetOf.primary(key), packetOf.user('u'), certify(key, {})]);

function repeated(bytes: number, start: string | Buffer, unit: string | Buffer): Buffer {
  const count = Math.floor((bytes - start.length) / unit.length);
  return Buffer.concat([Buffer.from(start), Buffer.alloc(count * unit.length, unit)]);
}

const key = craftKey('ed25519', BORN);
const other = craftKey('ed25519', BORN);
const embedding = { hashedMore: Array.from({ length: 500 }, () => EMBEDDED) };
const noting = { hashedMore: Array.from({ length: 850 }, () => NOTATION) };

export const HOSTILE_FILES: Readonly<Record<string, HostileFile>> = {
  'armor headers': {
    fate: 'refused',
    make: (bytes) => repeated(bytes, BEGIN, 'Comment: x\n'),
  },
  'BEGIN lines': { fate: 'refused', make: (bytes) => repeated(bytes, '', BEGIN) },
  'empty blocks': { fate: 'refused', make: (bytes) => repeated(bytes, '', `${BEGIN}\n=\n`) },
  'quoted letters': {
    fate: 'refused',
    make: (bytes) => repeated(bytes, `${BEGIN}\n`, `${'=41'.repeat(5000)}\n`),
  },
  'tiny packets': { fate: 'refused', make: (bytes) => repeated(bytes, usual(key), EMPTY_USER) },
  'tiny packets of no key': {
    fate: 'refused',
    make: (bytes) => repeated(bytes, usual(key), EMPTY_PRIVATE_USE),
  },
  'user IDs': {
    fate: 'refused',
    make: (bytes) =>
      Buffer.concat([usual(key), many(bytes / 20, (index) => packetOf.user(`user ${index}`))]),
  },
  'one self-signature again and again': {
    fate: 'refused',
    make: (bytes) => repeated(bytes, usual(key), certify(key, {})),
  },
  'one subkey again and again': {
    fate: 'refused',
    make: (bytes) => repeated(bytes, usual(key), packetOf.subkey(other)),
  },
  'subkeys of a version of their own': {
    fate: 'refused',
    make: (bytes) =>
      Buffer.concat([
        usual(key),
        many(Math.min(4000, bytes / 100), (index) => packetOf.subkey(craftKey('rsa', index))),
      ]),
  },
  'self-signatures over none of many user IDs': {
    fate: 'refused',
    make: () =>
      Buffer.concat([
        usual(key),
        many(900, (index) => packetOf.user(`user ${index}`)),
        many(900, (index) => certify(key, { created: BORN + index }, 'nobody')),
      ]),
  },
  'self-signatures that end one by one': {
    fate: 'read',
    make: () =>
      Buffer.concat([
        usual(key),
        many(900, (index) => certify(key, { created: BORN + index, lifetime: 500 * DAY + index })),
      ]),
  },
  revocations: {
    fate: 'read',
    make: () =>
      Buffer.concat([
        usual(key),
        many(900, (index) => signPrimary(key, { type: 0x20, created: BORN + index })),
      ]),
  },
  'signatures by others': {
    fate: 'read',
    make: (bytes) => repeated(bytes, usual(key), certify(other, {})),
  },
  'embedded signatures': {
    fate: 'read',
    make: (bytes) => {
      const binding = signSubkey(key, other, { type: 0x18, created: BORN, ...embedding });
      const unit = Buffer.concat([packetOf.subkey(other), binding]);
      return repeated(Math.min(bytes, 5_000_000), usual(key), unit);
    },
  },
  notations: {
    fate: 'read',
    make: (bytes) => repeated(Math.min(bytes, 5_000_000), usual(key), certify(key, noting)),
  },
  'many files that are none beside some that are': {
    fate: 'read',
    make: () => [
      ...Array.from({ length: 2000 }, (_, index) => Buffer.from(`no key ${index}`)),
      ...Array.from({ length: 200 }, (_, index) => usual(craftKey('ed25519', BORN + index))),
    ],
  },
  'one key again and again': {
    fate: 'refused',
    make: (bytes) => repeated(Math.max(bytes, 3_000_000), '', usual(key)),
  },
};
