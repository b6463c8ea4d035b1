import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chooseProcessor, parseProcessors } from '../../../generator/sources/give-way.ts';

describe('what gives way', () => {
  it('reads which processors there are', () => {
    assert.deepEqual(parseProcessors('0'), [0]);
    assert.deepEqual(parseProcessors('0-3,8,10-11'), [0, 1, 2, 3, 8, 10, 11]);
    assert.deepEqual(parseProcessors(''), []);
  });

  it('stays on one that this process may use', () => {
    const status = readFileSync('/proc/self/status', 'latin1');
    const allowed = parseProcessors(/^Cpus_allowed_list:\t(.+)$/m.exec(status)?.[1] ?? '');
    const expected: readonly (number | undefined)[] = allowed.length > 1 ? allowed : [undefined];
    for (let turn = 0; turn < 100; turn++) assert.ok(expected.includes(chooseProcessor()));
  });
});
