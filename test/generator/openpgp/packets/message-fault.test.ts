import assert from 'node:assert/strict';
import { deflateRawSync, deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import {
  findMessageFault,
  findSignaturePacket,
} from '../../../../generator/openpgp/packets/message-fault.ts';
import { MAX_BLOB_BYTES } from '../../../../generator/openpgp/signature-file.ts';
import type { RejectionCode } from '../../../../generator/terms/rejection.ts';
import { formatPackets } from '../../../fuzz/packet.ts';
import { readVector } from '../../../kit/samples/samples.ts';
import { forgeMessage, forgeSigner } from '../../../kit/samples/forged.ts';
import { measureProcessor } from '../../../kit/process/processor-time.ts';

const packet = (tag: number, body: Uint8Array = Buffer.from('b\0\0\0\0\0x')) =>
  formatPackets([{ tag, framing: 'new-5', body: Buffer.from(body) }]);
const zip = (bytes: Uint8Array) => Buffer.concat([Buffer.from([0xa3, 1]), deflateRawSync(bytes)]);
const zlib = (bytes: Uint8Array) =>
  packet(8, Buffer.concat([Buffer.from([2]), deflateSync(bytes)]));
const inPieces = (bytes: Uint8Array) => {
  const body = Buffer.concat([Buffer.from([2]), deflateSync(bytes)]);
  return formatPackets([{ tag: 8, framing: 'new-partial', piece: 64, body }]);
};
const LITERAL = packet(11);
const SIGNATURE = packet(2, Buffer.from([4, 0]));
const MOST = MAX_BLOB_BYTES;

/** With a line end of Windows in it, as one signature in some hundreds has it by chance. */
const withLineEnd = (message: Buffer) => {
  const changed = Buffer.from(message);
  changed.write('\r\n', changed.length - 12, 'latin1');
  return changed;
};
const many = (count: number) => Buffer.concat(Array.from({ length: count }, () => SIGNATURE));

describe('generator: faults of OpenPGP messages', () => {
  const message = forgeMessage(forgeSigner());
  const rows: readonly (readonly [string, Uint8Array, RejectionCode | undefined, RegExp?])[] = [
    ['nothing', Buffer.alloc(0), 'malformed', /cut short or damaged/],
    ['a literal', LITERAL, 'not-signed'],
    ['a compressed literal', zip(LITERAL), 'not-signed'],
    ['a signature alone', SIGNATURE, 'detached'],
    ['a compressed signature alone', zlib(SIGNATURE), 'detached'],
    [
      'two signatures alone',
      Buffer.concat([SIGNATURE, SIGNATURE]),
      'multiple-signatures',
      /got 2$/,
    ],
    ['two messages', Buffer.concat([message, message]), 'multiple-signatures', /got 2$/],
    [
      'two messages, the first compressed in pieces',
      Buffer.concat([inPieces(message), message]),
      'multiple-signatures',
    ],
    [
      'a compressed message and one that GnuPG never meets',
      Buffer.concat([zlib(message), message]),
      undefined,
    ],
    ['two one-pass packets', Buffer.concat([packet(4), message]), 'multiple-signatures'],
    ['encrypted data', packet(18), 'encrypted'],
    ['encrypted data without integrity', packet(9), 'encrypted'],
    ['data encrypted for a key', Buffer.concat([packet(1), packet(18)]), 'encrypted'],
    ['data encrypted with a passphrase', Buffer.concat([packet(3), packet(20)]), 'encrypted'],
    ['encrypted data inside', zip(packet(18)), 'encrypted'],
    ['a packet that is cut short', message.subarray(0, -1), 'malformed'],
    ['a packet that is cut short inside', zip(message.subarray(0, -1)), 'malformed'],
    ['a compressed packet that is cut short', zlib(message).subarray(0, -1), 'malformed'],
    ['only the start of a packet', Buffer.from([0xc2]), 'malformed'],
    ['text', Buffer.from('text'), 'malformed'],
    [
      'a line break behind a message that has a line end of Windows by chance',
      Buffer.concat([withLineEnd(message), Buffer.from('\n')]),
      'malformed',
      /got 1 byte \(line break\) behind the message$/,
    ],
    [
      'a line break of Windows behind such a message',
      Buffer.concat([withLineEnd(message), Buffer.from('\r\n')]),
      'malformed',
      /got 2 bytes \(line break\) behind the message$/,
    ],
    ['a whole message', message, undefined],
    ['a whole message, compressed', zip(message), undefined],
    ['two literals', Buffer.concat([LITERAL, LITERAL]), undefined],
    ['an unknown compression', Buffer.concat([Buffer.from([0xa3, 9]), message]), undefined],
    ['a stream that does not inflate', Buffer.from([0xa3, 1, 0xff, 0xff]), undefined],
    ['a bomb', zip(packet(11, Buffer.alloc(MOST))), undefined],
  ];
  for (const [title, bytes, code, text = /^expected /] of rows) {
    it(`finds in ${title}: ${code ?? 'none'}`, () => {
      const fault = findMessageFault(bytes, MOST);
      assert.equal(fault?.code, code, fault?.message);
      if (fault) assert.match(fault.message, text);
      assert(fault?.breaksPulls !== true);
    });
  }

  it('finds hundreds of signatures, and counts no further than it looks', () => {
    assert.equal(
      findMessageFault(many(900), MOST)?.message,
      'expected exactly one signature, got 900',
    );
    assert.equal(
      findMessageFault(many(5000), MOST)?.message,
      'expected exactly one signature, got more than 1000',
    );
  });

  for (const [title, flood] of [
    ['signatures', Buffer.alloc(MOST - 100, Buffer.from([0xc2, 1, 3]))],
    ['markers', Buffer.alloc(MOST - 100, Buffer.from([0xca, 3, 0x50, 0x47, 0x50]))],
    ['packets in packets', Buffer.alloc(MOST, 0xa3)],
    ['pieces', Buffer.alloc(MOST, Buffer.from([0xe0, 0x41])).fill(0xc8, 0, 1)],
  ] as const) {
    it(`is not held up by a flood of ${title}`, async () => {
      for (const bytes of [flood, zip(flood)]) {
        const took = await measureProcessor(() => findMessageFault(bytes, MOST));
        assert(took < 1000, `it took ${took} ms`);
      }
    });
  }

  it('shows what the signature says, compressed or not', async () => {
    const found = findSignaturePacket(new Uint8Array(message), MOST);
    assert.deepEqual([found?.version, found?.hashAlgorithm, found?.hasPlainFields], [4, 8, true]);
    assert.deepEqual(findSignaturePacket(zip(message), MOST), found);
    const version3 = await readVector('redhat/rhel7-7.6.signature');
    assert.equal(findSignaturePacket(version3, MOST)?.version, 3);
    for (const bytes of [LITERAL, SIGNATURE, Buffer.alloc(0), Buffer.from([0xa3, 9])]) {
      assert.equal(findSignaturePacket(bytes, MOST), undefined);
    }
  });

  it('answers any bytes', () => {
    const first = fc.constantFrom(0xa3, 0x90, 0x89, 0xc2, 0xc4, 0xc8, 0x3d, 0x2d);
    fc.assert(
      fc.property(first, fc.uint8Array({ maxLength: 100 }), (start, rest) => {
        const bytes = Buffer.from([start, ...rest]);
        findMessageFault(bytes, MOST);
        findMessageFault(zip(bytes), MOST);
        findSignaturePacket(bytes, MOST);
      }),
      { numRuns: 2000 },
    );
  });
});
