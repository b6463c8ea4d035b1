import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { readGpgvStatus } from '../../../generator/openpgp/gpgv-status.ts';
import { type RejectionCode, isRejection } from '../../../generator/terms/rejection.ts';

const KEY_ID = 'A24CAB9579EABB73';
const FINGERPRINT = `5C99A3D253526B7DBE7E783B${KEY_ID}`;
const PRIMARY = '4CCD2AFB58B284A46F595341E58697603AC97A75';

const PLAIN = ['PLAINTEXT 62 1705276800 ', 'PLAINTEXT_LENGTH 244'];
const NEW = ['NEWSIG', `KEY_CONSIDERED ${FINGERPRINT} 0`];
const GOOD = `GOODSIG ${KEY_ID} lab <lab@example.com>`;
const VALID = `VALIDSIG ${FINGERPRINT} 2024-01-15 1705276800 0 4 0 1 10 00 ${FINGERPRINT}`;
const SIG_ID = 'SIG_ID BC8Q8YRZRaZkJhtxBHFm4uWQzyU 2024-01-15 1705276800';
const STRANGER = `ERRSIG ${KEY_ID} 1 10 00 1705276800 9 ${FINGERPRINT}`;

const toText = (lines: readonly string[]) => lines.map((line) => `[GNUPG:] ${line}\n`).join('');

