import assert from 'node:assert/strict';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { createTerminalStream } from '../../../generator/system/terminal-stream.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';

describe('the program log', () => {
  it('is one JSON object a line, with level and time and nothing of the machine', () => {
    const lines = captureLines();
    const log = createProgramLog(lines.stream);
    log.info({ status: 202 }, 'webhook: "quoted"\nand more');
    log.warn('look');
    log.error({ hint: undefined, error: 'x\u001b[2J' }, 'refresh failed');
    const entries = lines.take().map((line): unknown => JSON.parse(line));
    assert.equal(entries.length, 3);
    const times = entries.map((entry) => {
      assert.ok(typeof entry === 'object' && entry !== null && 'time' in entry);
      return new Date(String(entry.time)).toISOString() === entry.time;
    });
    assert.deepEqual(times, [true, true, true]);
    assert.deepEqual(
      entries.map((entry) => Object.assign({}, entry, { time: '' })),
      [
        { level: 'info', time: '', status: 202, msg: 'webhook: "quoted"\nand more' },
        { level: 'warn', time: '', msg: 'look' },
        { level: 'error', time: '', error: 'x\u001b[2J', msg: 'refresh failed' },
      ],
    );
    assert.ok(!lines.text().includes('\u001b'));
  });

  it('is for people on a terminal', () => {
    const lines = captureLines();
    createProgramLog(createTerminalStream(lines.stream, true)).warn(
      { path: 'a/b' },
      'rejected: it is armored',
    );
    const text = lines.text();
    assert.match(text, /WARN.*rejected: it is armored/);
    assert.match(text, /path.*a\/b/);
    assert.doesNotMatch(text, /"level"|pid|hostname/);
  });

  it('lets no path of a stranger write to the terminal', () => {
    const lines = captureLines();
    createProgramLog(createTerminalStream(lines.stream, true)).warn(
      { path: 'a\u001b]0;x\u0007\rb' },
      'rejected',
    );
    for (const sent of ['\u001b]', '\u0007', '\r']) assert.ok(!lines.text().includes(sent));
  });
});
