import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyFileError } from '../../../generator/openpgp/keys/key-file.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { readPackets } from '../../../generator/openpgp/packets/packets.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { formatPackets } from '../../fuzz/packet.ts';
import { describeWith } from '../../with-tools.ts';
import {
  keyringOf,
  openInProcess,
  openMessage,
  readVector,
  rejectionOf,
} from '../../kit/samples/samples.ts';
import { forgeMessage, forgeSigner } from '../../kit/samples/forged.ts';

const framed = (armor: string, body = '') => Buffer.from(`-----BEGIN PGP ${armor}-----\n${body}`);
const packet = (tag: number, body: Uint8Array) =>
  formatPackets([{ tag, framing: 'old-1', body: Buffer.from(body) }]);

/** As far as anybody looks who does not use it. */
const KEY = Buffer.from([4, 1, 2, 3, 4, 99, 0, 1, 1]);
const PRIVATE = /bad\.gpg: expected public keys, got a private key$/;
const BZIP2 = Buffer.from([3, 0]);
const CLOSED = /bad\.gpg: expected OpenPGP public keys, got a compressed packet$/;

type Options = Parameters<typeof forgeSigner>[0];

const idOf = (fingerprint = '') => fingerprint.slice(-16).toLowerCase();

async function readKeys(...files: readonly Uint8Array[]): Promise<Keyring> {
  return readKeyring(files.map((bytes, index) => ({ path: `${index}.gpg`, bytes })));
}

