import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  type VerdictIndex,
  formatVerdictLine,
  indexVerdicts,
} from '../../../../generator/store/checkpoint/verdict-index.ts';

const NEWLINE = '\n'.codePointAt(0);

/** What stands in the first field: a hash in base64url, here as any printable ASCII. */
const key = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 });
const field = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', '\t'));
const line = fc.tuple(key, field).map((fields) => fields.join('\t'));
const lines = fc.array(line, { minLength: 1, maxLength: 30 });

const keyOf = (text: string) => text.split('\t', 1)[0] ?? '';
const indexOf = (...texts: readonly string[]) =>
  indexVerdicts(Buffer.from(texts.map(formatVerdictLine).join('')));
const textsOf = (index: VerdictIndex, wanted: string) =>
  [...index.find(wanted)].map((found) => index.text(found));

/** Where each line begins, and behind the last. */
function startsOf(texts: readonly string[]): readonly number[] {
  const starts = [0];
  for (const text of texts) {
    starts.push((starts.at(-1) ?? 0) + Buffer.byteLength(formatVerdictLine(text)));
  }
  return starts;
}

function assertFound(index: VerdictIndex, texts: readonly string[]): void {
  for (const text of texts) assert(textsOf(index, keyOf(text)).includes(text), text);
}

describe('generator: index of remembered verdicts', () => {
  it('finds every line by its key, as it was written', () => {
    const property = fc.property(lines, (texts) => {
      const index = indexOf(...texts);
      assert.equal(index.size, texts.length);
      for (const wanted of new Set(texts.map(keyOf))) {
        const newestFirst = texts.filter((text) => keyOf(text) === wanted).toReversed();
        assert.deepEqual(textsOf(index, wanted), newestFirst);
      }
    });
    fc.assert(property);
  });

  it('gives each line as it lies in the file', () => {
    const property = fc.property(lines, (texts) => {
      const index = indexOf(...texts);
      const raw = texts.map((_text, at) => index.raw(at));
      assert.deepEqual(Buffer.concat(raw), index.bytes);
    });
    fc.assert(property);
  });

  it('finds nothing under another key', () => {
    const index = indexOf('key\tone', 'keys\ttwo');
    for (const other of ['', 'k', 'key\tone', 'KEY', '__proto__', 'keys\n']) {
      assert.deepEqual(textsOf(index, other), [], other);
    }
  });

  it('gives the newest of two lines with one key first', () => {
    const index = indexOf('key\told', 'other\tx', 'key\tnew');
    assert.deepEqual(textsOf(index, 'key'), ['key\tnew', 'key\told']);
  });

  it('loses one line by a byte that is damaged, and never takes it for good', () => {
    const property = fc.property(
      lines,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (texts, n, x) => {
        const bytes = indexOf(...texts).bytes;
        const at = n % bytes.length;
        // Without the newline between them, two lines are one.
        fc.pre(bytes[at] !== NEWLINE);
        const damaged = startsOf(texts).findLastIndex((start) => start <= at);
        bytes[at] = (bytes[at] ?? 0) ^ x;
        const index = indexVerdicts(bytes);
        assertFound(index, texts.toSpliced(damaged, 1));
        for (const wanted of texts.map(keyOf)) {
          for (const text of textsOf(index, wanted))
            assert(text === undefined || texts.includes(text));
        }
      },
    );
    fc.assert(property, { numRuns: 1000 });
  });

  it('loses the two lines around a newline that is damaged, and no other', () => {
    const property = fc.property(
      lines,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (texts, n, x) => {
        const bytes = indexOf(...texts).bytes;
        const [damaged, starts] = [n % texts.length, startsOf(texts)];
        const at = (starts[damaged + 1] ?? 0) - 1;
        bytes[at] = (bytes[at] ?? 0) ^ x;
        assertFound(indexVerdicts(bytes), texts.toSpliced(damaged, 2));
      },
    );
    fc.assert(property);
  });

  it('loses only the last line when it is cut short, at any length', () => {
    const whole = ['a\tone', 'b\ttwo — ü', 'c\tthree'];
    const { bytes } = indexOf(...whole);
    const last = startsOf(whole).at(-2) ?? 0;
    for (let length = last; length < bytes.length; length++) {
      const index = indexVerdicts(bytes.subarray(0, length));
      assert.equal(index.size, 2);
      assertFound(index, whole.slice(0, 2));
      assert.deepEqual(textsOf(index, 'c'), []);
    }
  });

  it('is cut short anywhere without losing a whole line', () => {
    const property = fc.property(lines, fc.nat(), (texts, n) => {
      const { bytes } = indexOf(...texts);
      const length = n % (bytes.length + 1);
      const whole = startsOf(texts).findLastIndex((start) => start <= length);
      const index = indexVerdicts(bytes.subarray(0, length));
      assert.equal(index.size, whole);
      assertFound(index, texts.slice(0, whole));
    });
    fc.assert(property);
  });

  it('finds nothing in an empty file', () => {
    const index = indexVerdicts(Buffer.alloc(0));
    assert.equal(index.size, 0);
    assert.deepEqual(textsOf(index, ''), []);
    assert.equal(index.text(0), undefined);
    assert.deepEqual(index.raw(0), Buffer.alloc(0));
  });

  it('takes nothing in garbage for a line', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 2000 }), (garbage) => {
      const index = indexVerdicts(Buffer.from(garbage));
      for (let at = 0; at < index.size; at++) assert.equal(index.text(at), undefined);
    });
    fc.assert(property);
  });

  it('finds the lines between garbage', () => {
    const noise = fc
      .uint8Array({ maxLength: 200 })
      .map((bytes) => Buffer.concat([bytes, Buffer.from('\n')]));
    const property = fc.property(lines, fc.infiniteStream(noise), (texts, noises) => {
      const parts = texts.flatMap((text) => [
        noises.next().value,
        Buffer.from(formatVerdictLine(text)),
      ]);
      assertFound(indexVerdicts(Buffer.concat(parts)), texts);
    });
    fc.assert(property);
  });

  for (const [what, byte] of [
    ['newlines', '\n'],
    ['tabs', '\t'],
    ['zeros', '\0'],
  ] as const) {
    it(`is not held up by millions of ${what}`, () => {
      const bytes = Buffer.alloc(4 * 1024 * 1024, byte);
      const good = Buffer.from(`\n${formatVerdictLine('key\ttext')}`);
      assert.equal(indexVerdicts(bytes).size, 0);
      assertFound(indexVerdicts(Buffer.concat([bytes, good])), ['key\ttext']);
    });
  }
});
