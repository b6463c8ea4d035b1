import assert from 'node:assert/strict';
import { ProcessStartError } from '../../../generator/system/process-limits.ts';
import { ProcessStarts } from '../../../generator/system/process-starts.ts';

const failure = (code: string) =>
  new ProcessStartError('git', Object.assign(new Error(`spawn git ${code}`), { code }));

describe('system: whether processes can be started', () => {
  it('is told when none can, and when one could again, each once', () => {
    const starts = new ProcessStarts();
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
      assert.match(told.splice(0).join(' '), new RegExp(`^[^()]*\\(${code}\\) started$`));
    }
    stop();
    starts.failed(failure('EAGAIN'));
    assert.equal(told.length, 0);
  });
});
