import assert from 'node:assert/strict';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Reload } from '../../../server/follow/reload.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { eventually } from '../../kit/eventually.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { createGate } from '../../kit/server/gate.ts';

describe('a reload', () => {
  let troubles: Troubles;
  let used: number[];
  const lines = captureLines();
  const create = (read: () => Promise<number>): Reload<number> => {
    troubles = new Troubles(() => new Date());
    used = [];
    return new Reload({ read, troubles, log: createProgramLog(lines.stream) });
  };
  const use = (next: number): void => {
    if (next < 0) throw new Error('expected a certificate');
    used.push(next);
  };

  it('that was asked for before all is there is done once it is', async () => {
    const reload = create(async () => 1);
    reload.request();
    reload.request();
    reload.start(use);
    await eventually(() => assert.deepEqual(used, [1]));
  });

  it('runs one at a time, and the last request is not lost', async () => {
    let [reads, running] = [0, 0];
    const gate = createGate();
    const reload = create(async () => {
      assert.equal(++running, 1);
      await gate.wait();
      running--;
      return ++reads;
    });
    reload.start(use);
    for (let count = 0; count < 5; count++) reload.request();
    gate.open();
    await eventually(() => assert.deepEqual(used, [1, 2]));
  });

  it('that fails is told until one works', async () => {
    const answers = [
      Object.assign(new Error('/etc/keys: no such file'), { hint: 'put it back' }),
      new Error('no certificate'),
      -1,
      5,
    ];
    const reload = create(async () => {
      const answer = answers.shift() ?? 0;
      if (typeof answer === 'object') throw answer;
      return answer;
    });
    reload.start(use);
    const told = [
      ['/etc/keys: no such file', 'put it back'],
      ['no certificate', 'fix it, then send SIGHUP again'],
      ['expected a certificate', 'fix it, then send SIGHUP again'],
    ];
    for (const [message, hint] of told) {
      reload.request();
      await eventually(() => {
        const [trouble] = troubles.list();
        assert.deepEqual(
          [trouble?.kind, trouble?.message, trouble?.hint],
          ['reload-failed', message, hint],
        );
      });
    }
    assert.deepEqual(used, []);
    reload.request();
    await eventually(() => assert.deepEqual(used, [5]));
    await eventually(() => assert.deepEqual(troubles.list(), []));
  });
});
