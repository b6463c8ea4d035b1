// `config` of the chart's values is checked as a configuration file is, with patterns that Helm can read.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { z } from 'zod';
import { OPTION_NAMES } from '../../cli/base/options.ts';
import { toGoPatterns } from '../../scripts/chart/go-patterns.ts';
import { SAMPLES } from '../cli/option-samples.ts';

const values = z
  .looseObject({ properties: z.looseObject({ config: z.looseObject({}) }) })
  .parse(JSON.parse(readFileSync('deploy/chart/values.schema.json', 'utf8')));
const { config } = values.properties;
const ajv = new Ajv({ allowUnionTypes: true, strictTypes: false });
const isConfig = ajv.compile(config);
const isFile = ajv.compile(
  z.looseObject({}).parse(JSON.parse(readFileSync('docs/lookaside.schema.json', 'utf8'))),
);

describe('config in the values of the chart', () => {
  it('is checked as docs/lookaside.schema.json checks a file', () => {
    for (const name of OPTION_NAMES) {
      for (const [value] of [...SAMPLES[name].good, ...SAMPLES[name].bad]) {
        const content = { [name]: value };
        assert.equal(isConfig(content), isFile(content), JSON.stringify(content));
      }
    }
    assert.ok(!isConfig({ unknown: 1 }));
  });

  it('has no pattern that Go cannot read', () => {
    assert.match(JSON.stringify(config), /"pattern":/);
    assert.doesNotMatch(JSON.stringify(config), /\(\?<?[=!]/);
  });
});

describe('patterns for Go', () => {
  const cases = [
    ['^a+$', { pattern: '^a+$' }],
    ['^(?!b)a', { allOf: [{ not: { pattern: '^(?:b)' } }, { pattern: '^a' }] }],
    [
      '^(?!(?:a|\\)[)])x)(?!.*y$)',
      { allOf: [{ not: { pattern: '^(?:(?:a|\\)[)])x)' } }, { not: { pattern: '^(?:.*y$)' } }] },
    ],
  ] as const;
  for (const [pattern, becomes] of cases) {
    it(`say the same as ${pattern}`, () => {
      assert.deepEqual(toGoPatterns({ pattern }), becomes);
    });
  }

  it('keep what stands beside them', () => {
    const schema = { type: 'string', allOf: [{ minLength: 1 }], pattern: '^(?!a)' };
    const allOf = [{ minLength: 1 }, { not: { pattern: '^(?:a)' } }];
    assert.deepEqual(toGoPatterns({ items: [schema] }), { items: [{ type: 'string', allOf }] });
  });

  for (const pattern of ['a(?!b)', '^a(?=b)', '^(?!a', '(?<!a)b']) {
    it(`cannot be made of ${pattern}, which is told`, () => {
      assert.throws(
        () => toGoPatterns({ pattern }),
        /a lookahead is not at the start|does not end/,
      );
    });
  }
});
