import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { HOSTILE_FILES } from './hostile-key-files.ts';

const BYTES = Number(process.env['HOSTILE_BYTES'] ?? 2 * 1024 * 1024);

/** Five times as many as any of these files takes. */
const MOST_STEPS = 100 * Math.max(BYTES, 1024 * 1024);

const reading = z.object({
  outcome: z.enum(['read', 'refused']),
  message: z.string(),
  hint: z.string(),
  steps: z.number(),
});

describe('generator: OpenPGP: hostile key files', () => {
  let child: ChildProcess;
  before(() => {
    const path = fileURLToPath(new URL('count-steps.ts', import.meta.url));
    child = fork(path, { execArgv: ['--import', 'tsx'] });
  });
  after(() => child.kill());

  for (const [kind, { fate }] of Object.entries(HOSTILE_FILES)) {
    it(`of ${kind} are ${fate} in few steps`, async () => {
      const { outcome, message, hint, steps } = await readCounted(child, kind);
      assert.equal(outcome, fate);
      assert(message.length < 5000, 'a message of many reasons');
      assert.equal(hint !== '', message !== '');
      assert(steps < MOST_STEPS, `${steps} steps`);
    });
  }
});

async function readCounted(child: ChildProcess, kind: string): Promise<z.infer<typeof reading>> {
  child.send({ kind, bytes: BYTES });
  const gone = new AbortController();
  child.once('exit', () => gone.abort(new Error('the counting process has ended')));
  const [answer]: unknown[] = await once(child, 'message', { signal: gone.signal });
  return reading.parse(answer);
}