describe('generator: OpenPGP: keys', () => {
  it('reads binary, armored and several keys', async () => {
    const names = ['lab/keys/two.gpg', 'redhat/release-key.asc', 'containers-image/public-key.gpg'];
    const { keys } = await keyringOf(...names);
    assert.equal(keys.length, 4);
    assert(keys.every(({ fingerprint }) => /^[0-9A-F]{40}$/.test(fingerprint)));
    assert.match(keys[2]?.userIds[0] ?? '', /^Red Hat, Inc\. \(release key 2\)/);
    assert.equal(keys[0]?.expires, null);
  });

  it('reads several armored blocks with text around them', async () => {
    const one = await readVector('redhat/release-key.asc');
    const other = await readVector('containers-image/public-key.gpg');
    const all = Buffer.concat([Buffer.from('our keys\r\n\n'), one, Buffer.from('\n\n'), other]);
    assert.equal((await readKeyring([{ path: 'keys.asc', bytes: all }])).keys.length, 2);
  });

  it('reads binary keys one behind the other', async () => {
    const names = ['two', 'lab', 'ed25519', 'dsa2048'].map((name) => `lab/keys/${name}.gpg`);
    const files = await Promise.all(names.map(readVector));
    const [one, several] = [await readKeys(Buffer.concat(files)), await readKeys(...files)];
    assert.equal(one.keys.length, 5);
    assert.deepEqual(one.keys, several.keys);
    assert.equal(one.id, several.id);
    assert.deepEqual(one.packets, Buffer.concat(files));
  });

  it('says when a key expires', async () => {
    const { keys } = await keyringOf('lab/keys/expired-key.gpg');
    assert.equal(keys[0]?.expires, '2020-06-01T12:00:00Z');
  });

  it('finds a key by its ID and by that of a subkey', async () => {
    const { keys, find } = await keyringOf('lab/keys/with-subkey.gpg');
    const primary = keys[0]?.fingerprint;
    const [key] = find(idOf(primary));
    assert.equal(key?.fingerprint, primary);
    const [subkey, ...others] = find('f70313e2d139018b');
    assert.deepEqual(others, []);
    assert.equal(subkey?.fingerprint, 'F6C398ED108088AB07F8C680F70313E2D139018B');
    assert.equal(subkey.primaryFingerprint, primary);
    assert.equal(subkey.isPlain, true);
    assert.deepEqual(find('0000000000000000'), []);
  });

  it('holds a key once that is given twice', async () => {
    const { keys, find } = await keyringOf('lab/keys/two.gpg', 'lab/keys/two-a.gpg');
    assert.equal(keys.length, 2);
    for (const { fingerprint } of keys) assert.equal(find(idOf(fingerprint)).length, 1);
  });

  it('has another name with other keys', async () => {
    const [one, again, two] = await Promise.all(
      ['two', 'two', 'two-a'].map(async (name) => keyringOf(`lab/keys/${name}.gpg`)),
    );
    assert.equal(one?.id, again?.id);
    assert.notEqual(one?.id, two?.id);
  });

  for (const [name, bits, isPlain] of [
    ['lab', 2048, true],
    ['ecdsa-p256', undefined, true],
    ['ed25519', undefined, true],
    ['dsa2048', 2048, false],
    ['rsa1024', 1024, false],
    ['revoked-key', 2048, false],
  ] as const) {
    it(`says who judges signatures by ${name}`, async () => {
      const { keys, find, forGpgv } = await keyringOf(`lab/keys/${name}.gpg`);
      const fingerprint = keys[0]?.fingerprint ?? '';
      const [key] = find(idOf(fingerprint));
      assert.equal(key?.isPlain, isPlain);
      assert.equal(key.bits, bits);
      assert.deepEqual(forGpgv, isPlain ? [] : [fingerprint]);
    });
  }

  for (const [title, bytes, message] of [
    ['nothing', Buffer.alloc(0), /bad\.gpg: expected OpenPGP public keys/],
    ['text', Buffer.from('no key'), /bad\.gpg: expected OpenPGP public keys/],
    ['a damaged block', framed('PUBLIC KEY BLOCK', '\nxyz'), /bad\.gpg: expected .* got none/],
    ['a private key', framed('PRIVATE KEY BLOCK'), /bad\.gpg: expected public .* a private key/],
    ['a private key behind others', Buffer.concat([packet(6, KEY), packet(5, KEY)]), PRIVATE],
    ['something compressed behind keys', Buffer.concat([packet(6, KEY), packet(8, BZIP2)]), CLOSED],
    ['a binary private key', packet(5, Buffer.from([4])), /bad\.gpg: .* got a private key/],
    ['a literal', packet(11, Buffer.from('b')), /bad\.gpg: expected OpenPGP public keys/],
    ['random bytes', Buffer.from('99ffff04', 'hex'), /bad\.gpg: expected OpenPGP public keys/],
    ['a key of version 3', packet(6, Buffer.from([3, 0])), /bad\.gpg: .* has a version before 4/],
    [
      'armor that does not parse',
      framed('PUBLIC KEY BLOCK', '\n!!!!\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n'),
      /bad\.gpg: expected OpenPGP public keys/,
    ],
  ] as const) {
    it(`refuses ${title}, naming the file`, async () => {
      await assert.rejects(readKeyring([{ path: 'bad.gpg', bytes }]), (error) => {
        assert(error instanceof KeyFileError);
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it('loses no key for another beside it that nodes do not import', async () => {
    const unknown = Buffer.concat([
      packet(6, Buffer.from([4, 1, 2, 3, 4, 99, 0, 1, 1, 0, 1, 1])),
      packet(13, Buffer.from('unknown <unknown@example.test>')),
    ]);
    const version3 = Buffer.concat([
      packet(6, Buffer.from([3, 1, 2, 3, 4])),
      packet(13, Buffer.from('3')),
    ]);
    const good = await readVector('lab/keys/lab.gpg');
    const files = [unknown, version3, good];
    for (const order of [files, files.toReversed()]) {
      const keyring = await readKeys(Buffer.concat(order));
      assert.equal(keyring.keys.length, 1);
      assert.deepEqual(keyring.notes.map(({ code }) => code).toSorted(), [
        'old-key',
        'unknown-algorithm',
      ]);
      assert.deepEqual(keyring.forGpgv, []);
      const message = await readVector('lab/openpgp/good-uncompressed.sig');
      for (const open of [openInProcess, openMessage]) {
        const opened = await open(message, keyring, new Date());
        assert(!isRejection(opened), isRejection(opened) ? opened.message : '');
      }
    }
  });

  const [YEAR, LATER] = [365 * 86_400, new Date('2024-02-01T00:00:00Z')];
  const forged: readonly (readonly [string, boolean, string | null, readonly Options[]])[] = [
    ['that never expires', true, null, [{}]],
    ['that expires', true, '2025-01-14T00:00:00Z', [{ expires: 2 * YEAR }]],
    ['of two names alike', true, null, [{}, { name: 'b' }]],
    [
      'whose names differ in when it expires',
      false,
      '2025-01-14T00:00:00Z',
      [{ expires: 2 * YEAR }, { name: 'b', expires: 3 * YEAR }],
    ],
    [
      'one of whose names expires',
      false,
      '2025-01-14T00:00:00Z',
      [{}, { name: 'b', expires: 2 * YEAR }],
    ],
    ['whose names differ in what it is for', false, null, [{}, { name: 'b', flags: 1 }]],
    ['that may not sign', false, null, [{ flags: 1 }]],
    ['certified in version 3', false, null, [{ version: 3 }]],
    ['that lives beyond the last second', false, '2006-11-09T17:31:44Z', [{ expires: 120 * YEAR }]],
  ];
  for (const [title, isPlain, expires, certified] of forged) {
    it(`takes a key ${title} for ${isPlain ? 'a plain one' : 'none that is plain'}`, async () => {
      const [key = forgeSigner(), ...others] = certified.map(forgeSigner);
      const more = others.map(({ publicKey }) => readPackets(publicKey, 3).slice(1));
      const bytes = Buffer.concat([key.publicKey, ...more.flat().map((one) => one.bytes)]);
      const keyring = await readKeys(bytes);
      const [found] = keyring.find(key.keyId.toString('hex'));
      assert.equal(found?.isPlain, isPlain);
      assert.equal(keyring.keys[0]?.expires, expires);
      const opened = await openInProcess(forgeMessage(key), keyring, LATER);
      if (isPlain) assert(!isRejection(opened), isRejection(opened) ? opened.message : '');
      else assert.equal(rejectionOf(opened).code, 'cannot-verify');
    });
  }
});

describeWith(['gpg', 'gpgv'], 'generator: OpenPGP: keys that changed', () => {
  const MADE = new Date('2022-01-01T00:00:00Z');
  let signer: Signer;
  before(async () => {
    signer = await makeSigner();
  });
  after(() => signer.stop());

  const gpg = async (args: readonly string[], input = '') => {
    const loopback = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', ''];
    const env = { GNUPGHOME: signer.home };
    await runOrThrow('gpg', [...loopback, ...args], { env, input });
  };
  let exported = 0;
  const exportKey = async (key: SigningKey) =>
    readFile(await signer.exportKeys(join(signer.home, `${exported++}.gpg`), key));
  const keyOf = async (key: SigningKey) => {
    const keyring = await readKeys(await exportKey(key));
    return { keyring, found: keyring.find(idOf(key.signingFingerprint))[0] };
  };

  it('leaves the other subkeys plain when one is revoked', async () => {
    const key = await signer.makeKey({ algorithm: 'ed25519', subkey: true, at: MADE });
    const message = await signer.sign(key, Buffer.from('x'));
    await signer.revoke(key, 'subkey');
    await gpg(['--quick-add-key', key.fingerprint, 'ed25519', 'sign', 'none']);
    const keyring = await readKeys(await exportKey(key));
    const [revoked] = keyring.find(idOf(key.signingFingerprint));
    assert.equal(revoked?.isPlain, false);
    const refused = rejectionOf(await openMessage(message, keyring, new Date()));
    assert.equal(refused.code, 'key-revoked');
    const { lives } = await readKeys(await exportKey(key));
    const signers = [...(lives.get(key.fingerprint)?.signers.keys() ?? [])];
    const signingFingerprint = signers.at(-1) ?? '';
    const byOther = await signer.sign({ ...key, signingFingerprint }, Buffer.from('x'));
    const opened = await openInProcess(byOther, keyring, new Date());
    assert(!isRejection(opened), isRejection(opened) ? opened.message : '');
    assert.equal(opened.signer?.fingerprint, signingFingerprint);
  });

  it('takes a key for plain that has several names of the same terms', async () => {
    const key = await signer.makeKey({ algorithm: 'ed25519', at: MADE });
    await gpg(['--quick-add-uid', key.fingerprint, 'other <other@example.test>']);
    const { keyring, found } = await keyOf(key);
    assert.equal(keyring.keys[0]?.userIds.length, 2);
    assert.equal(found?.isPlain, true);
  });

  it('takes a revoked name for no plain key', async () => {
    const key = await signer.makeKey({ algorithm: 'ed25519', at: MADE });
    const other = 'other <other@example.test>';
    await gpg(['--quick-add-uid', key.fingerprint, other]);
    await gpg(['--quick-revoke-uid', key.fingerprint, other]);
    const { keyring, found } = await keyOf(key);
    assert.equal(found?.isPlain, false);
    assert.deepEqual(keyring.forGpgv, [key.fingerprint]);
    const message = await signer.sign(key, Buffer.from('x'));
    assert(!isRejection(await openMessage(message, keyring, new Date())));
    const alone = rejectionOf(await openInProcess(message, keyring, new Date()));
    assert.equal(alone.code, 'cannot-verify');
  });

  it('asks for gpgv for no key that only encrypts', async () => {
    const key = await signer.makeKey({ algorithm: 'ed25519', at: MADE });
    await gpg(['--quick-add-key', key.fingerprint, 'cv25519', 'encr', 'none']);
    const { keyring, found } = await keyOf(key);
    assert.equal(found?.isPlain, true);
    assert.deepEqual(keyring.forGpgv, []);
  });
});
