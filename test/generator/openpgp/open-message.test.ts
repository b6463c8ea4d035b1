import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readFile, writeFile } from 'node:fs/promises';
import { deflateRawSync, deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { INSTALL_GPGV } from '../../../generator/openpgp/open-message.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { MAX_BLOB_BYTES } from '../../../generator/openpgp/signature-file.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { run, runOrThrow } from '../../kit/process/run.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { makeTemporary, removeTemporary } from '../../kit/temporary.ts';
import { formatNotation, formatSeconds } from '../../fuzz/subpacket.ts';
import { describeWith } from '../../with-tools.ts';
import {
  keyringOf,
  openInProcess,
  openMessage,
  readVector,
  rejectionOf,
} from '../../kit/samples/samples.ts';
import {
  CREATED,
  ISSUER,
  type MessageParts,
  NOTATION,
  forgeMessage,
  forgeSigner,
} from '../../kit/samples/forged.ts';
import { measureProcessor } from '../../kit/process/processor-time.ts';

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

const openFile = async (file: string, ...keys: readonly string[]) =>
  openMessage(await readVector(file), await keyringOf(...keys), NOW);

describe('generator: OpenPGP: messages, without gpgv', () => {
  let keyring: Keyring;
  let good: Buffer;
  let oldStyle: Buffer;
  before(async () => {
    keyring = await keyringOf('lab/keys/lab.gpg');
    good = await readVector('lab/openpgp/good-uncompressed.sig');
    oldStyle = await readVector('lab/openpgp/oldstyle-signature-then-literal.sig');
  });

  const open = async (message: Uint8Array) => openInProcess(message, keyring, NOW);
  const signaturePacket = () => oldStyle.subarray(0, 3 + oldStyle.readUInt16BE(1));

  it('gives the payload, and the signer only with a keyring', async () => {
    const opened = await open(good);
    assert(!isRejection(opened));
    assert.equal(opened.signer?.fingerprint, keyring.keys[0]?.fingerprint);
    assert.match(Buffer.from(opened.untrustedPayload).toString(), /^\{"critical"/);
    const unverified = await openInProcess(good, undefined, NOW);
    assert(!isRejection(unverified));
    assert.deepEqual(unverified.untrustedPayload, opened.untrustedPayload);
    assert.equal('signer' in unverified, false);
  });

  for (const [title, code, make] of [
    ['nothing', 'malformed', () => Buffer.alloc(0)],
    ['a literal', 'not-signed', () => literal(BYTES)],
    ['a compressed literal', 'not-signed', () => compressed(1, deflateRawSync(literal(BYTES)))],
    ['two literals', 'cannot-verify', () => Buffer.concat([literal(BYTES), literal(BYTES)])],
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
    ['an unknown compression', 'cannot-verify', () => compressed(9, literal(BYTES))],
    [
      'a compressed message in another',
      'cannot-verify',
      () => compressed(0, compressed(0, literal(BYTES))),
    ],
    ['only the start of a packet', 'malformed', () => Buffer.from([0xc2])],
    ['framed cleartext', 'cannot-verify', () => framed('SIGNED MESSAGE')],
  ] as const) {
    it(`refuses ${title}: ${code}`, async () => {
      const rejection = rejectionOf(await open(make()));
      assert.equal(rejection.code, code, rejection.message);
      assert.equal(rejection.breaksPulls, false);
    });
  }

  const ONLY_GPGV: readonly (readonly [string, string, RegExp])[] = [
    [
      'lab/openpgp/key-dsa2048.sig',
      'lab/keys/dsa2048.gpg',
      /^the signature is by the DSA key [0-9A-F]{40} of 2048 bits$/,
    ],
    [
      'lab/openpgp/key-rsa1024.sig',
      'lab/keys/rsa1024.gpg',
      /by the RSA key [0-9A-F]{40} of 1024 bits$/,
    ],
    ['lab/openpgp/digest-sha1.sig', 'lab/keys/lab.gpg', /^the signature uses SHA-1$/],
    ['lab/openpgp/digest-ripemd160.sig', 'lab/keys/lab.gpg', /^the signature uses RIPEMD-160$/],
    [
      'lab/openpgp/future-signature.sig',
      'lab/keys/lab.gpg',
      /is dated 2099-01-01, ahead of the clock/,
    ],
    ['lab/openpgp/textmode.sig', 'lab/keys/lab.gpg', /not in the form that GnuPG writes$/],
    ['lab/openpgp/trailing-garbage-compressed.sig', 'lab/keys/lab.gpg', /not in the form/],
    ['lab/openpgp/key-revoked.sig', 'lab/keys/revoked-key.gpg', /is by the RSA key/],
    ['lab/openpgp/armored.sig', 'lab/keys/lab.gpg', /not in the form/],
    ['lab/openpgp/cleartext.sig', 'lab/keys/lab.gpg', /not in the form/],
    ['redhat/rhel7-7.6.signature', 'redhat/release-key.asc', /has a packet of version 3$/],
    [
      'containers-image/subkey.signature-v3',
      'containers-image/public-key-with-subkey.gpg',
      /version 3$/,
    ],
  ];
  for (const [file, keys, message] of ONLY_GPGV) {
    it(`does not call bad what only gpgv can judge: ${file}`, async () => {
      const bytes = await readVector(file);
      const rejection = rejectionOf(await openInProcess(bytes, await keyringOf(keys), NOW));
      assert.equal(rejection.code, 'cannot-verify', rejection.message);
      assert.match(rejection.message, message);
      assert.equal(rejection.hint, INSTALL_GPGV);
      assert.equal(rejection.breaksPulls, false);
    });
  }

  it('knows without gpgv what needs no second opinion', async () => {
    for (const [file, keys, code] of [
      ['lab/openpgp/wrong-key.sig', 'lab/keys/lab.gpg', 'unknown-signer'],
      ['lab/openpgp/expired-signature.sig', 'lab/keys/lab.gpg', 'signature-expired'],
      ['lab/openpgp/key-expired-after-signing.sig', 'lab/keys/expired-key.gpg', 'key-expired'],
      ['lab/openpgp/literal-only.sig', 'lab/keys/lab.gpg', 'not-signed'],
      ['lab/openpgp/two-signatures-both-known.sig', 'lab/keys/two.gpg', 'multiple-signatures'],
    ] as const) {
      const bytes = await readVector(file);
      const rejection = rejectionOf(await openInProcess(bytes, await keyringOf(keys), NOW));
      assert.equal(rejection.code, code, file);
    }
    const changed = Buffer.from(good.toString('latin1').replace('repo:tag', 'repo:tab'), 'latin1');
    assert.equal(rejectionOf(await open(changed)).code, 'bad-signature');
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
      'zip of a byte, by the length that its header says and GnuPG ignores',
      () => {
        const stream = deflateRawSync(literal(Buffer.alloc(64 * 1024 * 1024)));
        return Buffer.concat([Buffer.of(0xc8, 1, 1), stream]);
      },
    ],
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
      assert.match(rejection.message, /^the message expands to more than 4194304 bytes$/);
      const grown = process.memoryUsage().arrayBuffers - before;
      assert(grown < 32 * 1024 * 1024, `${grown} bytes were taken`);
    });
  }

  it('counts hundreds of signatures without verifying any', async () => {
    const signatures = Array.from({ length: 900 }, signaturePacket);
    const data = literal(Buffer.alloc(2 * 1024 * 1024));
    const took = await measureProcessor(async () => {
      const rejection = rejectionOf(await open(Buffer.concat([...signatures, data])));
      assert.equal(rejection.code, 'multiple-signatures');
      assert.equal(rejection.message, 'expected exactly one signature, got 900');
    });
    assert(took < 8000, `it took ${took} ms`);
  });

  for (const [title, code, makePacket] of [
    ['signatures', 'multiple-signatures', signaturePacket],
    ['signatures of an unknown version', 'multiple-signatures', () => Buffer.from([0xc2, 1, 3])],
    ['markers', 'cannot-verify', () => Buffer.from([0xca, 3, 0x50, 0x47, 0x50])],
  ] as const) {
    it(`verifies none of a flood of ${title}`, async () => {
      const flood = Buffer.alloc(MAX_BLOB_BYTES - 1024, makePacket());
      for (const message of [flood, compressed(1, deflateRawSync(flood))]) {
        const took = await measureProcessor(async () =>
          assert.equal(rejectionOf(await open(message)).code, code),
        );
        assert(took < 1000, `it took ${took} ms`);
      }
    });
  }

  it('survives millions of nested packets', async () => {
    const nested = Buffer.alloc(MAX_BLOB_BYTES);
    for (let index = 0; index < nested.length; index += 2) nested[index] = 0xa3;
    assert.equal(rejectionOf(await open(nested)).code, 'malformed');
    assert.equal(rejectionOf(await open(Buffer.alloc(MAX_BLOB_BYTES, 0xa3))).code, 'cannot-verify');
  });

  it('is not held up by a message in millions of pieces', async () => {
    const pieces = Buffer.alloc(MAX_BLOB_BYTES - 2, Buffer.from([0xe0, 0x41]));
    const message = Buffer.concat([Buffer.from([0xcb]), pieces, Buffer.from([0])]);
    const packed = compressed(1, deflateRawSync(message));
    const took = await measureProcessor(async () => rejectionOf(await open(packed)));
    assert(took < 2000, `it took ${took} ms`);
  });

  for (const piece of ['a', '\n', ' ', '-', 'a\n', '=', '\r']) {
    it(`survives ${JSON.stringify(piece)} without end in armor`, async () => {
      for (const start of ['', '\n', '\n-----']) {
        for (const size of [60_000, 1_000_000]) {
          const armor = framed('MESSAGE', start + piece.repeat(size / piece.length));
          assert.notEqual(rejectionOf(await open(armor)).code, 'bad-signature');
        }
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
    });

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
    });

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

describeWith(['gpgv'], 'generator: OpenPGP: messages, with gpgv', () => {
  for (const [file, keys, algorithm] of [
    ['lab/openpgp/key-dsa2048.sig', 'lab/keys/dsa2048.gpg', 'DSA, 2048 bits, SHA-256'],
    ['lab/openpgp/key-rsa1024.sig', 'lab/keys/rsa1024.gpg', 'RSA, 1024 bits, SHA-512'],
    ['lab/openpgp/digest-sha1.sig', 'lab/keys/lab.gpg', 'RSA, 2048 bits, SHA-1'],
    ['lab/openpgp/key-ed25519.sig', 'lab/keys/ed25519.gpg', 'EdDSA, undefined bits, SHA-256'],
    ['lab/openpgp/good-uncompressed.sig', 'lab/keys/lab.gpg', 'RSA, 2048 bits, SHA-512'],
    ['lab/openpgp/textmode.sig', 'lab/keys/lab.gpg', 'RSA, 2048 bits, SHA-512'],
    ['redhat/rhel7-7.6.signature', 'redhat/release-key.asc', 'RSA, 4096 bits, SHA-256'],
  ] as const) {
    it(`tells the algorithms: ${file}`, async () => {
      const opened = await openFile(file, keys);
      assert(!isRejection(opened), isRejection(opened) ? opened.message : '');
      const { publicKey, bits, hash } = opened.algorithms ?? assert.fail('it has none');
      assert.equal(`${publicKey}, ${bits} bits, ${hash}`, algorithm);
    });
  }

  it('asks again after a day where only gpgv knows how long a key is good', async () => {
    const opened = await openFile('lab/openpgp/key-dsa2048.sig', 'lab/keys/dsa2048.gpg');
    assert(!isRejection(opened));
    assert.equal(opened.expiresAt, Infinity);
    assert.equal(opened.validity.until, NOW.getTime() + 24 * 3_600_000);
  });

  it('gives the payload of what needs gpgv, without keys too', async () => {
    for (const file of ['redhat/rhel7-7.6.signature', 'lab/openpgp/armored.sig']) {
      const opened = await openMessage(await readVector(file), undefined, NOW);
      assert(!isRejection(opened), isRejection(opened) ? opened.message : '');
      assert.equal('signer' in opened, false);
      assert.match(Buffer.from(opened.untrustedPayload).toString(), /"critical"/);
    }
  });

  const key = forgeSigner();
  const critical = { type: NOTATION, data: formatNotation('a@example.test', 'b'), critical: true };
  const MADE = Date.UTC(2024, 0, 15) / 1000;
  const rows: readonly (readonly [string, string, MessageParts])[] = [
    ['what GnuPG writes', 'accepted', {}],
    ['a packet of version 3', 'accepted', { spec: { version: 3 } }],
    ['a notation that is not critical', 'accepted', { hashed: [{ ...critical, critical: false }] }],
    ['a critical notation', 'bad-signature', { hashed: [critical] }],
    ['an unknown subpacket', 'accepted', { hashed: [{ type: 60, data: Buffer.from('x') }] }],
    [
      'the time of its key',
      'accepted',
      { spec: { hashed: [{ type: CREATED, data: formatSeconds(MADE - 365 * 86_400) }] } },
    ],
    ['MD5', 'unsupported-signature', { spec: { hash: 1 } }],
    ['SHA-1', 'accepted', { spec: { hash: 2 } }],
    ['a type of keys', 'unsupported-signature', { spec: { type: 0x18 } }],
    [
      'no one-pass packet',
      'accepted',
      {
        change: ([, data, signature]) => [signature, data].filter((one) => one !== undefined),
      },
    ],
    [
      'another issuer beside',
      'accepted',
      { unhashed: [{ type: ISSUER, data: Buffer.alloc(8, 1) }] },
    ],
  ];
  for (const [title, expected, parts] of rows) {
    it(`judges a message with ${title} as GnuPG does: ${expected}`, async () => {
      const keyring = await readKeyring([{ path: 'forged.gpg', bytes: key.publicKey }]);
      const opened = await openMessage(forgeMessage(key, parts), keyring, NOW);
      assert.equal(isRejection(opened) ? opened.code : 'accepted', expected);
    });
  }
});

describeWith(['gpg', 'gpgv'], 'generator: OpenPGP: keys that changed', () => {
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
    assert.equal(opened.expiresAt, Date.parse('2090-01-01T12:00:00Z'));
    assert.equal(opened.validity.until, Date.parse('2090-01-01T12:00:01Z'));
  });

  it('takes a key in the second of its expiry, as gpg does, and not in the next', async () => {
    const files = [{ path: asMade, bytes: await readFile(asMade) }];
    const keyring = await readKeyring(files);
    const end = Date.parse(keyring.keys[0]?.expires ?? '');
    const judge = async (now: number) => openMessage(signature, keyring, new Date(now));
    for (const [now, until] of [
      [end - 1, end + 1000],
      [end + 999, end + 1000],
    ] as const) {
      const opened = await judge(now);
      assert(!isRejection(opened), isRejection(opened) ? opened.message : '');
      assert.equal(opened.validity.until, until);
      assert.equal(opened.expiresAt, end);
    }
    const refused = rejectionOf(await judge(end + 1000));
    assert.equal(refused.code, 'key-expired');
    assert.equal(refused.validity?.from, end + 1000);
    const gpgSays = async (seconds: number) => {
      const args = ['--batch', '--faked-system-time', `${seconds}!`, '--status-fd', '1'];
      const home = await makeTemporary(0o700);
      const env = { GNUPGHOME: home };
      const message = join(home, 'message');
      await writeFile(message, signature);
      await runOrThrow('gpg', [...args, '--import', asMade], { env });
      const { stdout } = await run('gpg', [...args, '--verify', message], { env });
      await removeTemporary(home);
      return stdout.includes('GOODSIG');
    };
    assert.deepEqual([await gpgSays(end / 1000), await gpgSays(end / 1000 + 1)], [true, false]);
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
