import assert from 'node:assert/strict';
import { Troubles } from '../../../server/troubles/troubles.ts';

describe('troubles', () => {
  it('last until the last part of the server that has one says so', () => {
    let second = 0;
    const troubles = new Troubles(() => new Date(Date.UTC(2026, 0, 1, 0, 0, second++)));
    troubles.raise('state-directory', { message: 'no verdicts' }, 'verdicts');
    troubles.raise('state-directory', { message: 'no image\u202e', hint: 'mend it' }, 'image');
    troubles.clear('state-directory', 'refused pulls');
    const since = '2026-01-01T00:00:00.000Z';
    assert.deepEqual(troubles.list(), [
      { kind: 'state-directory', since, message: 'no image\\u{202e}', hint: 'mend it' },
    ]);
    troubles.clear('state-directory', 'image');
    assert.equal(troubles.list()[0]?.message, 'no verdicts');
    troubles.clear('access-log');
    troubles.clear('state-directory', 'verdicts');
    assert.deepEqual(troubles.list(), []);
  });
});
