import assert from 'node:assert/strict';
import { parseProcessors } from '../../../../../generator/sources/git/processes/give-way.ts';

describe('what gives way', () => {
  it('reads which processors there are', () => {
    assert.deepEqual(parseProcessors('0'), [0]);
    assert.deepEqual(parseProcessors('0-3,8,10-11'), [0, 1, 2, 3, 8, 10, 11]);
    assert.deepEqual(parseProcessors(''), []);
  });
});
