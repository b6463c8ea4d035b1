import assert from 'node:assert/strict';
import { readParameter } from '../../../server/status/page.ts';

describe('a parameter of a status page', () => {
  it('is as it was sent, as far as it is one and not endless', () => {
    assert.equal(readParameter({ name: ' team/app\n' }, 'name'), ' team/app\n');
    assert.equal(readParameter({}, 'name'), '');
    assert.equal(readParameter({ name: ['a', 'b'] }, 'name'), undefined);
    assert.equal(readParameter({ name: 'x'.repeat(16_384) }, 'name')?.length, 16_384);
    assert.equal(readParameter({ name: 'x'.repeat(16_385) }, 'name'), undefined);
  });
});
