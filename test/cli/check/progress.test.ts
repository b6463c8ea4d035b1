import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Progress } from '../../../cli/check/progress.ts';

/** Files that are checked at once, as from git, and milliseconds that they take. */
const BATCH = 250;
const TIME = 500;
const TOTAL = 10_000;

describe('the bar of a long check', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] }));
  afterEach(() => mock.timers.reset());

  it('says how long the rest takes, though files come in batches', async () => {
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
    const pass = { count: async () => TOTAL };
    const progress = new Progress(pass, { stderr, environment: {} });
    mock.timers.tick(1000);
    const read = (): string => String(stderr.read() ?? '');
    let shown = '';
    while (shown === '') {
      await setImmediate();
      shown = read();
    }
    const told: (readonly [done: number, left: string])[] = [];
    for (let done = 0; done < TOTAL; done += BATCH) {
      for (let file = 0; file < BATCH; file++) progress.step();
      for (let part = 0; part < 10; part++) mock.timers.tick(TIME / 10);
      for (const [, count, left = ''] of read().matchAll(/(\d+)\/\d+ files, (\S+) left/g)) {
        told.push([Number(count), left]);
      }
    }
    progress.stop();
    const middle = told.filter(([done]) => done > 0.4 * TOTAL && done < 0.6 * TOTAL);
    assert.ok(middle.length > 0);
    for (const [done, left] of middle) {
      const seconds = ((TOTAL - done) / BATCH) * (TIME / 1000);
      const [, number = ''] = /^(\d+)s$/.exec(left) ?? [];
      assert.ok(Math.abs(Number(number) - seconds) < 3, `${done}: ${left}, expected ${seconds}s`);
    }
    assert.equal(told.at(-1)?.[0], TOTAL);
  });
});
