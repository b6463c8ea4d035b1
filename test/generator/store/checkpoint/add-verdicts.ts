// A program of its own: adds lines to a file of verdicts until it is killed, or until `onError`
// hears of what cannot be written. Says so on its standard output.
import { setImmediate } from 'node:timers/promises';
import { openVerdictFile } from '../../../../generator/store/checkpoint/verdict-file.ts';

const [, , path = '', most = 'Infinity'] = process.argv;
const LINES_AT_ONCE = 50;

const file = await openVerdictFile(path, (error) => {
  process.stdout.write(`error: ${error instanceof Error ? error.message : 'unknown'}\n`);
});
process.stdout.write('open\n');
for (let line = 0; line < Number(most); line++) {
  file.add(`key-${line}\t${'x'.repeat(line % 300)}`);
  if (line % LINES_AT_ONCE === 0) await setImmediate();
}
await file.close();
process.stdout.write('closed\n');
