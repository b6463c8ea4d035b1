/**
 * `npm test`: all tests in parallel, and then, one by one, those that measure time or want the
 * machine for themselves (`*.alone.test.ts`). Says at the end what failed and how long each room took.
 *
 * TEST_JOBS=N says how many files run at a time; twice as many as there are processors unless told,
 * because much of the time is spent waiting.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { formatResults, readPasses } from './results.ts';
import { openRunDirectory, removeRunDirectory } from './run-directory.ts';
import { formatLeftOut } from '../with-tools.ts';

const MOCHA = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url));
const REPORTER = fileURLToPath(new URL('reporter.ts', import.meta.url));
const ALONE = 'test/**/*.alone.test.ts';
const LONG = 'test/long/**';
/** Mocha runs a file again that a second pattern names. */
const FIRST_AND_REST = ['test/e2e/**/*.test.ts', 'test/!(e2e)/**/*.test.ts', 'test/*.test.ts'];
const jobs = process.env['TEST_JOBS'] ?? `${2 * availableParallelism()}`;

const PASSES = [
  // Files with real clients first: they take the longest, and would else be waited for at the end.
  ['--parallel', '--jobs', jobs, '--ignore', ALONE, ...FIRST_AND_REST],
  [ALONE],
];

const begun = performance.now();
openRunDirectory();
const codes: (number | null)[] = [];
for (const options of PASSES) {
  const args = [MOCHA, '--reporter', REPORTER, '--ignore', LONG, ...options];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  await once(child, 'close');
  codes.push(child.exitCode);
}
const passes = readPasses();
console.log(formatResults(passes, (performance.now() - begun) / 1000));
const leftOut = formatLeftOut();
if (leftOut !== undefined) console.log(leftOut);
if (passes.length < PASSES.length) console.error('a pass broke off: see above');
removeRunDirectory();
process.exitCode = codes.every((code) => code === 0) && passes.length === PASSES.length ? 0 : 1;
