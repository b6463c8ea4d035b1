import assert from 'node:assert/strict';
import { deflateRawSync, deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { readPackets } from '../../../../generator/openpgp/packets/packets.ts';
import { readPlainMessage } from '../../../../generator/openpgp/packets/plain-message.ts';
import { MAX_BLOB_BYTES } from '../../../../generator/openpgp/signature-file.ts';
import { type Packet, TAG, formatPackets } from '../../../fuzz/packet.ts';
import { formatNotation, formatSeconds } from '../../../fuzz/subpacket.ts';
import { readVector } from '../../../kit/samples/samples.ts';
import {
  CREATED,
  EXPIRES,
  type MessageParts,
  NOTATION,
  forgeMessage,
  forgeSigner,
} from '../../../kit/samples/forged.ts';

const read = (bytes: Uint8Array) => readPlainMessage(bytes, MAX_BLOB_BYTES);
const zip = (bytes: Uint8Array, header: readonly number[] = [0xa3]) =>
  Buffer.concat([Buffer.from([...header, 1]), deflateRawSync(bytes)]);

const some = (...packets: readonly (Packet | undefined)[]) =>
  packets.filter((packet) => packet !== undefined);
const marker: Packet = { tag: 10, framing: 'new-1', body: Buffer.from('PGP') };

describe('generator: plain OpenPGP messages', () => {
  const key = forgeSigner();
  const PAYLOAD = 'payload';

  for (const [file, isPlain] of [
    ['lab/openpgp/good-uncompressed.sig', true],
    ['lab/openpgp/good-compressed-zip.sig', true],
    ['lab/openpgp/oldstyle-signature-then-literal.sig', true],
    ['lab/openpgp/key-ed25519.sig', true],
    ['lab/openpgp/key-ecdsa-p256.sig', true],
    ['lab/openpgp/wrong-key.sig', true],
    ['lab/openpgp/expired-signature.sig', true],
    ['lab/openpgp/digest-sha1.sig', true],
    ['lab/openpgp/textmode.sig', false],
    ['lab/openpgp/armored.sig', false],
    ['lab/openpgp/cleartext.sig', false],
    ['lab/openpgp/literal-only.sig', false],
    ['lab/openpgp/marker-prefix.sig', false],
    ['lab/openpgp/onepass-literal-no-signature.sig', false],
    ['lab/openpgp/trailing-garbage-compressed.sig', false],
    ['lab/openpgp/trailing-message-uncompressed.sig', false],
    ['lab/openpgp/truncated.sig', false],
    ['lab/openpgp/two-signatures-both-known.sig', false],
    ['containers-image/unsigned-encrypted.signature', false],
    ['lab/blob/empty.sig', false],
  ] as const) {
    it(`${isPlain ? 'are' : 'are not'}: ${file}`, async () => {
      assert.equal(read(await readVector(file)) !== undefined, isPlain);
    });
  }

  it('give payload, packets and signature', () => {
    const message = forgeMessage(key);
    for (const bytes of [message, zip(message)]) {
      const plain = read(bytes);
      assert.equal(Buffer.from(plain?.untrustedPayload ?? []).toString(), PAYLOAD);
      assert.deepEqual(Buffer.from(plain?.untrustedPackets ?? []), message);
      assert.equal(plain?.signature.keyId, key.keyId.toString('hex'));
      assert.equal(plain.signature.hasPlainFields, true);
    }
  });

  const good: readonly (readonly [string, MessageParts])[] = [
    ['a literal of text without carriage return', { format: 't', payload: Buffer.from('a\nb') }],
    ['a literal of UTF-8', { format: 'u', payload: Buffer.from('ä') }],
    ['binary data with a carriage return', { payload: Buffer.from('a\r\nb') }],
    ['an empty payload', { payload: Buffer.alloc(0) }],
    [
      'packets in pieces',
      { change: (all) => all.map((one) => ({ ...one, framing: 'new-partial' })) },
    ],
    [
      'a literal in pieces of 512 bytes',
      {
        payload: Buffer.alloc(2000, 'x'),
        change: ([a, b, c]) => some(a, b && { ...b, framing: 'new-partial', piece: 512 }, c),
      },
    ],
    ['long lengths', { change: (all) => all.map((one) => ({ ...one, framing: 'new-5' })) }],
    ['a signature first', { change: ([, literal, signature]) => some(signature, literal) }],
  ];
  for (const [title, parts] of good) {
    it(`may have ${title}`, () => {
      const expected = parts.payload ?? Buffer.from(PAYLOAD);
      assert.deepEqual(
        Buffer.from(read(forgeMessage(key, parts))?.untrustedPayload ?? [1]),
        expected,
      );
    });
  }

  const odd: readonly (readonly [string, MessageParts])[] = [
    ['text with a carriage return', { format: 't', payload: Buffer.from('a\r\n') }],
    ['UTF-8 with a carriage return', { format: 'u', payload: Buffer.from('\r') }],
    ['a local literal', { format: 'l' }],
    ['a MIME literal', { format: 'm' }],
    ['a literal of format 0', { format: '\0' }],
    ['a signature over text', { spec: { type: 1 } }],
    ['a signature of another type', { spec: { type: 0x10 } }],
    ['a one-pass packet of another version', { onePass: { 0: 6 } }],
    ['a one-pass packet of another type', { onePass: { 1: 1 } }],
    ['a one-pass packet with another hash', { onePass: { 2: 10 } }],
    ['a one-pass packet with another algorithm', { onePass: { 3: 17 } }],
    ['a one-pass packet by another key', { onePass: { 4: 0, 5: 0, 6: 0, 7: 0 } }],
    ['a one-pass packet that is not the last', { onePass: { 12: 0 } }],
    ['no one-pass packet, and the signature behind', { change: ([, ...rest]) => rest }],
    ['no literal', { change: ([onePass, , signature]) => some(onePass, signature) }],
    ['no signature', { change: ([onePass, literal]) => some(onePass, literal) }],
    ['two literals', { change: ([a, b, c]) => some(a, b, b, c) }],
    ['two signatures', { change: ([a, b, c]) => some(a, a, b, c, c) }],
    ['a signature on either side', { change: ([, b, c]) => some(c, b, c) }],
    ['a marker in front', { change: (all) => [marker, ...all] }],
    ['a marker behind', { change: (all) => [...all, marker] }],
    [
      'an indeterminate length at the end',
      { change: ([a, b, c]) => some(a, b, c && { ...c, framing: 'old-indeterminate' }) },
    ],
    [
      'a literal in pieces of 256 bytes',
      {
        payload: Buffer.alloc(2000, 'x'),
        change: ([a, b, c]) => some(a, b && { ...b, framing: 'new-partial', piece: 256 }, c),
      },
    ],
    [
      'a signature in pieces',
      {
        change: ([a, b, c]) => some(a, b, c && { ...c, framing: 'new-partial', piece: 64 }),
      },
    ],
    [
      'a length that is too long',
      { change: ([a, b, c]) => some(a, b, c && { ...c, lengthError: 1 }) },
    ],
    [
      'a literal that is too short',
      { change: ([a, b, c]) => some(a, b && { ...b, body: Buffer.from('b\0\0') }, c) },
    ],
    [
      'a file name that is too long',
      {
        change: ([a, b, c]) =>
          some(a, b && { ...b, body: Buffer.from('b\xff\0\0\0\0', 'latin1') }, c),
      },
    ],
  ];
  for (const [title, parts] of odd) {
    it(`have not ${title}`, () => assert.equal(read(forgeMessage(key, parts)), undefined));
  }

  const message = forgeMessage(key);
  const wrapped: readonly (readonly [string, Buffer])[] = [
    ['compression in compression', zip(zip(message))],
    ['bytes behind', Buffer.concat([message, Buffer.from('\n')])],
    ['bytes behind the end of the compressed stream', Buffer.concat([zip(message), message])],
    ['bytes behind, compressed', zip(Buffer.concat([message, Buffer.from('\n')]))],
    ['a second message behind', Buffer.concat([message, message])],
    ['bzip2', Buffer.concat([Buffer.from([0xa3, 3]), message])],
    ['no compression in a compressed packet', Buffer.concat([Buffer.from([0xa3, 0]), message])],
    ['too much inside', zip(forgeMessage(key, { payload: Buffer.alloc(MAX_BLOB_BYTES) }))],
    [
      'a compressed packet that is cut short',
      formatPackets([
        {
          tag: TAG.compressed,
          framing: 'new-5',
          lengthError: 1,
          body: Buffer.concat([Buffer.from([2]), deflateSync(message)]),
        },
      ]),
    ],
    ['a compressed packet without the first bit', zip(message, [0x23])],
    ['nothing', Buffer.alloc(0)],
  ];
  for (const [title, bytes] of wrapped) {
    it(`have not ${title}`, () => assert.equal(read(bytes), undefined));
  }

  it('are told from signatures that engines read differently', () => {
    const lax = { type: NOTATION, data: formatNotation('a@example.test', 'b') };
    const rows: readonly (readonly [boolean, MessageParts])[] = [
      [true, {}],
      [true, { hashed: [lax, lax] }],
      [true, { hashed: [{ type: EXPIRES, data: formatSeconds(60) }] }],
      [false, { hashed: [{ ...lax, critical: true }] }],
      [false, { hashed: [{ type: 60, data: Buffer.from('x') }] }],
      [false, { hashed: [{ type: 60, data: Buffer.from('x'), critical: true }] }],
      [false, { hashed: [{ type: CREATED, data: formatSeconds(1) }] }],
      [false, { unhashed: [lax] }],
      [false, { unhashed: [{ type: EXPIRES, data: formatSeconds(60) }] }],
      [false, { spec: { version: 3 } }],
    ];
    for (const [isPlain, parts] of rows) {
      assert.equal(
        read(forgeMessage(key, parts))?.signature.hasPlainFields,
        isPlain,
        JSON.stringify(parts),
      );
    }
  });

  it('are no more than three packets, whatever bytes come', () => {
    const pieces = readPackets(message, 3).map((packet) => Buffer.from(packet.bytes));
    const piece = fc.oneof(
      fc.constantFrom(...pieces),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), fc.boolean(), (parts, isZipped) => {
        const bytes = Buffer.concat(parts);
        const plain = read(isZipped ? zip(bytes) : bytes);
        if (!plain) return;
        const [onePass = bytes, literal = bytes, signature = bytes] = pieces;
        const inNewStyle = Buffer.concat([onePass, literal, signature]);
        const inOldStyle = Buffer.concat([signature, literal]);
        assert(bytes.equals(inNewStyle) || bytes.equals(inOldStyle));
      }),
      { numRuns: 2000 },
    );
  });
});
