import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  MAX_BLOB_BYTES,
  checkBlobSize,
  parseSignatureFile,
} from '../../../generator/openpgp/signature-file.ts';
import { type RejectionCode, isRejection } from '../../../generator/terms/rejection.ts';
import { rejectionOf } from '../../kit/samples/samples.ts';

/** First bytes that containers/image takes for OpenPGP (internal/signature/signature.go). */
const TAKEN: ReadonlySet<number> = new Set([
  0xa0, 0xa1, 0xa2, 0xa3, 0xc8, 0x90, 0x91, 0x92, 0xc4, 0x3d, 0x88, 0x89, 0x8a, 0x8b, 0xc2,
]);

const sigstore = (json: string) => `\0sigstore-json\n${json}`;

describe('generator: blob', () => {
  it('takes exactly the first bytes that nodes take', () => {
    for (let first = 1; first < 256; first++) {
      const blob = parseSignatureFile(Buffer.from([first, 1, 2]));
      assert.equal(!isRejection(blob), TAKEN.has(first), `0x${first.toString(16)}`);
    }
  });

  it('passes an unframed message on as it is', () => {
    const bytes = Buffer.from([0xa3, 0, 0x0a, 1]);
    assert.deepEqual(parseSignatureFile(bytes), { untrustedMessage: bytes });
  });

  it('takes the frame off, at the first newline', () => {
    const bytes = Buffer.from('\0simple-signing\n\xa3\n\0', 'latin1');
    const blob = parseSignatureFile(bytes);
    assert(!isRejection(blob));
    assert.equal(Buffer.from(blob.untrustedMessage).toString('latin1'), '\xa3\n\0');
  });

  it('takes the largest file that nodes take', () => {
    const bytes = Buffer.alloc(MAX_BLOB_BYTES, 0xa3);
    assert(!isRejection(parseSignatureFile(bytes)));
    assert.equal(checkBlobSize(MAX_BLOB_BYTES), undefined);
  });

  const faults: readonly [string, RejectionCode, string, RegExp, boolean][] = [
    ['nothing', 'empty', '', /expected an OpenPGP message, got 0 bytes/, true],
    ['ASCII armor', 'armored', '-----BEGIN PGP MESSAGE-----\n', /got ASCII armor/, true],
    ['armor after blank lines', 'armored', '\n \n-----BEGIN PGP SIGNATURE-----', /armor/, true],
    ['cleartext', 'cleartext', '-----BEGIN PGP SIGNED MESSAGE-----\n', /cleartext-signed/, true],
    ['a web page', 'html', '<!DOCTYPE html>', /got a web page/, true],
    ['a web page after a blank line', 'html', '\r\n<html>', /got a web page/, true],
    ['JSON', 'bare-json', '{"critical":{}}', /got JSON/, true],
    ['a JSON array', 'bare-json', ' [1]', /got JSON/, true],
    ['text', 'unknown-format', 'not found', /starts with 0x6e/, true],
    ['a line feed', 'unknown-format', '\n', /got nothing but white space/, true],
    ['spaces', 'unknown-format', ' '.repeat(MAX_BLOB_BYTES), /got nothing but white space/, true],
    ['CRLF', 'unknown-format', '\r\n'.repeat(5000), /got nothing but white space/, true],
    ['a literal packet', 'unknown-format', '\xcb\x01', /starts with 0xcb/, true],
    ['a marker packet', 'unknown-format', '\xca\x03PGP', /starts with 0xca/, true],
    ['UTF-16', 'unknown-format', '\xff\xfe<\0', /got text in UTF-16/, true],
    ['a frame without end', 'unknown-format', '\0simple-signing', /expected a newline/, true],
    ['a frame without format', 'unknown-format', '\0\n\xa3', /got ""/, true],
    ['only the first byte of a frame', 'unknown-format', '\0', /expected a newline/, true],
    ['a frame beyond ASCII', 'unknown-format', '\0simplé\n', /printable ASCII/, true],
    ['a control character in a frame', 'unknown-format', '\0a\tb\n', /printable ASCII/, true],
    ['another frame', 'unknown-format', '\0other\n', /expected simple-signing, got "other"/, true],
    ['upper case in a frame', 'unknown-format', '\0Simple-Signing\n', /"Simple-Signing"/, true],
    [
      'sigstore',
      'sigstore',
      sigstore('{"mimeType":"a","payload":"YQ=="}'),
      /got sigstore-json/,
      false,
    ],
    [
      'sigstore with annotations',
      'sigstore',
      sigstore('{"annotations":{"a":"b"}}'),
      /sigstore/,
      false,
    ],
    ['empty sigstore', 'sigstore', sigstore('null'), /sigstore/, false],
    ['sigstore that is no JSON', 'sigstore', sigstore('{'), /sigstore/, true],
    ['sigstore that is no object', 'sigstore', sigstore('[]'), /sigstore/, true],
    ['sigstore with a number', 'sigstore', sigstore('{"mimeType":1}'), /sigstore/, true],
    ['sigstore without base64', 'sigstore', sigstore('{"payload":"Y"}'), /sigstore/, true],
    [
      'sigstore with odd annotations',
      'sigstore',
      sigstore('{"annotations":{"a":1}}'),
      /sigst/,
      true,
    ],
    ['sigstore without annotations', 'sigstore', sigstore('{"annotations":[]}'), /sigstore/, true],
  ];
  for (const [title, code, content, message, breaksPulls] of faults) {
    it(`rejects ${title}: ${code}`, () => {
      const rejection = rejectionOf(parseSignatureFile(Buffer.from(content, 'latin1')));
      assert.equal(rejection.code, code);
      assert.match(rejection.message, message);
      assert.notEqual(rejection.hint, '');
      assert.equal(rejection.breaksPulls, breaksPulls);
    });
  }

  // Tags 1 and 3 (session keys), 9, 18 and 20 (encrypted data); old framing ends at tag 15.
  for (const first of [
    0x84, 0x85, 0x86, 0x8c, 0x8d, 0x8e, 0xa4, 0xa7, 0xc1, 0xc3, 0xc9, 0xd2, 0xd4,
  ]) {
    it(`rejects an encrypted message that starts with 0x${first.toString(16)}`, () => {
      const rejection = rejectionOf(parseSignatureFile(Buffer.from([first, 1, 3])));
      assert.equal(rejection.code, 'encrypted');
      assert.equal(rejection.breaksPulls, true);
    });
  }

  it('says of a size, without the bytes, that it is too large', () => {
    const rejection = rejectionOf(checkBlobSize(MAX_BLOB_BYTES + 1));
    assert.equal(rejection.code, 'too-large');
    assert.equal(rejection.message, 'expected at most 4194304 bytes, got 4194305');
    assert.equal(rejection.breaksPulls, true);
    assert.equal(rejectionOf(checkBlobSize(0)).code, 'empty');
  });

  it('never throws, and gives away only bytes of the file', () => {
    const frame = fc.constantFrom(
      '',
      '\0',
      '\0simple-signing\n',
      '\0sigstore-json\n',
      '-----BEGIN',
    );
    fc.assert(
      fc.property(frame, fc.uint8Array({ maxLength: 64 }), (start, rest) => {
        const bytes = Buffer.concat([Buffer.from(start), rest]);
        const blob = parseSignatureFile(bytes);
        if (!isRejection(blob)) assert(bytes.includes(Buffer.from(blob.untrustedMessage)));
      }),
    );
  });
});
