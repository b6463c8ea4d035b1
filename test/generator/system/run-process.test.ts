import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessLimits } from '../../../generator/system/process-limits.ts';
import {
  BoundedProcess,
  type ProcessOptions,
  runProcess,
} from '../../../generator/system/run-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { collect } from '../../kit/remote/collect.ts';

/** More than any script here takes. */
const LIMITS: ProcessLimits = {
  silence: 30_000,
  deadline: 30_000,
  stdout: 1024 * 1024,
  stderr: 1024 * 1024,
};

const run = async (script: string, limits: Partial<ProcessLimits> = {}, options = {}) =>
  runProcess('it', ['/bin/sh', '-c', script], { limits: { ...LIMITS, ...limits }, ...options });

const open = (script: string, options: Partial<ProcessOptions> = {}): BoundedProcess =>
  new BoundedProcess('it', ['/bin/sh', '-c', script], { limits: LIMITS, ...options });

/** The process group, as /proc/PID/stat has it. */
const groupOf = (stat: string): number => Number(stat.split(') ')[1]?.split(' ')[2]);

describe('system: a process', () => {
  const directory = useTemporary();
  const at = (name: string): string => join(directory(), name);
  /** Whether a process that wrote its number there has ended. */
  const assertGone = async (name: string): Promise<void> => {
    const pid = Number(await readFile(at(name), 'latin1'));
    assert.ok(pid > 1);
    await eventually(() => assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' }));
  };

  it('gives what it prints, how it ended, and the end of what it complained', async () => {
    const { exitCode, signal, stdout, stderr } = await run(
      'cat; echo no >&2; exit 3',
      {},
      {
        input: Buffer.from('yes\n'),
      },
    );
    assert.deepEqual([exitCode, signal, stdout.toString(), stderr], [3, null, 'yes\n', 'no\n']);
    const crashed = await run('kill -SEGV $$');
    assert.deepEqual([crashed.exitCode, crashed.signal], [null, 'SIGSEGV']);
  });

  it('leads a group of its own, but one that asks people, who are at our terminal', async () => {
    const own = groupOf(await readFile('/proc/self/stat', 'latin1'));
    const apart = groupOf((await run('cat /proc/self/stat')).stdout.toString());
    assert.notEqual(apart, own);
    const options = { asksPeople: true };
    const beside = await run('cat /proc/self/stat', {}, options);
    assert.equal(groupOf(beside.stdout.toString()), own);
    const late = run('exec sleep 60', { deadline: 100 }, options);
    await assert.rejects(late, /it ran longer than 100 ms/);
  });

  it('reads nothing, and sees no other environment than it is given', async () => {
    const { stdout } = await run('cat; echo "$ONE-$HOME"', {}, { environment: { ONE: '1' } });
    assert.equal(stdout.toString(), '1-\n');
  });

  for (const [limit, script, most, message] of [
    ['silence', 'sleep 60', 100, 'it said nothing for 100 ms'],
    ['deadline', 'while :; do echo on; sleep 0.02; done', 300, 'it ran longer than 300 ms'],
    ['deadline', 'while :; do echo on >&2; sleep 0.02; done', 300, 'it ran longer than 300 ms'],
    ['stdout', 'exec yes', 65_536, 'it printed more than 64 KiB'],
    ['stderr', 'exec yes >&2', 65_536, 'it wrote more than 64 KiB of messages'],
  ] as const) {
    it(`is stopped at its limit: ${script}`, async () => {
      await assert.rejects(
        run(script, { [limit]: most, silence: limit === 'silence' ? most : 5000 }),
        {
          name: 'ProcessLimitError',
          limit,
          message: `it was stopped: ${message}`,
        },
      );
    });
  }

  it('keeps the end of endless complaints, and no more', async () => {
    const { stderr } = await run('head -c 900000 /dev/zero >&2; echo last >&2');
    assert.ok(stderr.endsWith('last\n'));
    assert.equal(stderr.length, 64 * 1024);
  });

  it('is killed with all that it started, where it does not stop by itself', async () => {
    const stubborn = `trap '' TERM; (trap '' TERM; echo $$ >${at('child')}; sleep 60) & sleep 60`;
    await assert.rejects(run(stubborn, { deadline: 200 }, { grace: 100 }), {
      name: 'ProcessLimitError',
    });
    await assertGone('child');
  });

  it('may clean up where it has a grace', async () => {
    const script = `trap 'echo done >${at('mark')}; exit' TERM; while :; do sleep 0.01; done`;
    await assert.rejects(run(script, { deadline: 200 }, { grace: 5000 }));
    assert.equal(await readFile(at('mark'), 'latin1'), 'done\n');
  });

  it('is killed though it was halted', async () => {
    await assert.rejects(run('kill -STOP $$', { deadline: 100 }, { grace: 100 }), {
      name: 'ProcessLimitError',
    });
  });

  it('leaves nobody behind who holds its pipes', async () => {
    const { stdout } = await run(`sleep 60 & echo $! >${at('left')}; echo said`);
    assert.equal(stdout.toString(), 'said\n');
    await assertGone('left');
  });

  it('is not waited for once it has ended, though somebody else holds its pipes', async () => {
    const { stdout } = await run(`setsid sleep 5 & echo said; sleep 0.1`, { silence: 4000 });
    assert.equal(stdout.toString(), 'said\n');
  });

  it('is stopped when the end comes, and does not start after it', async () => {
    const ending = new AbortController();
    const running = run('sleep 60', {}, { ending: ending.signal });
    setTimeout(() => ending.abort(), 50);
    await assert.rejects(running, { name: 'ProcessStoppedError', message: 'it was stopped' });
    await assert.rejects(run(`echo >${at('mark')}`, {}, { ending: ending.signal }), {
      name: 'ProcessStoppedError',
    });
    await assert.rejects(readFile(at('mark')), { code: 'ENOENT' });
  });

  it('that is not there is told apart from one that cannot be started now', async () => {
    const missing = runProcess('it', ['/no/such/program'], { limits: LIMITS });
    await assert.rejects(missing, {
      name: 'ProcessStartError',
      message: 'cannot start it: there is no such program (ENOENT)',
      isMissing: true,
      isExhausted: false,
    });
  });

  describe('that is read as somebody takes it', () => {
    it('may be silent while nobody waits, and waits itself', async () => {
      const child = open('head -c 1000000 /dev/zero', { limits: { silence: 300 } });
      let size = 0;
      for await (const chunk of child.chunks()) {
        if (size === 0) await sleep(500);
        size += chunk.length;
      }
      assert.equal(size, 1_000_000);
      assert.equal((await child.ended()).exitCode, 0);
    });

    it('loses nothing that it said before it ended', async () => {
      const child = open('head -c 100000 /dev/zero');
      let size = 0;
      for await (const chunk of child.chunks()) {
        if (size === 0) await sleep(2500);
        size += chunk.length;
      }
      assert.equal(size, 100_000);
    });

    it('is stopped when it says nothing, and when nobody takes more', async () => {
      const silent = open('echo 1; sleep 60', { limits: { silence: 100 } });
      await assert.rejects(collect(silent.chunks()), {
        name: 'ProcessLimitError',
        limit: 'silence',
      });
      const endless = open(`echo $$ >${at('endless')}; exec yes`);
      for await (const { length } of endless.chunks()) if (length > 0) break;
      await assert.rejects(endless.ended(), { name: 'ProcessStoppedError' });
      await assertGone('endless');
    });

    it('was not read to its end when the end came', async () => {
      const ending = new AbortController();
      const child = open('echo 1; sleep 60', { ending: ending.signal });
      const reading = (async () => {
        for await (const { length } of child.chunks()) if (length > 0) ending.abort();
      })();
      await assert.rejects(reading, { name: 'ProcessStoppedError' });
    });

    it('says why it failed', async () => {
      const child = new BoundedProcess('it', ['/no/such/program'], { limits: LIMITS });
      await assert.rejects(collect(child.chunks()), { name: 'ProcessStartError' });
    });
  });
});
