// A process that reads hostile key files and counts what it does for it: how often each function, loop and
// branch of the program is run. That is the same on every machine, however busy it is. Only what is compiled
// after the counting has begun has all counters.
import { Session } from 'node:inspector/promises';
import { HOSTILE_FILES } from './hostile-key-files.ts';

const OURS = /\/generator\/openpgp\//;

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
const { readUsableKeyring } = await import('../../../../generator/openpgp/read-keyring.ts');

/** What came of a file, or of several: refused if all are. */
async function readCounted(kind: string, bytes: number): Promise<object> {
  const made = HOSTILE_FILES[kind]?.make(bytes) ?? [];
  const files = [made].flat().map((file, index) => ({ path: `${index}.gpg`, bytes: file }));
  await session.post('Profiler.takePreciseCoverage');
  const { faults } = await readUsableKeyring(files);
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const [error] = faults.values();
  return {
    outcome: faults.size === files.length ? 'refused' : 'read',
    message: error?.message ?? '',
    hint: error?.hint ?? '',
    steps: countSteps(result),
  };
}

interface Script {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
}

function countSteps(scripts: readonly Script[]): number {
  const functions = scripts.filter(({ url }) => OURS.test(url)).flatMap((one) => one.functions);
  return functions.flatMap(({ ranges }) => ranges).reduce((sum, { count }) => sum + count, 0);
}

process.on('message', ({ kind, bytes }: { readonly kind: string; readonly bytes: number }) => {
  void readCounted(kind, bytes).then((reading) => process.send?.(reading));
});
