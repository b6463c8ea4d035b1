import assert from 'node:assert/strict';
import type { Keyring } from '../../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../../generator/openpgp/read-keyring.ts';
import { isRejection } from '../../../../generator/terms/rejection.ts';
import { formatArmor } from '../../../fuzz/keys/armor-text.ts';
import {
  type CraftedKey,
  type CraftedSignature,
  craftKey,
  crossCertify,
  frame,
  packetOf,
  signMessage,
  signPrimary,
  signSubkey,
  signUser,
} from '../../../fuzz/keys/crafted-key.ts';
import { type GnupgKeys, importIntoGnupg } from '../../../fuzz/keys/gpg-keys.ts';
import { listOurs } from '../../../fuzz/keys/key-listing.ts';
import { openMessage } from '../../../kit/samples/samples.ts';
import { describeWith } from '../../../with-tools.ts';

const DAY = 86_400;
const NOW = Math.floor(Date.now() / 1000);
const ago = (days: number): number => NOW - days * DAY;
const BORN = 400;
const PAST = DAY;
const LATER = 500 * DAY;
const USER = 'U <u@example.test>';

/** A key that nobody knows, in binary, beginning with a packet of version 6. */
const VERSION_6 = frame(6, Buffer.from([6, ...Array.from({ length: 44 }, () => 1)]));

interface Row {
  readonly title: string;
  readonly files: readonly Buffer[];
  readonly signer: CraftedKey;
  /** When the message was signed, days ago. */
  readonly signed: number;
  readonly isImported: boolean;
  readonly isGood: boolean;
  /** Seconds since 1970; 0 for never. */
  readonly expires: number;
}

type Make = (key: CraftedKey) => Partial<Row> & { readonly files: readonly Buffer[] };

const certified = (days: number, more: Partial<CraftedSignature> = {}): CraftedSignature => ({
  type: 0x13,
  created: ago(days),
  ...more,
});
const user = (key: CraftedKey, ...signatures: readonly CraftedSignature[]): Buffer =>
  named(key, USER, ...signatures);
const named = (key: CraftedKey, name: string, ...signatures: readonly CraftedSignature[]) =>
  Buffer.concat([packetOf.user(name), ...signatures.map((one) => signUser(key, name, one))]);
const file = (key: CraftedKey, ...packets: readonly Buffer[]): Buffer =>
  Buffer.concat([packetOf.primary(key), ...packets]);
const direct = (key: CraftedKey, days: number, more: Partial<CraftedSignature> = {}): Buffer =>
  signPrimary(key, { type: 0x1f, created: ago(days), ...more });
const revoke = (key: CraftedKey, days: number, reason = 0): Buffer =>
  signPrimary(key, {
    type: 0x20,
    created: ago(days),
    hashedMore: [{ type: 29, data: Buffer.of(reason) }],
  });

