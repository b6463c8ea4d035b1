import assert from 'node:assert/strict';
import { type KeyNoteCode, KEY_NOTES } from '../../../../generator/openpgp/import/key-notes.ts';
import { KeyImport } from '../../../../generator/openpgp/import/import-keys.ts';
import { formatArmor } from '../../../fuzz/keys/armor-text.ts';
import {
  type CraftedKey,
  craftKey,
  frame,
  packetOf,
  signPrimary,
  signSubkey,
  signUser,
} from '../../../fuzz/keys/crafted-key.ts';
import { type GnupgKeys, importIntoGnupg } from '../../../fuzz/keys/gpg-keys.ts';
import { listOurs } from '../../../fuzz/keys/key-listing.ts';
import { describeWith } from '../../../with-tools.ts';

const NOW = Math.floor(Date.now() / 1000);
const BORN = NOW - 400 * 86_400;

/** Three keys for a row, `a`, `b` and `c`, in binary and in armor. */
interface Keys {
  readonly keys: readonly CraftedKey[];
  readonly a: Buffer;
  readonly b: Buffer;
  readonly armorA: Buffer;
  readonly armorB: Buffer;
}

interface Row {
  /** The keys that come of it: `a`, `a b` or ''. */
  readonly taken: string;
  readonly notes: readonly KeyNoteCode[];
  readonly make: (keys: Keys) => readonly (Buffer | string)[] | Buffer;
}

const LABEL = 'PUBLIC KEY BLOCK';
const BEGIN = `-----BEGIN PGP ${LABEL}-----\n`;
const replace = (bytes: Buffer, from: string | RegExp, to: string): Buffer =>
  Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1');
const body = (version: number, length = 40): Buffer =>
  Buffer.from([version, ...Array.from({ length }, () => 1)]);
const behind =
  (packet: Buffer): Row['make'] =>
  ({ a, b }) => [a, packet, b];
const certified = (key: CraftedKey, name: string): Buffer =>
  Buffer.concat([packetOf.user(name), signUser(key, name, { type: 0x13, created: BORN })]);
const keyWith = (key: CraftedKey | undefined, ...packets: readonly Buffer[]): Buffer =>
  Buffer.concat([packetOf.primary(key ?? assert.fail()), ...packets]);
/** The subkey in front of the user ID, and the revocation behind the subkey. */
function keyRevokedByOther(
  [key, other, subkey]: readonly CraftedKey[],
  { hasRevocation }: { readonly hasRevocation: boolean },
): Buffer {
  if (!key || !other || !subkey) return assert.fail();
  const data = Buffer.concat([Buffer.of(0x80, 22), Buffer.from(other.fingerprint, 'hex')]);
  const binding = signSubkey(key, subkey, { type: 0x18, created: BORN });
  return keyWith(
    key,
    signPrimary(key, { type: 0x1f, created: BORN, hashedMore: [{ type: 12, data }] }),
    ...(hasRevocation ? [packetOf.subkey(subkey), binding] : []),
    ...(hasRevocation ? [signPrimary(other, { type: 0x20, created: BORN + 9 }, key)] : []),
    certified(key, 'u'),
  );
}

/** As long as it takes to have neither padding nor checksum. */
const tripled = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, frame(60, Buffer.alloc((3 - ((bytes.length + 6) % 3)) % 3))]);

