// A program of its own: records refused pulls, and writes them without a pause, until it is killed
// or has recorded as many as it was told.
import { setImmediate } from 'node:timers/promises';
import { formatDirectory, formatLocation } from '../../../dist/generator/terms/location.js';
import { RefusedFile } from '../../../dist/server/refused/refused-file.js';
import { RefusedPulls } from '../../../dist/server/refused/refused-pulls.js';

const [, , path = '', most = 'Infinity'] = process.argv;
const RECORDS_AT_ONCE = 50;

const say = (/** @type {string} */ what) => (/** @type {unknown} */ error) => {
  process.stdout.write(`${what}: ${error instanceof Error ? error.message : 'unknown'}\n`);
};
const file = new RefusedFile({
  path,
  onUnreadable: say('unreadable'),
  onUnwritable: say('unwritable'),
  onWritten: () => undefined,
  interval: 1,
});
const pulls = new RefusedPulls({ isKnown: () => true, saved: await file.read() });
process.stdout.write(`read ${pulls.count()}\n`);
const stop = file.keep(pulls);
for (let record = 0; record < Number(most); record++) {
  const digest = record.toString(16).padStart(64, '0');
  const directory = formatDirectory(`quay.io/team/app-${record % 100}`, digest);
  pulls.record(formatLocation(directory, 1), '10.0.0.1');
  if (record % RECORDS_AT_ONCE === 0) await setImmediate();
}
await stop();
process.stdout.write('stopped\n');