const KEYS: Readonly<Record<string, Make>> = {
  'one user ID': (key) => ({ files: [file(key, user(key, certified(BORN)))] }),
  'an expiry ahead': (key) => ({
    files: [file(key, user(key, certified(BORN, { keyLifetime: LATER })))],
    expires: ago(-100),
  }),
  'an expiry after the message': (key) => ({
    files: [file(key, user(key, certified(399, { keyLifetime: 300 * DAY })))],
    signed: 200,
    isGood: false,
    expires: ago(100),
  }),
  'an expiry that a newer certification takes away': (key) => ({
    files: [file(key, user(key, certified(BORN, { keyLifetime: PAST }), certified(300)))],
  }),
  'two certifications of one second, the last without expiry': (key) => ({
    files: [file(key, user(key, certified(300, { keyLifetime: PAST }), certified(300)))],
  }),
  'two certifications of one second, the last with an expiry': (key) => ({
    files: [file(key, user(key, certified(300), certified(300, { keyLifetime: PAST })))],
    isGood: false,
    expires: ago(BORN - 1),
  }),
  'a direct signature that has expired': (key) => ({
    files: [file(key, direct(key, 390, { keyLifetime: PAST }), user(key, certified(10)))],
    isGood: false,
    expires: ago(BORN - 1),
  }),
  'a direct signature with more time than the user ID': (key) => ({
    files: [
      file(
        key,
        direct(key, 390, { keyLifetime: LATER }),
        user(key, certified(10, { keyLifetime: PAST })),
      ),
    ],
    expires: ago(-100),
  }),
  'a newer user ID without expiry': (key) => ({
    files: [
      file(
        key,
        named(key, 'A', certified(9, { keyLifetime: PAST })),
        named(key, 'B', certified(3, { hashedMore: [{ type: 25, data: Buffer.of(1) }] })),
      ),
    ],
    isGood: false,
    expires: ago(BORN - 1),
  }),
  'an expired user ID that was revoked': (key) => ({
    files: [
      file(key, user(key, certified(300, { keyLifetime: PAST }), certified(200, { type: 0x30 }))),
    ],
  }),
  'the same, and a direct signature': (key) => ({
    files: [
      file(
        key,
        direct(key, 390, { keyLifetime: LATER }),
        user(key, certified(300, { keyLifetime: PAST }), certified(200, { type: 0x30 })),
      ),
    ],
    expires: ago(-100),
  }),
  'an expired certification with an expiry': (key) => ({
    files: [file(key, user(key, certified(300, { lifetime: DAY, keyLifetime: PAST })))],
  }),
  'a revocation in the wrong place': (key) => ({
    files: [file(key, user(key, certified(BORN)), revoke(key, 10))],
    isGood: false,
  }),
  'a retirement after the message': (key) => ({
    files: [file(key, revoke(key, 1, 3), user(key, certified(399)))],
    signed: 50,
    isGood: false,
  }),
  'a revoker who is not there': (key) => ({ files: [revokedByOther(key).revoked] }),
  'a revoker who is there': (key) => {
    const { revoked, revoker } = revokedByOther(key);
    return { files: [Buffer.concat([revoked, revoker])], isGood: false };
  },
  'no user ID': (key) => ({ files: [file(key, direct(key, BORN))], isImported: false }),
  'a critical subpacket that nobody knows': (key) => ({
    files: [
      file(
        key,
        user(
          key,
          certified(BORN, {
            unhashedMore: [{ type: 110, data: Buffer.of(1), critical: true }],
          }),
        ),
      ),
    ],
    isImported: false,
  }),
  'a self-signature without key ID': (key) => ({
    files: [file(key, user(key, certified(BORN, { issuer: 'fingerprint' })))],
    isImported: false,
  }),
  'a self-signature that may not be exported': (key) => ({
    files: [
      file(key, user(key, certified(BORN, { hashedMore: [{ type: 4, data: Buffer.of(0) }] }))),
    ],
    isGood: false,
  }),
  'no right to sign': (key) => ({
    files: [file(key, user(key, certified(BORN, { flags: 1 })))],
    isGood: false,
  }),
  'a signing subkey': (key) => {
    const subkey = craftKey('ed25519', ago(390));
    return { files: [file(key, user(key, certified(BORN)), bound(key, subkey))], signer: subkey };
  },
  'a signing subkey bound again without its own signature': (key) => {
    const subkey = craftKey('ed25519', ago(390));
    const again = signSubkey(key, subkey, { type: 0x18, created: ago(10) });
    return {
      files: [file(key, user(key, certified(BORN)), bound(key, subkey), again)],
      signer: subkey,
      isGood: false,
    };
  },
  'a key of version 6 behind': (key) => ({
    files: [Buffer.concat([file(key, user(key, certified(BORN))), VERSION_6])],
  }),
  'another in front, and a line break behind': (key) => {
    const other = craftKey('ed25519', ago(BORN));
    const both = [file(other, user(other, certified(BORN))), file(key, user(key, certified(BORN)))];
    return { files: [Buffer.concat([...both, Buffer.from('\n')])], isImported: false };
  },
  'another behind a byte order mark in front': (key) => {
    const other = craftKey('ed25519', ago(BORN));
    const [hidden, seen] = [other, key].map((one) =>
      formatArmor('PUBLIC KEY BLOCK', file(one, user(one, certified(BORN)))),
    );
    return {
      files: [Buffer.from(`\uFEFF${hidden?.toString()}${seen?.toString()}`)],
    };
  },
  'a second file with an expiry': (key) => ({
    files: [
      file(key, user(key, certified(BORN))),
      file(key, user(key, certified(10, { keyLifetime: PAST }))),
    ],
    isGood: false,
    expires: ago(BORN - 1),
  }),
};

