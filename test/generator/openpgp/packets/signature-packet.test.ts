import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { readPackets } from '../../../../generator/openpgp/packets/packets.ts';
import {
  LAST_SECOND,
  type SignaturePacket,
  readSignaturePacket,
} from '../../../../generator/openpgp/packets/signature-packet.ts';
import {
  type SignatureFields,
  formatSignature,
  parseSignature,
} from '../../../fuzz/signature-packet.ts';
import {
  type Subpacket,
  formatNotation,
  formatSeconds,
  formatSubpackets,
} from '../../../fuzz/subpacket.ts';
import { readVector } from '../../../kit/samples/samples.ts';
import {
  CREATED,
  EXPIRES,
  ISSUER,
  ISSUER_FINGERPRINT,
  NOTATION,
} from '../../../kit/samples/forged.ts';

const MADE = 1_705_276_800;
const KEY_ID = Buffer.from('0123456789abcdef', 'hex');
const FINGERPRINT = Buffer.concat([Buffer.from([4]), Buffer.alloc(12, 7), KEY_ID]);
const created = { type: CREATED, data: formatSeconds(MADE) };
const issuer = { type: ISSUER, data: KEY_ID };
const fingerprint = { type: ISSUER_FINGERPRINT, data: FINGERPRINT };
const notation = { type: NOTATION, data: formatNotation('a@example.test', 'b') };

interface Parts extends Partial<Omit<SignatureFields, 'hashed' | 'unhashed'>> {
  readonly hashed?: readonly Subpacket[];
  readonly unhashed?: readonly Subpacket[];
}

function bodyOf({
  hashed = [created, fingerprint],
  unhashed = [issuer],
  ...fields
}: Parts): Buffer {
  return formatSignature({
    version: 4,
    type: 0,
    publicKeyAlgorithm: 1,
    hashAlgorithm: 8,
    digestStart: Buffer.from([1, 2]),
    integers: Buffer.from([0, 9, 1, 0xff]),
    ...fields,
    hashed: formatSubpackets(hashed),
    unhashed: formatSubpackets(unhashed),
  });
}

const read = (parts: Parts): SignaturePacket =>
  readSignaturePacket(bodyOf(parts)) ?? assert.fail('it was not read');

/** Notations that take so many bytes, if that is more than 1,000. */
function notations(bytes: number): readonly Subpacket[] {
  const [most, overhead] = [1000, 3];
  const sizes: number[] = [];
  for (let left = bytes; left > 0; left -= most) sizes.push(left < 2 * most ? left : most);
  return sizes.slice(0, Math.floor(bytes / most)).map((size) => ({
    type: NOTATION,
    data: formatNotation('a@b', 'x'.repeat(size - overhead - 11)),
  }));
}

const expires = (seconds: number) => ({ type: EXPIRES, data: formatSeconds(seconds) });

