import assert from 'node:assert/strict';
import { findAround, scopeChain } from '../../../generator/policy/scope-chain.ts';

const HEX = 'ab'.repeat(32);

describe('generator: the scopes around a scope', () => {
  for (const [scope, expected] of [
    ['', ['']],
    ['localhost', ['localhost', '']],
    ['quay.io', ['quay.io', '*.io', '']],
    ['quay.io/team/app', ['quay.io/team/app', 'quay.io/team', 'quay.io', '*.io', '']],
    ['quay.io/app:v1', ['quay.io/app:v1', 'quay.io/app', 'quay.io', '*.io', '']],
    [
      `quay.io/app@sha256:${HEX}`,
      [`quay.io/app@sha256:${HEX}`, 'quay.io/app', 'quay.io', '*.io', ''],
    ],
    ['a.b.c:5000/app', ['a.b.c:5000/app', 'a.b.c:5000', '*.b.c', '*.c', '']],
    ['localhost:5000', ['localhost:5000', '']],
    ['*.b.c', ['*.b.c', '*.c', '']],
    ['*.c', ['*.c', '']],
  ] as const) {
    it(`of ${scope || 'all'} are ${expected.length}`, () => {
      assert.deepEqual(scopeChain(scope), expected);
    });
  }

  it('give the nearest that is known', () => {
    const known = new Map([
      ['quay.io', 1],
      ['*.io', 2],
    ]);
    assert.equal(findAround(known, 'quay.io/team'), 1);
    assert.equal(findAround(known, 'other.io/team'), 2);
    assert.equal(findAround(known, 'docker.io'), 2);
    assert.equal(findAround(known, 'quay.com'), undefined);
  });
});
