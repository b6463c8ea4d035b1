import assert from 'node:assert/strict';
import { GivenUp } from '../../../generator/openpgp/given-up.ts';

const MINUTE = 60_000;
const DAY = 24 * 3_600_000;

describe('messages that gpgv has given up', () => {
  let elapsed = 0;
  let givenUp: GivenUp;
  beforeEach(() => {
    elapsed = 0;
    givenUp = new GivenUp(() => elapsed);
  });

  it('are tried again, each time after a longer pause, up to a day', () => {
    const pauses: number[] = [];
    for (let tries = 0; tries < 14; tries++) {
      assert.equal(givenUp.has('a'), false);
      givenUp.add('a');
      const before = elapsed;
      while (givenUp.has('a')) elapsed += MINUTE;
      pauses.push(elapsed - before);
    }
    assert.deepEqual(pauses.slice(0, 4), [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE]);
    assert.equal(pauses.at(-1), DAY);
  });

  it('do not fill the memory: the oldest is forgotten', () => {
    for (let message = 0; message <= 1000; message++) givenUp.add(`${message}`);
    assert.deepEqual(
      [givenUp.has('0'), givenUp.has('1'), givenUp.has('1000')],
      [false, true, true],
    );
  });
});
