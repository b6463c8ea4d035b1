import assert from 'node:assert/strict';
import { WallClock } from '../../../server/follow/wall-clock.ts';
import { eventually } from '../../kit/eventually.ts';

describe('the wall clock', () => {
  let [now, elapsed] = [1_700_000_000_000, 5000];
  let ticks = 0;
  let jumps: { readonly milliseconds: number; readonly since: number }[] = [];
  let clock: WallClock;

  beforeEach('make', () => {
    [now, elapsed, ticks, jumps] = [1_700_000_000_000, 5000, 0, []];
    clock = new WallClock({
      now: () => new Date(now),
      elapsed: () => elapsed,
      onTick: () => ticks++,
      onJump: (milliseconds, since) => void jumps.push({ milliseconds, since }),
    });
  });
  afterEach(() => clock.stop());

  const pass = (real: number, shown = real): void => {
    elapsed += real;
    now += shown;
    clock.look();
  };

  it('lets time go by, however long the process was halted', () => {
    pass(1000);
    pass(90_000);
    pass(3_600_000);
    assert.deepEqual([ticks, jumps], [3, []]);
  });

  it('passes over what clocks are corrected by', () => {
    pass(1000, 5900);
    pass(1000, -3900);
    assert.deepEqual([ticks, jumps], [2, []]);
  });

  it('tells each jump once, by how much and since when', () => {
    pass(1000, 1000 + 5000);
    pass(1000);
    pass(2000, 2000 - 86_400_000);
    pass(1000);
    assert.deepEqual(jumps, [
      { milliseconds: 5000, since: 5000 },
      { milliseconds: -86_400_000, since: 7000 },
    ]);
    assert.equal(ticks, 2);
  });

  it('takes a sleep of the machine, in which one clock stands still, for a jump', () => {
    pass(10, 8 * 3_600_000);
    assert.equal(jumps.length, 1);
  });

  it('looks by itself until it is stopped', async () => {
    clock.start();
    await eventually(() => assert(ticks > 0, 'not yet'));
    clock.stop();
  });
});
