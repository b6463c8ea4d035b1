import assert from 'node:assert/strict';
import { GivenUp } from '../../../generator/openpgp/given-up.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = 1_700_000_000_000;

describe('messages that gpgv has given up', () => {
  let elapsed = 0;
  let wall = START;
  let givenUp: GivenUp;
  const create = (): GivenUp => new GivenUp({ elapsed: () => elapsed, now: () => new Date(wall) });
  beforeEach(() => {
    elapsed = 0;
    wall = START;
    givenUp = create();
  });
  /** How long a message is still not to be tried. */
  const wait = (hash: string, step = MINUTE): number => {
    const before = elapsed;
    while (givenUp.has(hash)) elapsed += step;
    wall += elapsed - before;
    return elapsed - before;
  };
  /** Another process, after so much time by the clock on the wall. */
  const restart = (passed: number): void => {
    const saved = givenUp.save();
    [elapsed, wall] = [0, wall + passed];
    givenUp = create();
    givenUp.restore(saved);
  };
  const failTimes = (hash: string, times: number): void => {
    for (let tries = 0; tries < times; tries++) givenUp.add(hash);
  };

  it('are tried again, each time after a longer pause, up to a day', () => {
    const pauses: number[] = [];
    for (let tries = 0; tries < 14; tries++) {
      assert.equal(givenUp.has('a'), false);
      givenUp.add('a');
      pauses.push(wait('a'));
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

  it('wait in the next run for what is left of their pause, and then twice as long', () => {
    failTimes('a', 8);
    restart(28 * MINUTE);
    assert.equal(wait('a'), 100 * MINUTE);
    givenUp.add('a');
    assert.equal(wait('a'), 256 * MINUTE);
  });

  /** How many of the first thousand may be tried now. */
  const due = (): number =>
    Array.from({ length: 1000 }, (_, message) => `${message}`).filter((one) => !givenUp.has(one))
      .length;

  it('are never what a start begins with, and not all at once, even by a clock that is ahead', () => {
    for (let message = 0; message < 1000; message++) givenUp.add(`${message}`);
    restart(50 * 365 * DAY);
    assert.equal(due(), 0);
    elapsed = MINUTE - 1;
    assert.equal(due(), 0);
    elapsed = 2 * MINUTE;
    assert.ok(due() >= 10 && due() <= 20, `${due()} are due`);
    elapsed = 2 * HOUR;
    assert.equal(due(), 1000);
  });

  it('are not put off for ever by a clock that was ahead, however often the program starts', () => {
    wall += 50 * 365 * DAY;
    failTimes('a', 12);
    restart(-50 * 365 * DAY);
    for (let starts = 0; starts < 25; starts++) {
      assert.ok(givenUp.has('a'));
      restart(HOUR);
    }
    assert.equal(wait('a'), MINUTE);
  });

  it('are tried once more when that is asked for, and keep the length of their pause', () => {
    failTimes('a', 4);
    assert.ok(givenUp.has('a'));
    givenUp.askAgain();
    assert.ok(!givenUp.has('a'));
    givenUp.add('a');
    assert.equal(wait('a'), 16 * MINUTE);
  });

  it('are forgotten where another gpgv, or the same with more time, is to be asked', () => {
    givenUp.judgeBy('gpgv 2.2.40, 2 s');
    givenUp.add('a');
    const saved = givenUp.save();
    givenUp.judgeBy('gpgv 2.2.40, 2 s');
    assert.ok(givenUp.has('a'));
    givenUp.judgeBy('gpgv 2.2.40, 5 s');
    assert.ok(!givenUp.has('a'));
    const next = create();
    next.judgeBy('gpgv 2.4.7, 2 s');
    assert.equal(next.restore(saved), false);
    assert.ok(!next.has('a'));
  });

  it('are remembered until it is known which gpgv there is', () => {
    givenUp.judgeBy('gpgv 2.2.40, 2 s');
    givenUp.add('a');
    const next = create();
    next.restore(givenUp.save());
    next.judgeBy('gpgv 2.2.40, 2 s');
    assert.ok(next.has('a'));
  });
});
