import assert from 'node:assert/strict';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { ForeignProtocolNotices } from '../../../server/listen/foreign-protocol.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';

describe('notices of other protocols', () => {
  it('come once a minute for each, and say how often it was since', () => {
    let now = 0;
    const lines = captureLines();
    const log = createProgramLog(lines.stream);
    const notices = new ForeignProtocolNotices('the store', log, () => now);
    for (const second of [0, 1, 59, 61, 62]) {
      now = 1000 * second;
      notices.note('tls', `192.0.2.${second}`);
    }
    notices.note('proxy-header', '192.0.2.100');
    const told = lines
      .text()
      .trim()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line));
    assert.deepEqual(
      told.map(({ level, client, moreSinceLastLine }) => [level, client, moreSinceLastLine]),
      [
        ['warn', '192.0.2.0', undefined],
        ['warn', '192.0.2.61', 2],
        ['warn', '192.0.2.100', undefined],
      ],
    );
  });
});
