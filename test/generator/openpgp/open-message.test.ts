import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { deflateRawSync, deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { MAX_BLOB_BYTES } from '../../generator/blob.ts';
import { KeyFileError, type Keyring, openMessage, readKeyring } from '../../generator/openpgp/openpgp-js.ts';
import { isRejection } from '../../generator/rejection.ts';
import { runOrThrow } from '../e2e/run.ts';
import { makeSigner, type Signer, type SigningKey } from '../e2e/signer.ts';
import { describeWith } from '../with-tools.ts';
import { keyringOf, readVector, rejectionOf } from './samples.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const BYTES = Buffer.from('any bytes');

/** A packet in new framing with a length of four octets. */
function packet(tag: number, body: Uint8Array): Buffer {
  const header = Buffer.from([0xc0 | tag, 0xff, 0, 0, 0, 0]);
  header.writeUInt32BE(body.length, 2);
  return Buffer.concat([header, body]);
}

const literal = (body: Uint8Array) => packet(11, Buffer.concat([Buffer.from('b\0\0\0\0\0'), body]));
const compressed = (algorithm: number, body: Uint8Array) =>
  packet(8, Buffer.concat([Buffer.from([algorithm]), body]));
const encrypted = (tag: number) => packet(tag, Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9]));
const framed = (armor: string, body = '') => Buffer.from(`-----BEGIN PGP ${armor}-----\n${body}`);

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

  it('says when a key expires', async () => {
    const { keys } = await keyringOf('lab/keys/expired-key.gpg');
    assert.equal(keys[0]?.expires, '2020-06-01T12:00:00Z');
  });

  it('finds a key by its ID and by that of a subkey', async () => {
    const { keys, find } = await keyringOf('lab/keys/with-subkey.gpg');
    const [key] = find(keys[0]?.fingerprint.slice(-16).toLowerCase() ?? '');
    const subkey = key?.subkeys[0]?.getKeyID().toHex() ?? '';
    assert.deepEqual(find(subkey), [key]);
    assert.deepEqual(find('0000000000000000'), []);
  });

  it('holds a key once that is given twice', async () => {
    const { keys, find } = await keyringOf('lab/keys/two.gpg', 'lab/keys/two-a.gpg');
    assert.equal(keys.length, 2);
    for (const { fingerprint } of keys) {
      assert.equal(find(fingerprint.slice(-16).toLowerCase()).length, 1);
    }
  });

  for (const [title, bytes, message] of [
    ['nothing', Buffer.alloc(0), /bad\.gpg: expected OpenPGP public keys/],
    ['text', Buffer.from('no key'), /bad\.gpg: expected OpenPGP public keys/],
    ['a damaged block', framed('PUBLIC KEY BLOCK', '\nxyz'), /bad\.gpg: expected .* got none/],
    ['a private key', framed('PRIVATE KEY BLOCK'), /bad\.gpg: expected public .* a private key/],
    ['a signature', literal(BYTES), /bad\.gpg: expected OpenPGP public keys/],
    ['random bytes', Buffer.from('99ffff04', 'hex'), /bad\.gpg: expected OpenPGP public keys/],
  ] as const) {
    it(`refuses ${title}, naming the file`, async () => {
      await assert.rejects(readKeyring([{ path: 'bad.gpg', bytes }]), (error) => {
        assert(error instanceof KeyFileError);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});

describe('generator: OpenPGP: messages', () => {
  let keyring: Keyring;
  let good: Buffer;
  let oldStyle: Buffer;
  before(async () => {
    keyring = await keyringOf('lab/keys/lab.gpg');
    good = await readVector('lab/openpgp/good-uncompressed.sig');
    oldStyle = await readVector('lab/openpgp/oldstyle-signature-then-literal.sig');
  });

  const open = (message: Uint8Array) => openMessage(message, keyring, NOW);
  const signaturePacket = () => oldStyle.subarray(0, 3 + oldStyle.readUInt16BE(1));

  it('gives the payload, and the signer only with a keyring', async () => {
    const opened = await open(good);
    assert(!isRejection(opened));
    assert.equal(opened.signer?.fingerprint, keyring.keys[0]?.fingerprint);
    assert.match(Buffer.from(opened.untrustedPayload).toString(), /^\{"critical"/);
    const unverified = await openMessage(good, undefined, NOW);
    assert(!isRejection(unverified));
    assert.deepEqual(unverified.untrustedPayload, opened.untrustedPayload);
    assert.equal('signer' in unverified, false);
  });

  for (const [title, code, make] of [
    ['nothing', 'malformed', () => Buffer.alloc(0)],
    ['a literal', 'not-signed', () => literal(BYTES)],
    ['a compressed literal', 'not-signed', () => compressed(1, deflateRawSync(literal(BYTES)))],
    ['two literals', 'malformed', () => Buffer.concat([literal(BYTES), literal(BYTES)])],
    ['a signature alone', 'detached', () => signaturePacket()],
    [
      'a compressed signature alone',
      'detached',
      () => compressed(2, deflateSync(signaturePacket())),
    ],
    [
      'two signatures alone',
      'multiple-signatures',
      () => Buffer.concat([signaturePacket(), signaturePacket()]),
    ],
    ['encrypted data', 'encrypted', () => encrypted(18)],
    ['encrypted data without integrity', 'encrypted', () => encrypted(9)],
    [
      'a signature of version 9',
      'cannot-verify',
      () => Buffer.concat([packet(2, Buffer.from([9])), literal(BYTES)]),
    ],
    ['an unknown compression', 'malformed', () => compressed(9, literal(BYTES))],
    [
      'a compressed message in another',
      'malformed',
      () => compressed(0, compressed(0, literal(BYTES))),
    ],
    ['only the start of a packet', 'malformed', () => Buffer.from([0xc2])],
    ['armor that ends early', 'malformed', () => framed('MESSAGE')],
    ['an armored signature', 'malformed', () => framed('SIGNATURE', '\nxyz')],
    ['framed cleartext', 'cannot-verify', () => framed('SIGNED MESSAGE')],
  ] as const) {
    it(`refuses ${title}: ${code}`, async () => {
      const rejection = rejectionOf(await open(make()));
      assert.equal(rejection.code, code, rejection.message);
      assert.equal(rejection.breaksPulls, false);
    });
  }

  it('names the algorithm that it cannot judge', async () => {
    const dsa = await keyringOf('lab/keys/dsa2048.gpg');
    const rejection = await openMessage(await readVector('lab/openpgp/key-dsa2048.sig'), dsa, NOW);
    assert.match(rejectionOf(rejection).message, /^the signature \(dsa\) cannot be judged: /);
  });

  for (const cut of [1, 2, 10, 100, 300]) {
    it(`refuses a message without its last ${cut} bytes`, async () => {
      const { code } = rejectionOf(await open(good.subarray(0, -cut)));
      assert.equal(code, 'malformed');
    });
  }

  for (const [title, make] of [
    ['zip', () => compressed(1, deflateRawSync(literal(Buffer.alloc(64 * 1024 * 1024))))],
    ['zlib', () => compressed(2, deflateSync(literal(Buffer.alloc(64 * 1024 * 1024))))],
    [
      'one byte more than the most',
      () => compressed(1, deflateRawSync(literal(Buffer.alloc(MAX_BLOB_BYTES)))),
    ],
  ] as const) {
    it(`stops inflating a bomb: ${title}`, async () => {
      const bomb = make();
      const before = process.memoryUsage().arrayBuffers;
      const rejection = rejectionOf(await open(bomb));
      assert.equal(rejection.code, 'malformed');
      assert.match(rejection.message, /expands to more than 4194304 bytes/);
      const grown = process.memoryUsage().arrayBuffers - before;
      assert(grown < 32 * 1024 * 1024, `${grown} bytes were taken`);
    });
  }

  it('counts hundreds of signatures without verifying any', async () => {
    const signatures = Array.from({ length: 900 }, signaturePacket);
    const data = literal(Buffer.alloc(2 * 1024 * 1024));
    const rejection = rejectionOf(await open(Buffer.concat([...signatures, data])));
    assert.equal(rejection.code, 'multiple-signatures');
    assert.equal(rejection.message, 'expected exactly one signature, got 900');
  }).timeout(8000);

  for (const [title, makePacket] of [
    ['signatures', signaturePacket],
    ['signatures of an unknown version', () => Buffer.from([0xc2, 1, 3])],
    ['markers', () => Buffer.from([0xca, 3, 0x50, 0x47, 0x50])],
  ] as const) {
    it(`parses none of a flood of ${title}`, async () => {
      const flood = Buffer.alloc(MAX_BLOB_BYTES - 1024, makePacket());
      for (const message of [flood, compressed(1, deflateRawSync(flood))]) {
        assert.equal(
          rejectionOf(await open(message)).message,
          'expected at most 1000 packets, got more',
        );
      }
    });
  }

  it('survives millions of nested packets', async () => {
    const nested = Buffer.alloc(MAX_BLOB_BYTES);
    for (let index = 0; index < nested.length; index += 2) nested[index] = 0xa3;
    assert.equal(rejectionOf(await open(nested)).code, 'malformed');
    assert.equal(rejectionOf(await open(Buffer.alloc(MAX_BLOB_BYTES, 0xa3))).code, 'malformed');
  });

  for (const piece of ['a', '\n', ' ', '-', 'a\n', '=', '\r']) {
    it(`survives ${JSON.stringify(piece)} without end in armor`, async () => {
      for (const start of ['', '\n', '\n-----']) {
        const armor = (size: number): Buffer =>
          framed('MESSAGE', start + piece.repeat(size / piece.length));
        assert.equal(rejectionOf(await open(armor(60_000))).code, 'malformed');
        assert.equal(rejectionOf(await open(armor(1_000_000))).code, 'cannot-verify');
      }
    });
  }

  // Mocha fails the test too if a promise is left rejected with nobody to handle it.
  async function staysHonest(original: Uint8Array, changed: Uint8Array): Promise<void> {
    const [expected, opened] = [await open(original), await open(changed)];
    assert(!isRejection(expected));
    if (isRejection(opened)) return;
    assert(opened.signer, 'accepted without a signer');
    assert.deepEqual(opened.signer, expected.signer);
    assert.deepEqual(opened.untrustedPayload, expected.untrustedPayload);
    assert.equal(opened.signedAt, expected.signedAt);
  }

  describe('after any change', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    it('of bytes, accepts nothing but the payload that was signed', async () => {
      const style = fc.boolean();
      const property = fc.asyncProperty(flips, style, async (changes, isOld) => {
        const original = isOld ? oldStyle : good;
        const changed = Buffer.from(original);
        for (const [at, mask] of changes) {
          const index = at % changed.length;
          changed.writeUInt8(changed.readUInt8(index) ^ mask, index);
        }
        await staysHonest(original, changed);
      });
      await fc.assert(property, { numRuns: 1500 });
    }).timeout(20_000);

    it('of length, accepts nothing but the payload that was signed', async () => {
      const property = fc.asyncProperty(
        fc.nat(),
        fc.nat({ max: 30 }),
        fc.uint8Array({ maxLength: 30 }),
        async (at, removed, inserted) => {
          const index = at % (good.length + 1);
          const tail = good.subarray(index + removed);
          await staysHonest(good, Buffer.concat([good.subarray(0, index), inserted, tail]));
        },
      );
      await fc.assert(property, { numRuns: 500 });
    }).timeout(20_000);

    it('answers any bytes', async () => {
      const bytes = fc.uint8Array({ maxLength: 100 });
      const start = fc.constantFrom(0xa3, 0xa0, 0x90, 0x89, 0xc2, 0xc4, 0xc8, 0x3d, 0x2d);
      const property = fc.asyncProperty(start, bytes, async (first, rest) => {
        rejectionOf(await open(Buffer.concat([Buffer.from([first]), rest])));
      });
      await fc.assert(property, { numRuns: 500 });
    });
  });
});

describeWith(['gpg'], 'generator: OpenPGP: keys that changed', () => {
  const created = new Date('2022-01-01T00:00:00Z');
  let signer: Signer;
  let key: SigningKey;
  let signature: Buffer;
  let asMade: string;
  let asRenewed: string;
  let asRevoked: string;
  before(async () => {
    signer = await makeSigner();
    key = await signer.makeKey({ algorithm: 'ed25519', expires: '1y', at: created });
    signature = await signer.sign(key, BYTES, { at: new Date('2022-02-01T00:00:00Z') });
    const exported = (name: string) => signer.exportKeys(join(signer.home, name), key);
    asMade = await exported('made.gpg');
    const expire = ['--batch', '--quick-set-expire', key.fingerprint, '2090-01-01'];
    await runOrThrow('gpg', expire, { env: { GNUPGHOME: signer.home } });
    asRenewed = await exported('renewed.asc');
    await signer.revoke(key);
    asRevoked = await exported('revoked.gpg');
  });
  after(() => signer.stop());

  async function open(...paths: readonly string[]) {
    const files = paths.map(async (path) => ({ path, bytes: await readFile(path) }));
    return openMessage(signature, await readKeyring(await Promise.all(files)), new Date());
  }

  it('refuses a signature whose key has expired since', async () => {
    const rejection = rejectionOf(await open(asMade));
    assert.equal(rejection.code, 'key-expired');
    assert.equal(rejection.message, `the key ${key.fingerprint} expired on 2023-01-01`);
  });

  it('takes signatures from before the key was extended, as nodes do', async () => {
    const opened = await open(asRenewed);
    assert(!isRejection(opened), isRejection(opened) ? opened.message : '');
    assert.equal(opened.signer?.fingerprint, key.fingerprint);
    assert.equal(opened.validUntil, Date.parse('2090-01-01T12:00:00Z'));
  });

  it('takes the newer expiry of a key that is given twice, in either order', async () => {
    assert(!isRejection(await open(asMade, asRenewed)));
    assert(!isRejection(await open(asRenewed, asMade)));
  });

  it('sees the revocation of a key that is given twice, in either order', async () => {
    for (const paths of [
      [asRenewed, asRevoked],
      [asRevoked, asRenewed],
    ]) {
      assert.equal(rejectionOf(await open(...paths)).code, 'key-revoked');
    }
  });
});
