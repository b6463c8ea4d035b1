import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Failures,
  LookupFailure,
  MOST_UNCAUGHT,
  inTheWay,
  isUnexpected,
} from '../../../server/troubles/failures.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { SourceError } from '../../../generator/sources/source.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { eventually } from '../../kit/eventually.ts';

describe('failures that nobody foresaw', () => {
  let now: number;
  let ends: string[];
  let troubles: Troubles;
  const lines = captureLines();
  const create = (quietAfter = 60_000): Failures => {
    now = 0;
    ends = [];
    troubles = new Troubles(() => new Date());
    return new Failures({
      troubles,
      log: createProgramLog(lines.stream),
      end: (why) => void ends.push(why),
      elapsed: () => now,
      quietAfter,
    });
  };

  it('are counted, told and logged with a stack, and end nothing', () => {
    const failures = create();
    lines.take();
    failures.note('a refresh', new TypeError('x\u009b'.repeat(5000)));
    assert.equal(failures.count, 1);
    const [trouble] = troubles.list();
    assert.match(trouble?.message ?? '', /^a refresh failed unexpectedly: TypeError: x\\u\{9b\}x/);
    assert.equal(trouble?.kind, 'background-failure');
    assert.match(lines.take().join(), /"stack":\["at .*failures\.test/);
    assert.deepEqual(ends, []);
  });

  it('are over when nothing has failed for a while', async () => {
    const failures = create(1200);
    failures.note('a refresh', new Error('once'));
    await sleep(700);
    failures.note('a refresh', new Error('twice'));
    await sleep(700);
    assert.match(troubles.list()[0]?.message ?? '', /twice/);
    await eventually(() => assert.deepEqual(troubles.list(), []));
    assert.equal(failures.count, 2);
  });

  it('end the process when nobody caught too many of them in a minute, not before', () => {
    const failures = create();
    for (let count = 0; count < 5 * MOST_UNCAUGHT; count++) {
      now += 60_000 / MOST_UNCAUGHT;
      failures.take('not even an error');
    }
    assert.deepEqual(ends, []);
    for (let count = 0; count < MOST_UNCAUGHT; count++) failures.take(new Error('again'));
    assert.match(ends[0] ?? '', /^more than 10 unexpected failures in a minute.*Error: again$/);
  });

  it('end nothing, however many, where their work has ended with them', () => {
    const failures = create();
    for (let count = 0; count < 5 * MOST_UNCAUGHT; count++) failures.note('a page', new Error('x'));
    assert.deepEqual(ends, []);
  });

  it('end the process in the way of a lookup', () => {
    const failures = create();
    assert.equal(
      inTheWay(() => 7),
      7,
    );
    try {
      inTheWay(() => {
        throw new RangeError('torn');
      });
    } catch (error) {
      failures.take(error);
    }
    assert.deepEqual(ends, ['a lookup failed unexpectedly: RangeError: torn']);
    assert.equal(failures.count, 0);
  });

  it('are told apart from a broken world', () => {
    assert.ok(isUnexpected(new TypeError('x')));
    assert.ok(isUnexpected(new LookupFailure(new Error('x'))));
    assert.ok(!isUnexpected(new SourceError('the host is down')));
    assert.ok(!isUnexpected(Object.assign(new Error('x'), { code: 'ENOSPC' })));
  });
});
