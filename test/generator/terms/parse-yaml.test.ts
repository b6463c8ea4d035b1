import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { YamlTextError, parseYaml } from '../../../generator/terms/parse-yaml.ts';

const LEVELS = 20_000;

describe('YAML of others', () => {
  for (const [title, text] of [
    ['brackets', '['.repeat(LEVELS)],
    ['brackets that texts seem to close', '["]", '.repeat(LEVELS)],
    ['brackets that comments seem to close', '[ #]\n'.repeat(LEVELS)],
    ['keys that are brackets', '{"}": '.repeat(LEVELS)],
    ['brackets behind what closes none', `${']'.repeat(LEVELS)}\n${'['.repeat(LEVELS)}`],
    ['dashes', '- '.repeat(LEVELS)],
    ['marks of all kinds', '- ? : '.repeat(LEVELS)],
    ['anchors in a row', '&a '.repeat(LEVELS)],
  ] as const) {
    it(`is refused for its depth: ${title}`, () => {
      assert.throws(() => parseYaml(text), new YamlTextError('it is nested too deeply'));
    });
  }

  it('may have many brackets beside each other, and within texts', () => {
    const many = Array.from({ length: 1001 }, () => '- [a]\n- "[["\n- |\n  [[\n').join('');
    assert.equal((parseYaml(many)[0] as unknown[]).length, 3003);
  });

  it('is refused in one line that says where', () => {
    assert.throws(
      () => parseYaml('a: 1\nb: {c\n'),
      (error) =>
        error instanceof YamlTextError && /^[^\n]+ at line \d+, column \d+$/.test(error.message),
    );
  });

  it('may not multiply what is small', () => {
    const [first, ...others] = Array.from('abcdefgh');
    let text = `${first}: &${first} x\n`;
    let before = first;
    for (const name of others) {
      text += `${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]\n`;
      before = name;
    }
    assert.throws(() => parseYaml(text), YamlTextError);
    assert.throws(() => parseYaml('a: &a x\nb: *a\n', 0), YamlTextError);
  });

  it('is what it was written from', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (values) => {
        const text = values.map((value) => `---\n${JSON.stringify(value)}\n`).join('');
        assert.deepEqual(parseYaml(text), JSON.parse(JSON.stringify(values)));
      }),
      { numRuns: 50 },
    );
  });
});