describe("generator: gpgv's status lines", () => {
  it('give a good signature', () => {
    assert.deepEqual(readGpgvStatus(toText([...PLAIN, ...NEW, SIG_ID, GOOD, VALID])), {
      fingerprint: FINGERPRINT,
      primaryFingerprint: FINGERPRINT,
      createdAt: 1_705_276_800_000,
      expiresAt: Infinity,
      version: 4,
      publicKeyAlgorithm: 1,
      hashAlgorithm: 10,
    });
  });

  it('give the primary key of a subkey, and when the signature expires', () => {
    const valid = `VALIDSIG ${FINGERPRINT} 2024-01-15 1705276800 3282076800 3 0 17 8 00 ${PRIMARY}`;
    const verdict = readGpgvStatus(toText([...NEW, GOOD, valid]));
    assert(!isRejection(verdict));
    assert.equal(verdict.primaryFingerprint, PRIMARY);
    assert.equal(verdict.expiresAt, 3_282_076_800_000);
    assert.deepEqual([verdict.version, verdict.publicKeyAlgorithm], [3, 17]);
  });

  const rows: readonly (readonly [string, RejectionCode, readonly string[]])[] = [
    ['nothing', 'not-signed', []],
    ['other lines', 'not-signed', ['FAILURE gpgv 1', 'BEGIN_DECRYPTION']],
    ['a literal alone', 'malformed', [...PLAIN, 'NODATA 4']],
    ['a literal without a signature behind', 'not-signed', PLAIN],
    ['no OpenPGP data', 'malformed', ['NODATA 1', 'NODATA 2']],
    ['an encrypted message', 'malformed', ['UNEXPECTED 0']],
    ['a message cut short', 'malformed', [...PLAIN, 'NODATA 3', 'NODATA 4']],
    ['a signature cut short', 'malformed', [...PLAIN, ...NEW, 'NODATA 3', 'NODATA 4']],
    ['data behind a good signature', 'malformed', [...PLAIN, ...NEW, GOOD, VALID, 'UNEXPECTED 0']],
    ['no data behind a good one', 'malformed', [...PLAIN, ...NEW, GOOD, VALID, 'NODATA 3']],
    [
      'two literals',
      'malformed',
      [...PLAIN, 'ERROR proc_pkt.plaintext 89_BAD_DATA', ...NEW, `BADSIG ${KEY_ID} lab`],
    ],
    ['a bad signature', 'bad-signature', [...PLAIN, ...NEW, `BADSIG ${KEY_ID} lab`]],
    ['an expired signature', 'signature-expired', [...NEW, SIG_ID, `EXPSIG ${KEY_ID} l`, VALID]],
    ['an expired key', 'key-expired', [...NEW, 'KEYEXPIRED 1', `EXPKEYSIG ${KEY_ID} exp`, VALID]],
    ['a revoked key', 'key-revoked', [...NEW, SIG_ID, `REVKEYSIG ${KEY_ID} rev`, VALID]],
    ['a stranger', 'unknown-signer', [...PLAIN, 'NEWSIG', STRANGER, `NO_PUBKEY ${KEY_ID}`]],
    ['an algorithm', 'unsupported-signature', ['NEWSIG', `ERRSIG ${KEY_ID} 99 8 00 1 4 -`]],
    ['a weak digest', 'unsupported-signature', ['NEWSIG', `ERRSIG ${KEY_ID} 1 1 00 1 5 -`]],
    ['a good one that is not valid', 'unsupported-signature', [...NEW, GOOD]],
    ['two good ones', 'multiple-signatures', [...NEW, GOOD, VALID, ...NEW, GOOD, VALID]],
    ['a good one and a stranger', 'multiple-signatures', [...NEW, GOOD, VALID, 'NEWSIG', STRANGER]],
    ['a stranger and a good one', 'multiple-signatures', ['NEWSIG', STRANGER, ...NEW, GOOD, VALID]],
    ['two without new ones between', 'multiple-signatures', [GOOD, VALID, `BADSIG ${KEY_ID} lab`]],
  ];
  for (const [title, code, lines] of rows) {
    it(`say of ${title}: ${code}`, () => {
      const verdict = readGpgvStatus(toText(lines));
      assert(isRejection(verdict));
      assert.equal(verdict.code, code);
      assert.notEqual(verdict.message, '');
      assert.equal(verdict.breaksPulls, false);
    });
  }

  it('count only at the start of a line', () => {
    const text = `gpgv: [GNUPG:] ${GOOD}\n [GNUPG:] ${VALID}\n${toText(['NODATA 1'])}`;
    assert(isRejection(readGpgvStatus(text)));
  });

  it('take a user ID for a name, whatever it says', () => {
    const name = `GOODSIG ${KEY_ID} [GNUPG:] BADSIG ${KEY_ID} VALIDSIG`;
    assert(!isRejection(readGpgvStatus(toText([...NEW, name, VALID]))));
  });

  describe('whatever they say', () => {
    const words = [...PLAIN, ...NEW, GOOD, VALID, SIG_ID, STRANGER, 'NODATA 3', 'UNEXPECTED 0'];
    const spoilt = ['EXPSIG', 'EXPKEYSIG', 'REVKEYSIG', 'BADSIG'].map(
      (word) => `${word} ${KEY_ID}`,
    );
    const line = fc.oneof(
      fc.constantFrom(...words, ...spoilt, 'ERROR proc_pkt.plaintext 1', 'GOODSIG', 'VALIDSIG'),
      fc.string(),
    );

    it('give a verdict', () => {
      const text = fc.oneof(fc.string({ unit: 'binary' }), fc.array(line).map(toText));
      fc.assert(
        fc.property(text, (status) => {
          const verdict = readGpgvStatus(status);
          const isGood = /^\[GNUPG:\] GOODSIG\b.*\n(?:.*\n)*\[GNUPG:\] VALIDSIG\b/m.test(status);
          if (!isGood) assert(isRejection(verdict));
        }),
        { numRuns: 3000 },
      );
    });

    it('give no signature with a word against it, or two', () => {
      const good = [...NEW, GOOD, VALID];
      const against = [...spoilt, STRANGER, GOOD, 'NODATA 3', 'UNEXPECTED 0'];
      const around = fc.array(fc.constantFrom(...PLAIN, ...NEW, SIG_ID, ...against));
      fc.assert(
        fc.property(
          around,
          around,
          fc.constantFrom(...against),
          fc.boolean(),
          (a, b, bad, isFirst) => {
            const lines = [
              ...a,
              ...(isFirst ? [bad] : []),
              ...good,
              ...(isFirst ? [] : [bad]),
              ...b,
            ];
            assert(isRejection(readGpgvStatus(toText(lines))));
          },
        ),
        { numRuns: 2000 },
      );
    });
  });
});