describe('generator: OpenPGP signature packets', () => {
  it('are read with all that they say', () => {
    const lifetime = { type: EXPIRES, data: formatSeconds(60) };
    const hashed = [created, lifetime, fingerprint];
    const integers = Buffer.from([0, 9, 1, 0xff, 0, 1, 1]);
    const parts = { hashed, publicKeyAlgorithm: 22, hashAlgorithm: 10, type: 1, integers };
    const signedFields = bodyOf(parts).subarray(0, 6 + formatSubpackets(hashed).length);
    assert.deepEqual(read(parts), {
      version: 4,
      type: 1,
      publicKeyAlgorithm: 22,
      hashAlgorithm: 10,
      keyId: '0123456789abcdef',
      keyFingerprint: '0707070707070707070707070123456789ABCDEF',
      createdAt: MADE * 1000,
      expiresAt: (MADE + 60) * 1000,
      signedFields,
      digestStart: Buffer.from([1, 2]),
      integers,
      hasPlainFields: true,
    });
  });

  it('are read in version 3, which is never plain', async () => {
    const [outer] = readPackets(await readVector('containers-image/corrupt.signature-v3'), 1);
    assert(outer);
    const body = Buffer.concat([
      Buffer.from([3, 5, 0]),
      formatSeconds(MADE),
      KEY_ID,
      Buffer.from([17, 2, 1, 2, 0, 1, 1]),
    ]);
    assert.deepEqual(readSignaturePacket(body), {
      version: 3,
      type: 0,
      publicKeyAlgorithm: 17,
      hashAlgorithm: 2,
      keyId: '0123456789abcdef',
      keyFingerprint: undefined,
      createdAt: MADE * 1000,
      expiresAt: Infinity,
      signedFields: Buffer.concat([Buffer.from([0]), formatSeconds(MADE)]),
      digestStart: Buffer.from([1, 2]),
      integers: Buffer.from([0, 1, 1]),
      hasPlainFields: false,
    });
    assert.equal(readSignaturePacket(body.subarray(0, 18)), undefined);
    assert.equal(
      readSignaturePacket(Buffer.from(body.map((byte, at) => (at === 1 ? 6 : byte)))),
      undefined,
    );
  });

  const plain: readonly (readonly [string, Parts])[] = [
    ['what GnuPG writes', {}],
    ['no issuer but in the fingerprint', { unhashed: [] }],
    ['no fingerprint', { hashed: [created] }],
    ['an issuer that is hashed', { hashed: [created, issuer], unhashed: [] }],
    ['several notations', { hashed: [created, notation, notation] }],
    ['a policy', { hashed: [created, { type: 26, data: Buffer.from('https://example.test/') }] }],
    ["a signer's name", { hashed: [created, { type: 28, data: Buffer.from('a@example.test') }] }],
    [
      'critical times',
      {
        hashed: [
          { ...created, critical: true },
          { ...expires(9), critical: true },
        ],
      },
    ],
    ['a lifetime of 0', { hashed: [created, expires(0)] }],
    ['a lifetime up to the last second', { hashed: [created, expires(LAST_SECOND - MADE)] }],
    [
      'two integers by a curve',
      { publicKeyAlgorithm: 19, integers: Buffer.from([0, 9, 1, 0xff, 0, 1, 1]) },
    ],
    ['as many bytes as GnuPG takes', { hashed: [created, ...notations(10_000 - 6)] }],
  ];
  for (const [title, parts] of plain) {
    it(`are plain with ${title}`, () => assert.equal(read(parts).hasPlainFields, true));
  }

  const odd: readonly (readonly [string, Parts])[] = [
    ['a critical notation', { hashed: [created, { ...notation, critical: true }] }],
    ['a critical issuer', { hashed: [created, { ...fingerprint, critical: true }] }],
    ['an unknown subpacket', { hashed: [created, { type: 60, data: Buffer.alloc(1) }] }],
    ['an unknown subpacket, not hashed', { unhashed: [{ type: 60, data: Buffer.alloc(1) }] }],
    ['a subpacket of keys', { hashed: [created, { type: 9, data: formatSeconds(1) }] }],
    ['an embedded signature', { unhashed: [{ type: 32, data: Buffer.alloc(20, 4) }] }],
    ['a fingerprint that is not hashed', { hashed: [created], unhashed: [issuer, fingerprint] }],
    [
      'a fingerprint of version 5',
      { hashed: [created, { ...fingerprint, data: Buffer.from(FINGERPRINT.with(0, 5)) }] },
    ],
    ['a long length', { hashed: [{ ...created, isLong: true }] }],
    ['a byte more than GnuPG takes', { hashed: [created, ...notations(10_001 - 6)] }],
    ['a notation that is cut short', { hashed: [created, { ...notation, data: Buffer.alloc(7) }] }],
    [
      'a notation with a byte behind',
      {
        hashed: [created, { ...notation, data: Buffer.concat([notation.data, Buffer.from('c')]) }],
      },
    ],
    [
      'a notation that is no text',
      { hashed: [created, { ...notation, data: formatNotation('a@example.test', '', false) }] },
    ],
    [
      'a notation without name',
      { hashed: [created, { ...notation, data: formatNotation('', 'b') }] },
    ],
    ['an empty policy', { hashed: [created, { type: 26, data: Buffer.alloc(0) }] }],
    ["an empty signer's name", { hashed: [created, { type: 28, data: Buffer.alloc(0) }] }],
    ['two integers by RSA', { integers: Buffer.from([0, 9, 1, 0xff, 0, 1, 1]) }],
    ['one integer by a curve', { publicKeyAlgorithm: 19 }],
    ['two times', { hashed: [created, created] }],
    ['two lifetimes', { hashed: [created, expires(1), expires(2)] }],
    ['two issuers', { unhashed: [issuer, issuer] }],
    ['a lifetime that is not hashed', { unhashed: [issuer, expires(1)] }],
    ['a notation that is not hashed', { unhashed: [issuer, notation] }],
    ['a lifetime beyond the last second', { hashed: [created, expires(LAST_SECOND - MADE + 1)] }],
    ['a short time', { hashed: [{ type: CREATED, data: Buffer.from([1, 2, 3]) }] }],
    ['a long lifetime', { hashed: [created, { type: EXPIRES, data: Buffer.alloc(5) }] }],
    ['an integer with a wrong bit count', { integers: Buffer.from([0, 10, 1, 0xff]) }],
    ['an integer of no bits', { integers: Buffer.from([0, 0]) }],
    ['an integer that is cut short', { integers: Buffer.from([0, 9, 1]) }],
    ['bytes behind the integers', { integers: Buffer.from([0, 9, 1, 0xff, 0]) }],
    ['no integer', { integers: Buffer.alloc(0) }],
  ];
  for (const [title, parts] of odd) {
    it(`are not plain with ${title}`, () => assert.equal(read(parts).hasPlainFields, false));
  }

  const other = Buffer.from('fedcba9876543210', 'hex');
  const names: readonly (readonly [string, Parts, string | undefined])[] = [
    ['issuer and fingerprint', {}, '0123456789abcdef'],
    ['neither', { hashed: [created], unhashed: [] }, undefined],
    ['the fingerprint alone', { unhashed: [] }, '0123456789abcdef'],
    ['the issuer alone', { hashed: [created] }, '0123456789abcdef'],
    [
      'a fingerprint alone that is not hashed',
      { hashed: [created], unhashed: [fingerprint] },
      undefined,
    ],
    [
      'a fingerprint of version 0',
      { hashed: [created, { ...fingerprint, data: Buffer.from(FINGERPRINT.with(0, 0)) }] },
      undefined,
    ],
    [
      'a fingerprint of another key that is not hashed',
      { unhashed: [issuer, { ...fingerprint, data: Buffer.alloc(21, 4) }] },
      undefined,
    ],
    ['two that differ', { unhashed: [{ type: ISSUER, data: other }] }, undefined],
    ['a short issuer', { unhashed: [{ type: ISSUER, data: KEY_ID.subarray(1) }] }, undefined],
    [
      'a fingerprint of version 6',
      { hashed: [created, { type: ISSUER_FINGERPRINT, data: Buffer.alloc(33, 6) }] },
      undefined,
    ],
  ];
  for (const [title, parts, keyId] of names) {
    it(`name ${keyId === undefined ? 'no key' : 'the key'} by ${title}`, () => {
      assert.equal(read(parts).keyId, keyId);
    });
  }

  for (const [title, body] of [
    ['nothing', Buffer.alloc(0)],
    ['another version', bodyOf({ version: 5 })],
    ['version 6', bodyOf({ version: 6 })],
    ['no time', bodyOf({ hashed: [fingerprint] })],
    ['a time that is not hashed', bodyOf({ hashed: [], unhashed: [created] })],
    ['an area beyond the end', Buffer.from([4, 0, 1, 8, 0xff, 0xff, 0, 0])],
    ['a subpacket beyond its area', Buffer.from([4, 0, 1, 8, 0, 2, 9, 2, 0, 0, 1, 2])],
    ['an empty subpacket', Buffer.from([4, 0, 1, 8, 0, 1, 0, 0, 0, 1, 2])],
  ] as const) {
    it(`are not read with ${title}`, () => assert.equal(readSignaturePacket(body), undefined));
  }

  it('are read, or not, whatever bytes come', () => {
    const start = fc.constantFrom(3, 4);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 100 }), (version, rest) => {
        const packet = readSignaturePacket(Buffer.from([version, ...rest]));
        if (packet) assert.equal(packet.version, version);
      }),
      { numRuns: 3000 },
    );
  });

  it('say the same as when they are taken apart elsewhere', () => {
    const data = fc.uint8Array({ maxLength: 250 }).map((bytes) => Buffer.from(bytes));
    const subpacket = fc.record({
      type: fc.integer({ min: 3, max: 40 }),
      data,
      critical: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(subpacket, { maxLength: 4 }), fc.nat({ max: 255 }), (others, hash) => {
        const body = bodyOf({ hashed: [...others, created], hashAlgorithm: hash });
        const fields = parseSignature(body);
        const packet = readSignaturePacket(body);
        assert.equal(packet?.hashAlgorithm, fields?.hashAlgorithm);
        assert.equal(packet?.createdAt, MADE * 1000);
      }),
    );
  });
});