const ROWS: Readonly<Record<string, Row>> = {
  armor: { taken: 'a', notes: [], make: ({ armorA }) => armorA },
  'several blocks': { taken: 'a b', notes: [], make: ({ armorA, armorB }) => [armorA, armorB] },
  'text around and between blocks': {
    taken: 'a b',
    notes: [],
    make: ({ armorA, armorB }) => ['ours\n\n', armorA, 'theirs\n', armorB, '\nend\n'],
  },
  CRLF: { taken: 'a', notes: [], make: ({ armorA }) => replace(armorA, '\n', '\r\n') },
  'spaces behind BEGIN': {
    taken: 'a',
    notes: [],
    make: ({ armorA }) => replace(armorA, BEGIN, `${BEGIN.trim()}  \n`),
  },
  'header lines': {
    taken: 'a',
    notes: [],
    make: ({ armorA }) => replace(armorA, BEGIN, `${BEGIN}Version: 1\nComment: x y\nComment:\n`),
  },
  'a broken header line': {
    taken: '',
    notes: ['armor-header'],
    make: ({ armorA }) => replace(armorA, BEGIN, `${BEGIN}Foo bar\n`),
  },
  'no empty line behind BEGIN': {
    taken: 'a',
    notes: [],
    make: ({ armorA }) => replace(armorA, `${BEGIN}\n`, BEGIN),
  },
  'a private label': {
    taken: 'a',
    notes: [],
    make: ({ a }) => formatArmor('PRIVATE KEY BLOCK', a),
  },
  'the label of a message': {
    taken: '',
    notes: ['no-key-block'],
    make: ({ a }) => formatArmor('MESSAGE', a),
  },
  'a wrong checksum': {
    taken: '',
    notes: ['armor-checksum'],
    make: ({ a, armorB }) => [armorB, formatArmor(LABEL, a, { checksum: '=AAAA' })],
  },
  'no checksum, and padding': {
    taken: 'a b',
    notes: [],
    make: ({ a, armorB }) => {
      const padded = Buffer.concat([tripled(a), frame(60, Buffer.alloc(2))]);
      return [formatArmor(LABEL, padded, { checksum: '' }), armorB];
    },
  },
  'neither checksum nor padding': {
    taken: '',
    notes: ['armor-end-as-data', 'broken-packet'],
    make: ({ a }) => formatArmor(LABEL, tripled(a), { checksum: '' }),
  },
  'no END line': {
    taken: 'a',
    notes: ['armor-endless'],
    make: ({ armorA }) => replace(armorA, /-----END.*\n/g, ''),
  },
  'a byte order mark': {
    taken: 'b',
    notes: ['byte-order-mark'],
    make: ({ armorA, armorB }) => ['\uFEFF', armorA, armorB],
  },
  'a byte order mark on a line of its own': {
    taken: 'a',
    notes: [],
    make: ({ armorA }) => ['\uFEFF\n', armorA],
  },
  'indented armor': {
    taken: '',
    notes: ['no-key-block'],
    make: ({ armorA }) => replace(armorA, /^/gm, ' '),
  },
  'quoted armor': {
    taken: '',
    notes: ['no-key-block'],
    make: ({ armorA }) => replace(armorA, /^/gm, '> '),
  },
  'UTF-16': {
    taken: '',
    notes: ['no-key-block'],
    make: ({ armorA }) => Buffer.from(`\uFEFF${armorA.toString('latin1')}`, 'utf16le'),
  },
  'CR alone': {
    taken: '',
    notes: ['no-key-block'],
    make: ({ armorA }) => replace(armorA, '\n', '\r'),
  },
  'a stray character': {
    taken: 'a',
    notes: [],
    make: ({ armorA }) => replace(armorA, /^m/gm, 'm!'),
  },
  'base64 of armor': {
    taken: '',
    notes: ['no-key-block'],
    make: ({ armorA }) => Buffer.from(armorA.toString('base64')),
  },
  binary: { taken: 'a b', notes: [], make: ({ a, b }) => [a, b] },
  'binary and a line break': {
    taken: 'a',
    notes: ['broken-packet'],
    make: ({ a, b }) => [a, b, '\n'],
  },
  'a line break and binary': { taken: '', notes: ['no-key-block'], make: ({ a }) => ['\n', a] },
  'armor and binary': { taken: 'a', notes: [], make: ({ armorA, b }) => [armorA, b] },
  'binary and armor': { taken: '', notes: ['broken-packet'], make: ({ a, armorB }) => [a, armorB] },
  nothing: { taken: '', notes: ['no-key-block'], make: () => Buffer.alloc(0) },
  HTML: { taken: '', notes: ['no-key-block'], make: () => Buffer.from('<!doctype html><p>no</p>') },

  'a key of version 3': { taken: 'a b', notes: ['old-key'], make: behind(frame(6, body(3))) },
  'a key of version 5': { taken: 'a b', notes: ['newer-key'], make: behind(frame(6, body(5))) },
  'a key of version 6': { taken: 'a b', notes: ['newer-key'], make: behind(frame(6, body(6))) },
  'a subkey of version 6': { taken: '', notes: ['newer-part'], make: behind(frame(14, body(6))) },
  'a signature of version 5': { taken: '', notes: ['newer-part'], make: behind(frame(2, body(5))) },
  'a signature of version 6': { taken: '', notes: ['newer-part'], make: behind(frame(2, body(6))) },
  'a newer subkey in the last key': {
    taken: 'a',
    notes: ['newer-part'],
    make: ({ a, b }) => [a, b, frame(14, body(6))],
  },
  'a signature with too much in it': {
    taken: '',
    notes: ['broken-packet'],
    make: behind(frame(2, Buffer.from([4, 0x13, 22, 8, 0x27, 0x11, ...Buffer.alloc(10_030)]))),
  },
  'a short signature': { taken: 'a b', notes: [], make: behind(frame(2, body(4, 5))) },
  'a marker in front': {
    taken: 'a',
    notes: [],
    make: ({ a }) => [frame(10, Buffer.from('PGP')), a],
  },
  'a wrong marker': {
    taken: '',
    notes: ['broken-packet'],
    make: behind(frame(10, Buffer.from('PG'))),
  },
  'trust, padding and private packets': {
    taken: 'a b',
    notes: [],
    make: behind(Buffer.concat([12, 21, 39, 60].map((tag) => frame(tag, Buffer.alloc(5))))),
  },
  'a literal': {
    taken: 'a b',
    notes: [],
    make: behind(frame(11, Buffer.from('b\0\0\0\0\0x', 'latin1'))),
  },
  'a subkey of an unknown algorithm': {
    taken: 'a b',
    notes: ['subkey-not-bound'],
    make: behind(frame(14, Buffer.from([4, 1, 1, 1, 1, 99, 1, 1, 1, 1, 1, 1]))),
  },
  'a user ID of 2049 bytes': {
    taken: 'a b',
    notes: ['oversized-user-id'],
    make: ({ a, b, keys: [key] }) => [a, certified(key ?? assert.fail(), 'x'.repeat(2049)), b],
  },
  'a user ID of 2039 bytes': {
    taken: '',
    notes: ['unwritable-user-id'],
    make: ({ a, b, keys: [key] }) => [a, certified(key ?? assert.fail(), 'x'.repeat(2039)), b],
  },
  'a user ID of 2038 bytes': {
    taken: 'a b',
    notes: [],
    make: ({ a, b, keys: [key] }) => [a, certified(key ?? assert.fail(), 'x'.repeat(2038)), b],
  },
  'an empty user ID, and one that is no UTF-8': {
    taken: 'a',
    notes: [],
    make: ({ keys: [key] }) => {
      const odd = Buffer.from([0xff, 0xfe]);
      const signature = signUser(key ?? assert.fail(), odd, { type: 0x13, created: BORN });
      return keyWith(key, certified(key ?? assert.fail(), ''), packetOf.user(odd), signature);
    },
  },
  'a photo alone': {
    taken: 'a',
    notes: [],
    make: ({ keys: [key] }) => {
      const photo = Buffer.from([3, 1, 1, 7]);
      const signature = signUser(key ?? assert.fail(), photo, { type: 0x13, created: BORN }, true);
      return keyWith(key, packetOf.photo(photo), signature);
    },
  },
  'a photo of more than 5 MiB': {
    taken: 'b',
    notes: ['oversized-key'],
    make: ({ b, keys: [key] }) => {
      const photo = Buffer.alloc(5_300_000, '1\n');
      const signature = signUser(key ?? assert.fail(), photo, { type: 0x13, created: BORN }, true);
      return [keyWith(key, packetOf.photo(photo), signature), b];
    },
  },
  'a certification by MD5': {
    taken: '',
    notes: ['no-self-certification'],
    make: ({ keys: [key] }) => {
      const signature = signUser(key ?? assert.fail(), 'u', { type: 0x13, created: BORN, hash: 1 });
      return keyWith(key, packetOf.user('u'), signature);
    },
  },
  'a certification from before the key': {
    taken: '',
    notes: ['self-signature-older-than-key'],
    make: ({ keys: [key] }) => {
      const signature = signUser(key ?? assert.fail(), 'u', { type: 0x13, created: BORN - 1 });
      return keyWith(key, packetOf.user('u'), signature);
    },
  },
  'a certification in front of the user IDs': {
    taken: '',
    notes: ['misplaced-certification'],
    make: ({ keys: [key] }) => {
      const other = signUser(key ?? assert.fail(), 'other', { type: 0x13, created: BORN });
      return keyWith(key, other, certified(key ?? assert.fail(), 'u'));
    },
  },
  'a subkey that nobody bound': {
    taken: 'a',
    notes: ['subkey-not-bound'],
    make: ({ keys: [key, other] }) =>
      keyWith(key, certified(key ?? assert.fail(), 'u'), packetOf.subkey(other ?? assert.fail())),
  },
  'a key that is a subkey in front of it': {
    taken: 'a',
    notes: ['subkey-of-other'],
    make: ({ a, b, keys: [key, other] }) => {
      const [own, subkey] = [key ?? assert.fail(), other ?? assert.fail()];
      const binding = signSubkey(own, subkey, { type: 0x18, created: BORN });
      return [a, packetOf.subkey(subkey), binding, b];
    },
  },
  'a key that is a subkey behind it': {
    taken: 'a b',
    notes: [],
    make: ({ a, b, keys: [key, other] }) => {
      const [own, subkey] = [key ?? assert.fail(), other ?? assert.fail()];
      const binding = signSubkey(own, subkey, { type: 0x18, created: BORN });
      return [b, a, packetOf.subkey(subkey), binding];
    },
  },
  'subkeys in front of the user ID': {
    taken: 'a',
    notes: [],
    make: ({ keys: [key, other] }) => {
      const [own, subkey] = [key ?? assert.fail(), other ?? assert.fail()];
      const binding = signSubkey(own, subkey, { type: 0x18, created: BORN });
      return keyWith(own, packetOf.subkey(subkey), binding, certified(own, 'u'));
    },
  },
  'a revocation by a designated revoker, behind a subkey': {
    taken: 'a b',
    notes: [],
    make: ({ b, keys }) => [keyRevokedByOther(keys, { hasRevocation: true }), b],
  },
  'the same in another copy of the key': {
    taken: 'a b',
    notes: [],
    make: ({ b, keys }) => [
      keyRevokedByOther(keys, { hasRevocation: false }),
      keyRevokedByOther(keys, { hasRevocation: true }),
      b,
    ],
  },
  'a revocation behind its key in another block': {
    taken: 'a',
    notes: [],
    make: ({ a, keys: [key] }) => [
      a,
      signPrimary(key ?? assert.fail(), { type: 0x20, created: BORN + 9 }),
    ],
  },
  'a revocation in front of its key': {
    taken: 'a',
    notes: ['lost-revocation'],
    make: ({ a, keys: [key] }) => [
      signPrimary(key ?? assert.fail(), { type: 0x20, created: BORN + 9 }),
      a,
    ],
  },
};