function bound(key: CraftedKey, subkey: CraftedKey): Buffer {
  const back = crossCertify(key, subkey, { created: ago(390) });
  const binding = { type: 0x18, created: ago(390), hashedMore: [back] };
  return Buffer.concat([packetOf.subkey(subkey), signSubkey(key, subkey, binding)]);
}

function revokedByOther(key: CraftedKey) {
  const other = craftKey('ed25519', ago(BORN));
  const data = Buffer.concat([Buffer.of(0x80, 22), Buffer.from(other.fingerprint, 'hex')]);
  const names = direct(key, BORN, { hashedMore: [{ type: 12, data }] });
  const revocation = signPrimary(other, { type: 0x20, created: ago(10) }, key);
  return {
    revoked: file(key, names, revocation, user(key, certified(BORN))),
    revoker: file(other, user(other, certified(BORN))),
  };
}

function toRow(title: string, make: Make): Row {
  const key = craftKey('ed25519', ago(BORN));
  const made = make(key);
  const row = {
    title,
    signer: key,
    signed: 0,
    isImported: true,
    isGood: true,
    expires: 0,
    ...made,
  };
  return { ...row, isGood: row.isImported && row.isGood };
}

describeWith(['gpg', 'gpgv'], 'generator: OpenPGP: what nodes import', () => {
  const rows = Object.entries(KEYS).map(([title, make]) => toRow(title, make));
  const messages = rows.map(({ signer, signed }) => signMessage(signer, 'payload', ago(signed)));
  let gnupg: GnupgKeys;
  let judged: readonly boolean[];
  before('import', async () => {
    gnupg = await importIntoGnupg(rows.flatMap(({ files }) => files));
    judged = await gnupg.judge(messages);
  });
  after(() => gnupg.close());

  for (const [index, row] of rows.entries()) {
    it(`of a key with ${row.title}`, async () => {
      const files = row.files.map((bytes, at) => ({ path: `${at}.gpg`, bytes }));
      const ours = listOurs(files, NOW).filter((line) => line.includes(row.signer.fingerprint));
      const theirs = gnupg.listing.filter((line) => line.includes(row.signer.fingerprint));
      assert.deepEqual(ours, theirs);
      assert.equal(ours.length > 0, row.isImported);
      const expires = row.expires === 0 ? '' : String(row.expires);
      if (row.isImported) assert.equal(ours[0]?.split(' ')[3] ?? '', expires);
      assert.equal(judged[index], row.isGood, 'gpg says otherwise');
      assert.equal(await isTaken(row, messages[index]), row.isGood);
    });
  }

  it('of some is nothing, which is an error that says why', async () => {
    const reasons: Readonly<Record<string, RegExp>> = {
      'no user ID': /the key [0-9A-F]{40} has no user ID, like keys from keys\.openpgp\.org/,
      'a critical subpacket that nobody knows': /no user ID with a good signature/,
      'a self-signature without key ID': /self-signatures that do not name its key ID/,
      'a self-signature that may not be exported': /is imported, but no signature by it counts/,
    };
    for (const [title, reason] of Object.entries(reasons)) {
      const [bytes = new Uint8Array()] = rows.find((row) => row.title === title)?.files ?? [];
      await assert.rejects(readKeyring([{ path: 'team.gpg', bytes }]), (error) => {
        assert(error instanceof Error);
        assert.match(
          error.message,
          /^team\.gpg: expected OpenPGP public keys that nodes import, got none/,
        );
        assert.match(error.message, reason);
        return true;
      });
    }
  });
});

async function isTaken({ files }: Row, message: Uint8Array = new Uint8Array()): Promise<boolean> {
  let keyring: Keyring;
  try {
    keyring = await readKeyring(files.map((bytes, at) => ({ path: `${at}.gpg`, bytes })));
  } catch {
    return false;
  }
  return !isRejection(await openMessage(message, keyring, new Date()));
}
