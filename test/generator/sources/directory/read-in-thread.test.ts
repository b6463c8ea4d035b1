import assert from 'node:assert/strict';
import { readInThread } from '../../../../generator/sources/directory/read-in-thread.ts';
import { NO_PATHS } from '../../../../generator/sources/state-budget.ts';
import { DEFAULT_BUDGETS } from '../../../../generator/terms/budgets.ts';
import { collect } from '../collect.ts';

const TASK = { root: '/nowhere', folders: [], budgets: DEFAULT_BUDGETS, totals: NO_PATHS };
const NEVER = new AbortController().signal;

function scriptOf(code: string): URL {
  const start = "import { parentPort as port } from 'node:worker_threads';";
  return new URL(`data:text/javascript,${encodeURIComponent(`${start}${code}`)}`);
}

describe('a thread that reads', () => {
  it('is asked for batches until there are no more', async () => {
    const script = scriptOf(
      'let n = 0; port.on("message", () => port.postMessage(++n < 6 ? [n] : undefined));',
    );
    const batches = await collect(readInThread(script, TASK, NEVER));
    assert.deepEqual(batches, [[1], [2], [3], [4], [5]]);
  });

  it('is not asked for more than a few that nobody takes', async () => {
    const script = scriptOf('let n = 0; port.on("message", () => port.postMessage([++n]));');
    const batches = readInThread(script, TASK, NEVER);
    for (let taken = 1; taken <= 3; taken++) {
      assert.deepEqual(await batches.next(), { value: [taken], done: false });
    }
    await batches.return(undefined);
  });

  it('stops when it is told to, whether anybody takes what it has read or not', async () => {
    const ending = new AbortController();
    const script = scriptOf('let n = 0; port.on("message", () => port.postMessage([++n]));');
    const batches = readInThread(script, TASK, ending.signal);
    assert.deepEqual(await batches.next(), { value: [1], done: false });
    ending.abort();
    const ended = { name: 'SourceError', message: 'the thread that reads the directory has ended' };
    await assert.rejects(collect(batches), ended);
    await assert.rejects(readInThread(script, TASK, ending.signal).next(), ended);
  });

  for (const [title, code, message] of [
    ['throws', 'throw new Error("out of luck")', 'out of luck'],
    ['throws no error', 'throw "luck"', 'luck'],
    [
      'ends before it was done',
      'port.once("message", () => process.exit());',
      'the thread that reads the directory has ended',
    ],
  ] as const) {
    it(`is a fault of the source when it ${title}`, async () => {
      const batches = collect(readInThread(scriptOf(code), TASK, NEVER));
      await assert.rejects(batches, { name: 'SourceError', message });
    });
  }

  it('keeps the hint of what it throws', async () => {
    const script = scriptOf('throw Object.assign(new Error("no"), { hint: "try again" })');
    const batches = collect(readInThread(script, TASK, NEVER));
    await assert.rejects(batches, { name: 'SourceError', message: 'no', hint: 'try again' });
  });
});
