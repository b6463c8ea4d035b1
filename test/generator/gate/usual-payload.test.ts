import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseClaims, readUsualPayload } from '../../../generator/gate/claims.ts';

const formatPayload = (reference: string, digest: string, creator: string, time: string): string =>
  `{"critical":{"identity":{"docker-reference":"${reference}"},` +
  `"image":{"docker-manifest-digest":"${digest}"},"type":"atomic container signature"},` +
  `"optional":{"creator":"${creator}","timestamp":${time}}}`;

const USUAL = formatPayload('quay.io/team/app:v1', 'sha256:00', 'containers/image 5.36', '17');

/** With white space in front nothing is as usual, and the meaning is the same. */
const readStrictly = (payload: Uint8Array) =>
  parseClaims(Buffer.concat([Buffer.from(' '), payload]));

/** Characters that could end a string or number too late or too early. */
const awkward = fc.constantFrom(
  '"',
  '\\',
  '\\"',
  '\\u0041',
  '\\ud800',
  '{',
  '}',
  ',',
  ':',
  '0',
  '-',
  '.',
  'e9',
  '\n',
  '\0',
  '\u007f',
  '\u0080',
  '\u00e9',
  '\ufeff',
  '\u2028',
  '😀',
  'null',
  '"creator":"x",',
);
const piece = fc.oneof(awkward, fc.string(), fc.string({ unit: 'binary', maxLength: 4 }));
const bytes = fc.oneof(
  piece.map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 3 }),
);

/** Replaces some bytes, or takes them out, or puts others in between. */
const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 12 }), bytes), {
  minLength: 1,
  maxLength: 3,
});

describe('generator: payloads as they are usually written', () => {
  it('are read as such', () => {
    assert.deepEqual(readUsualPayload(Buffer.from(USUAL)), {
      dockerReference: 'quay.io/team/app:v1',
      manifestDigest: 'sha256:00',
      creator: 'containers/image 5.36',
      timestamp: 17,
    });
  });

  it('mean what the strict reader finds in them, whatever their strings and number are', () => {
    const printable = fc.stringMatching(/^[ !#-[\]-~]*$/);
    const text = fc.oneof(printable, piece);
    const time = fc.oneof(fc.nat().map(String), fc.maxSafeInteger().map(String), piece);
    fc.assert(
      fc.property(text, text, fc.oneof(text, fc.string({ maxLength: 600 })), time, (...parts) => {
        const payload = Buffer.from(formatPayload(...parts));
        const usual = readUsualPayload(payload);
        if (usual) assert.deepEqual(usual, readStrictly(payload));
      }),
      { numRuns: 2000 },
    );
  });

  it('mean what the strict reader finds in them, wherever they were changed', () => {
    fc.assert(
      fc.property(edits, (changes) => {
        let payload = Buffer.from(USUAL);
        for (const [where, removed, added] of changes) {
          const at = where % (payload.length + 1);
          payload = Buffer.concat([payload.subarray(0, at), added, payload.subarray(at + removed)]);
        }
        assert.deepEqual(parseClaims(payload), readStrictly(payload));
      }),
      { numRuns: 5000 },
    );
  });

  for (const [title, payload] of [
    ['other members', USUAL.replace('"creator"', '"maker"')],
    ['another order', USUAL.replace(/("creator":[^,]*),("timestamp":17)/, '$2,$1')],
    ['white space', USUAL.replace(':17', ': 17')],
    ['something behind', `${USUAL}\n`],
    ['an escape', USUAL.replace('quay', String.raw`\u0071uay`)],
    ['other characters than ASCII', USUAL.replace('5.36', '5.36é')],
    ['a time that no double holds exactly', USUAL.replace(':17', ':9007199254740993')],
    ['a time with leading zeros', USUAL.replace(':17', ':017')],
    ['a negative time', USUAL.replace(':17', ':-0')],
    ['a long creator', USUAL.replace('5.36', '5'.repeat(300))],
    ['more than is ever written', USUAL.replace('app', 'a'.repeat(2000))],
  ] as const) {
    it(`are not as usual with ${title}`, () => {
      assert.notEqual(payload, USUAL);
      assert.equal(readUsualPayload(Buffer.from(payload)), undefined);
    });
  }
});
