import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { KEY_NOTES, describeNote } from '../../../../generator/openpgp/import/key-notes.ts';
import { readKeyring } from '../../../../generator/openpgp/read-keyring.ts';
import { describeKeyNotes } from '../../../../generator/policy/key-warnings.ts';
import {
  type CraftedKey,
  craftKey,
  frame,
  packetOf,
  signPrimary,
  signSubkey,
  signUser,
} from '../../../fuzz/keys/crafted-key.ts';

const NOW = Math.floor(Date.now() / 1000);
const BORN = NOW - 400 * 86_400;

const certified = (key: CraftedKey): Buffer =>
  Buffer.concat([packetOf.user('u'), signUser(key, 'u', { type: 0x13, created: key.created })]);
const fileOf = (key: CraftedKey, ...packets: readonly Buffer[]): Buffer =>
  Buffer.concat([packetOf.primary(key), ...packets]);

const ROWS: readonly (readonly [string, () => readonly Buffer[]])[] = [
  [
    'revoker-absent',
    () => {
      const [key, other] = [craftKey('ed25519', BORN), craftKey('ed25519', BORN)];
      const revoker = Buffer.concat([Buffer.of(0x80, 22), Buffer.from(other.fingerprint, 'hex')]);
      const hashedMore = [{ type: 12, data: revoker }];
      const names = signPrimary(key, { type: 0x1f, created: BORN, hashedMore });
      const revokes = signPrimary(other, { type: 0x20, created: BORN }, key);
      return [fileOf(key, names, revokes, certified(key))];
    },
  ],
  [
    'subkey-not-cross-certified',
    () => {
      const [key, subkey] = [craftKey('ed25519', BORN), craftKey('ed25519', BORN)];
      const binding = signSubkey(key, subkey, { type: 0x18, created: BORN });
      return [fileOf(key, certified(key), packetOf.subkey(subkey), binding)];
    },
  ],
  [
    'from-the-future',
    () => {
      const key = craftKey('ed25519', NOW + 86_400);
      return [fileOf(key, certified(key))];
    },
  ],
  [
    'merged-without-user-id',
    () => {
      const key = craftKey('ed25519', BORN);
      const direct = signPrimary(key, { type: 0x1f, created: BORN });
      return [fileOf(key, certified(key)), fileOf(key, direct)];
    },
  ],
  [
    'compressed-keys',
    () => {
      const [key, other] = [craftKey('ed25519', BORN), craftKey('ed25519', BORN)];
      const packed = deflateRawSync(fileOf(other, certified(other)));
      const bytes = [fileOf(key, certified(key)), fileOf(other, certified(other))];
      return [Buffer.concat([...bytes, frame(8, Buffer.concat([Buffer.of(1), packed]))])];
    },
  ],
];

describe('generator: OpenPGP: notes on keys', () => {
  for (const [code, make] of ROWS) {
    it(`tell of ${code} with its cure`, async () => {
      const files = make().map((bytes, index) => ({ path: `${index}.gpg`, bytes }));
      const keyring = await readKeyring(files);
      assert.deepEqual(
        keyring.notes.map((note) => note.code),
        [code],
      );
      const [sentence = ''] = describeKeyNotes(keyring);
      assert.match(sentence, /^\d\.gpg: \S.*; \S/);
      assert.equal(keyring.keys.length, 1);
    });
  }

  it('have one line, begin with a lower-case letter and have no full stop', () => {
    for (const code of Object.keys(KEY_NOTES) as (keyof typeof KEY_NOTES)[]) {
      const said = describeNote({ code, path: 'f', fingerprint: 'AB' });
      assert.match(said, /^f: (?:the key AB )?[a-zG].*[^.]$/);
      assert.match(KEY_NOTES[code].cure, /^[a-z].*[^.]$/);
    }
  });
});
