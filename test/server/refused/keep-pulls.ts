// A program of its own: records refused pulls, and writes them without a pause, until it is killed
// or has recorded as many as it was told.
import { setImmediate } from 'node:timers/promises';
import { RefusedFile } from '../../../server/refused/refused-file.ts';
import { RefusedPulls } from '../../../server/refused/refused-pulls.ts';
import { directoryOf, firstLocation } from './paths.ts';

const [, , path = '', most = 'Infinity'] = process.argv;
const RECORDS_AT_ONCE = 50;

const say = (what: string) => (error: unknown) => {
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
  const name = `quay.io/team/app-${record % 100}`;
  pulls.record(firstLocation(directoryOf(name, record)), '10.0.0.1');
  if (record % RECORDS_AT_ONCE === 0) await setImmediate();
}
await stop();
process.stdout.write('stopped\n');
