// What the bench reads of others: programs, the kernel, the command line.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { parseAnswer } from '../../scripts/bench/client/connection.ts';
import { isRight } from '../../scripts/bench/client/lookups.ts';
import { parseWrk } from '../../scripts/bench/client/wrk.ts';
import { readOptions } from '../../scripts/bench/options.ts';
import { parseTicks, readCpuSeconds, readResident } from '../../scripts/bench/process/proc.ts';
import { mergeResults } from '../../scripts/bench/report/merge-results.ts';
import { PART_NAMES } from '../../scripts/bench/report/result.ts';
import { describeMissing } from '../../scripts/bench/tools.ts';
import { SAMPLE } from './sample-result.ts';

describe('what the bench reads', () => {
  it('is what wrk prints', () => {
    const text = [
      'Running 2s test @ http://127.0.0.1:8080',
      '  Latency Distribution',
      '     50%  412.00us',
      '     99%    1.25ms',
      '  80000 requests in 2.00s, 30.00MB read',
      '  Socket errors: connect 0, read 2, write 1, timeout 0',
      '  Non-2xx or 3xx responses: 40000',
      'Requests/sec:  39950.12',
      '',
    ].join('\n');
    assert.deepEqual(parseWrk(text), {
      requests: 80_000,
      perSecond: 39_950.12,
      p99: 1.25,
      refused: 40_000,
      broken: 3,
    });
    assert.equal(parseWrk('unable to connect'), undefined);
  });

  it('is the processor time of a process with any name', () => {
    const stat = '7 (a) b (c) S 1 7 7 0 -1 0 1 2 3 4 100 20 3 4 20 0 1 0 5';
    assert.equal(parseTicks(stat), 127);
  });

  it('is the processor time and memory of a whole tree', async () => {
    const child = spawn('sh', ['-c', 'sh -c "while :; do :; done" & wait'], { detached: true });
    const pid = child.pid ?? 0;
    try {
      const before = readCpuSeconds(pid);
      while (readCpuSeconds(pid) - before < 0.05) await new Promise(setImmediate);
      assert.ok(readResident(pid) > 0);
    } finally {
      process.kill(-pid, 'SIGKILL');
    }
    assert.equal(readResident(2 ** 30), 0);
  });

  it('is an answer, once it is whole', () => {
    const bytes = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbodyHTTP/1.1 404');
    const parsed = parseAnswer(bytes);
    assert.deepEqual(parsed?.answer, { status: 200, body: Buffer.from('body') });
    assert.equal(parsed.length, bytes.length - 'HTTP/1.1 404'.length);
    assert.equal(parseAnswer(bytes.subarray(0, 30)), undefined);
    assert.equal(parseAnswer(bytes.subarray(0, 41)), undefined);
  });

  it('is right only with the right bytes', () => {
    const lookup = { path: '/a', status: 200, body: Buffer.from('body') };
    assert.ok(isRight(lookup, { status: 200, body: Buffer.from('body') }));
    assert.ok(!isRight(lookup, { status: 200, body: Buffer.from('bodY') }));
    assert.ok(!isRight(lookup, { status: 404, body: Buffer.from('body') }));
    assert.ok(isRight({ ...lookup, status: 404 }, { status: 404, body: Buffer.from('a page') }));
  });

  it('is the command line', () => {
    assert.deepEqual(readOptions([]).parts, PART_NAMES);
    assert.deepEqual(readOptions(['start', 'lookups']).parts, ['lookups', 'start']);
    assert.equal(readOptions(['--data', '/d']).json, '/d/results.json');
    assert.ok(readOptions(['--full', '--docs']).isFull);
    assert.throws(() => readOptions(['lookup']), /expected a part .* got "lookup"/);
    assert.throws(() => readOptions(['--ful']), /--ful/);
  });

  it('is which programs are missing, all at once', () => {
    assert.equal(
      describeMissing(['git', 'wrk', 'gpgv', 'wrk'], findGitOnly),
      'not installed: wrk, gpgv\nhint: apt-get install wrk gpgv',
    );
    assert.equal(describeMissing(['git'], findGitOnly), undefined);
  });
});

function findGitOnly(tool: string): string | undefined {
  return tool === 'git' ? '/usr/bin/git' : undefined;
}

describe('results that are measured again', () => {
  const [part] = SAMPLE.parts;
  assert.ok(part);
  const memory = { ...SAMPLE, parts: [{ ...part, part: 'memory' as const }] };

  it('take the place of the older ones', () => {
    assert.deepEqual(mergeResults(undefined, SAMPLE), SAMPLE);
    const parts = mergeResults(SAMPLE, memory).parts.map((one) => one.part);
    assert.deepEqual(parts, ['memory', 'start']);
    assert.equal(mergeResults(SAMPLE, SAMPLE).parts.length, 1);
  });

  it('never stand beside those of another machine', () => {
    const other = { ...memory, machine: { ...memory.machine, cores: 64 } };
    assert.throws(() => mergeResults(SAMPLE, other), /another machine/);
    assert.equal(mergeResults(SAMPLE, { ...other, parts: SAMPLE.parts }).parts.length, 1);
  });
});