function toRow([title, row]: [string, Row]) {
  const keys = ['a', 'b', 'c'].map(() => craftKey('ed25519', BORN));
  const [a = Buffer.alloc(0), b = a] = keys.map((key) => keyWith(key, certified(key, 'u')));
  const [armorA, armorB] = [a, b].map((bytes) => formatArmor(LABEL, bytes));
  const made = row.make({ keys, a, b, armorA: armorA ?? a, armorB: armorB ?? b });
  const bytes = Buffer.isBuffer(made) ? made : Buffer.concat(made.map((part) => Buffer.from(part)));
  const name = (line: string): string =>
    ['a', 'b', 'c'].filter((_name, index) => line.includes(keys[index]?.fingerprint ?? '-')).join();
  const mine = (lines: readonly string[]): readonly string[] =>
    lines.filter((line) => name(line) !== '');
  return { title, ...row, bytes, name, mine };
}

describeWith(['gpg'], 'generator: OpenPGP: what nodes import of a key file', () => {
  const rows = Object.entries(ROWS).map(toRow);
  let gnupg: GnupgKeys;
  before('import', async () => {
    gnupg = await importIntoGnupg(rows.map(({ bytes }) => bytes));
  });
  after(() => gnupg.close());

  for (const { title, taken, notes, bytes, name, mine } of rows) {
    it(`with ${title}: ${taken === '' ? 'nothing' : taken}`, () => {
      const ours = listOurs([{ path: 'keys', bytes }], NOW);
      assert.deepEqual(mine(ours).toSorted(), mine(gnupg.listing).toSorted());
      const names = mine(ours).flatMap((line) => (line.startsWith('pub') ? [name(line)] : []));
      assert.equal(names.toSorted().join(' '), taken);
      const importing = new KeyImport();
      importing.importFile({ path: 'keys', bytes });
      assert.deepEqual(
        importing.notes.map(({ code }) => code),
        notes,
      );
    });
  }

  it('has a row, or a test elsewhere, for each note', () => {
    const elsewhere: readonly KeyNoteCode[] = [
      'compressed-keys',
      'too-many-parts',
      'too-much-to-verify',
      'no-user-id',
      'self-signature-without-issuer',
      'unknown-algorithm',
      'nothing-certified',
      'subkey-not-cross-certified',
      'revoker-absent',
      'from-the-future',
      'merged-without-user-id',
    ];
    const here = rows.flatMap(({ notes }) => notes);
    assert.deepEqual(
      [...new Set([...here, ...elsewhere])].toSorted(),
      Object.keys(KEY_NOTES).toSorted(),
    );
  });
});
