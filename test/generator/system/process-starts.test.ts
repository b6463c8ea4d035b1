import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessStartError } from '../../../generator/system/process-limits.ts';
import { ProcessStarts } from '../../../generator/system/process-starts.ts';

const failure = (code: string) =>
  new ProcessStartError('git', Object.assign(new Error(`spawn git ${code}`), { code }));

describe('system: whether processes can be started', () => {
  it('is told when none can, and when one could again, each once', async () => {
    const starts = new ProcessStarts(1);
    const told: string[] = [];
    const stop = starts.listen({
      onStartFailure: ({ message }) => void told.push(message),
      onStarted: () => void told.push('started'),
    });
    starts.worked();
    starts.failed(failure('ENOENT'));
    starts.worked();
    assert.equal(told.length, 0);
    for (const code of ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']) {
      starts.failed(failure(code));
      starts.failed(failure(code));
      starts.worked();
      starts.worked();
      await sleep(5);
      assert.match(told.splice(0).join(' '), new RegExp(`^[^()]*\\(${code}\\) started$`));
    }
    stop();
    starts.failed(failure('EAGAIN'));
    assert.equal(told.length, 0);
  });

  it('is told once while some work and some do not', async () => {
    const starts = new ProcessStarts(50);
    const told: string[] = [];
    starts.listen({
      onStartFailure: () => void told.push('failed'),
      onStarted: () => void told.push('started'),
    });
    for (let round = 0; round < 5; round++) {
      starts.worked();
      starts.failed(failure('EAGAIN'));
      await sleep(20);
    }
    await sleep(100);
    assert.deepEqual(told, ['failed']);
    starts.worked();
    await sleep(100);
    assert.deepEqual(told, ['failed', 'started']);
  });
});
