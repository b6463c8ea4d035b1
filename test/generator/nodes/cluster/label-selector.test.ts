import assert from 'node:assert/strict';
import {
  isEmptySelector,
  labelSelectorSchema,
  matchesLabels,
} from '../../../../generator/nodes/cluster/label-selector.ts';

describe('a label selector', () => {
  const key = 'role';
  for (const [title, selector, labels, matches] of [
    ['a label', { matchLabels: { role: 'a' } }, { role: 'a' }, true],
    ['an empty label', { matchLabels: { role: '' } }, { role: '' }, true],
    ['an empty label that is not there', { matchLabels: { role: '' } }, {}, false],
    ['one of two labels', { matchLabels: { role: 'a', x: 'b' } }, { role: 'a' }, false],
    [
      'In',
      { matchExpressions: [{ key, operator: 'In', values: ['a', 'b'] }] },
      { role: 'b' },
      true,
    ],
    ['In, without it', { matchExpressions: [{ key, operator: 'In', values: ['a'] }] }, {}, false],
    [
      'NotIn',
      { matchExpressions: [{ key, operator: 'NotIn', values: ['a'] }] },
      { role: 'a' },
      false,
    ],
    [
      'NotIn, without it',
      { matchExpressions: [{ key, operator: 'NotIn', values: ['a'] }] },
      {},
      true,
    ],
    ['Exists', { matchExpressions: [{ key, operator: 'Exists' }] }, { role: '' }, true],
    [
      'DoesNotExist',
      { matchExpressions: [{ key, operator: 'DoesNotExist' }] },
      { role: '' },
      false,
    ],
    [
      'both, of which one is not met',
      { matchLabels: { role: 'a' }, matchExpressions: [{ key: 'x', operator: 'Exists' }] },
      { role: 'a' },
      false,
    ],
    ['a name that all objects have', { matchLabels: { constructor: 'a' } }, {}, false],
  ] as const) {
    it(`${matches ? 'meets' : 'does not meet'} ${title}`, () => {
      assert.equal(matchesLabels(labelSelectorSchema.parse(selector), labels), matches);
    });
  }

  it('is empty without labels and expressions', () => {
    for (const selector of [{}, { matchLabels: null }, { matchLabels: {}, matchExpressions: [] }]) {
      assert.ok(isEmptySelector(labelSelectorSchema.parse(selector)));
    }
  });

  it('is refused with an operator that Kubernetes does not know', () => {
    const wrong = { matchExpressions: [{ key, operator: 'Gt', values: ['1'] }] };
    assert.equal(labelSelectorSchema.safeParse(wrong).success, false);
  });
});
