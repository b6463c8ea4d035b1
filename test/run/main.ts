/**
 * `npm test`, or with the argument `long` `npm run test:long`: tests in parallel, and then, one by
 * one, those that measure time or want the machine for themselves (`*.alone.test.ts`). Says at the end
 * what failed, and how long each room took.
 *
 * TEST_JOBS=N says how many files run at a time; three times as many as there are processors unless
 * told, because much of the time is spent waiting.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { COMPILED_REPORTER, compileAll } from './compile.ts';
import { readCosts } from './costs.ts';
import { formatResults, readPasses } from './results.ts';
import { openRunDirectory, removeRunDirectory } from './run-directory.ts';
import { type RunLength, keepTimes, listTestFiles } from './test-files.ts';
import { formatLeftOut } from '../with-tools.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const MOCHA = pathOf('../../node_modules/mocha/bin/mocha.js');
/** Its flags for Node go to the workers too. */
const NODE = ['--enable-source-maps', `--import=${pathOf('compiled.mjs')}`];

const length: RunLength = process.argv[2] === 'long' ? 'long' : 'short';
/** How long a test may take, on a machine with much else to do. Milliseconds. */
const PATIENCE = 600_000;
/** Else mocha would start another Node, with the flags of that file. */
const CONFIG = ['--no-config', '--require=test/setup.ts', '--forbid-only'];
if (length === 'long') process.env['TEST_LONG'] = '1';
const { beside, alone } = listTestFiles(length);
const PASSES = [
  { jobs: process.env['TEST_JOBS'] ?? `${3 * availableParallelism()}`, files: beside },
  { jobs: '1', files: alone },
];

const begun = performance.now();
await compileAll();
openRunDirectory();
const codes: (number | null)[] = [];
for (const { jobs, files } of PASSES) {
  // With a single worker mocha would load the files in another way, which cannot load all of them.
  const workers = jobs === '1' ? [] : ['--parallel', '--jobs', jobs];
  const options = [`--timeout=${PATIENCE}`, '--reporter', COMPILED_REPORTER];
  const args = [...NODE, MOCHA, ...CONFIG, ...options, ...workers, ...files];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  await once(child, 'close');
  codes.push(child.exitCode);
}
const passes = readPasses();

console.log(formatResults(passes, readCosts(), (performance.now() - begun) / 1000));
const leftOut = formatLeftOut();
if (leftOut !== undefined) console.log(leftOut);
const isWhole = passes.length === PASSES.length;
if (isWhole) keepTimes(passes.flatMap(({ files }) => files));
else console.error('a pass broke off: see above');
removeRunDirectory();
process.exitCode = codes.every((code) => code === 0) && isWhole ? 0 : 1;
