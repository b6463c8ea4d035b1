import assert from 'node:assert/strict';
import { UndecidedPace, type UndecidedPass } from '../../../server/follow/undecided-pace.ts';

const IN_VAIN: UndecidedPass = { hasProgress: false, isWhole: true };
const MINUTE = 60_000;

describe('files without a verdict are asked for again', () => {
  let now: number;
  let pace: UndecidedPace;
  beforeEach(() => {
    now = 1000;
    pace = new UndecidedPace(() => now);
    pace.note(1);
  });

  const pass = async (came: UndecidedPass | undefined, took = 0): Promise<void> =>
    pace.time(async () => {
      now += took;
      return came;
    });
  /** How long it takes until the next pass is due, in minutes. */
  const pauseBehind = async (came: UndecidedPass | undefined, took = 0): Promise<number> => {
    await pass(came, took);
    const from = now;
    while (!pace.isDue()) now += MINUTE / 60;
    return (now - from) / MINUTE;
  };

  it('at once, and then after pauses that double up to an hour', async () => {
    assert.ok(pace.isDue());
    const pauses: number[] = [];
    for (let one = 0; one < 9; one++) pauses.push(await pauseBehind(IN_VAIN));
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('at once where there are more of them', async () => {
    await pass(IN_VAIN);
    pace.note(1);
    assert.ok(!pace.isDue());
    pace.note(2);
    assert.ok(pace.isDue());
    assert.equal(await pauseBehind(IN_VAIN), 1);
  });

  it('after a minute where some are decided', async () => {
    for (let one = 0; one < 3; one++) await pauseBehind(IN_VAIN);
    await pauseBehind({ hasProgress: true, isWhole: true });
    assert.equal(await pauseBehind(IN_VAIN), 1);
  });

  it('after as long as the pass took, which was one of some of them', async () => {
    const part = { hasProgress: false, isWhole: false };
    assert.equal(await pauseBehind(part, 10 * MINUTE), 10);
    assert.equal(await pauseBehind(part), 0);
  });

  it('after a minute where nobody could be asked, or that failed', async () => {
    assert.equal(await pauseBehind(undefined), 1);
    await assert.rejects(pace.time(async () => assert.fail('broken')));
    assert.ok(!pace.isDue());
  });
});
