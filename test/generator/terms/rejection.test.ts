import assert from 'node:assert/strict';
import {
  REJECTIONS,
  hasPlaceIn,
  isRejection,
  moveFileIn,
  nameFileIn,
  reject,
} from '../../../generator/terms/rejection.ts';

describe('generator: rejection', () => {
  for (const [code, { cause, cure }] of Object.entries(REJECTIONS)) {
    it(`${code} has a cause and a cure in whole sentences`, () => {
      assert.match(code, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
      assert.match(cause, /^[A-Z].*[.…]$/);
      assert.match(cure, /^[A-Z].*[.…]$/);
    });
  }

  it('has one cause for one code', () => {
    const causes = Object.values(REJECTIONS).map(({ cause }) => cause);
    assert.equal(new Set(causes).size, causes.length);
  });

  it("hints at the code's cure and breaks no pulls unless told", () => {
    const { cure } = REJECTIONS.armored;
    const expected = { code: 'armored', message: 'a, not b', hint: cure, breaksPulls: false };
    assert.deepEqual(reject('armored', 'a, not b'), expected);
  });

  it('takes a better hint, and the harm', () => {
    const rejection = reject('armored', 'm', { hint: 'do this', breaksPulls: true });
    assert.deepEqual(rejection, {
      code: 'armored',
      message: 'm',
      hint: 'do this',
      breaksPulls: true,
    });
  });

  for (const [what, text, expected] of [
    ['a line feed', 'a\nb', 'a\\u{a}b'],
    ['an escape', 'a\u001b[31mb', 'a\\u{1b}[31mb'],
    ['an 8-bit control sequence', 'a\u009b31mb', 'a\\u{9b}31mb'],
    ['a right-to-left override', 'a\u202eb', 'a\\u{202e}b'],
    ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
    ['a lone surrogate', 'a\ud800b', 'a\ufffdb'],
    ['letters of any script', 'äß漢🐙', 'äß漢🐙'],
  ] as const) {
    it(`keeps the message one printable line: ${what}`, () => {
      assert.equal(reject('empty', text).message, expected);
      assert.equal(reject('empty', '', { hint: text }).hint, expected);
    });
  }

  it('cuts a message that a file made long', () => {
    const { message } = reject('invalid-identity', 'x'.repeat(4 * 1024 * 1024));
    assert.equal(message, `${'x'.repeat(1000)}…`);
  });

  it('names the file in a cure from where a shell is, whatever the names', () => {
    const hint = 'Run `mv FILE.new FILE`, see `.gitattributes`, then `git add FILE`.';
    const path = 'it`s/$HOME/-x';
    const named = nameFileIn(hint, path);
    assert.equal(hasPlaceIn(named, path), true);
    assert.equal(hasPlaceIn('Sign with `gpg --sign`, see `.gitattributes`.', path), false);
    assert.equal(
      moveFileIn(named, path, `-d/${path}`, '-d'),
      "Run `mv './-d/it`s/$HOME/-x'.new './-d/it`s/$HOME/-x'`, see `.gitattributes`, " +
        "then `(cd './-d' && git add 'it`s/$HOME/-x')`.",
    );
  });

  it('tells a rejection from other results', () => {
    assert.equal(isRejection(reject('empty', '')), true);
    assert.equal(isRejection(Buffer.from('code')), false);
    assert.equal(isRejection({ code: 'empty' }), false);
  });
});
