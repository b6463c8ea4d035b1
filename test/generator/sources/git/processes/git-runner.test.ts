import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseProcessors } from '../../../../../generator/sources/git/processes/give-way.ts';
import type { GitLimits } from '../../../../../generator/sources/git/processes/running-git.ts';
import { GitRunner } from '../../../../../generator/sources/git/processes/git-runner.ts';
import { eventually } from '../../../../kit/eventually.ts';
import { builtModule } from '../../../../kit/process/built-module.ts';
import { useTemporary } from '../../../../kit/temporary.ts';
import { describeWith } from '../../../../with-tools.ts';

/** Longer than any git here runs, in milliseconds. */
const LONG = 30_000;

describe('the shell that runs git', () => {
  const directory = useTemporary();
  const runners: GitRunner[] = [];
  /** A `git` of ours, as a shell script. */
  const open = async (
    script: string,
    limit = LONG,
    ending?: AbortSignal,
    otherPrograms = process.env['PATH'],
    limits: Partial<GitLimits> = {},
  ): Promise<GitRunner> => {
    const bin = join(directory(), 'bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const environment = { PATH: `${bin}:${otherPrograms}` };
    const runner = new GitRunner(environment, {
      limits: { silence: limit, ...limits },
      ending,
    });
    runners.push(runner);
    return runner;
  };
  afterEach(() => Promise.all(runners.splice(0).map((runner) => runner.close())));

  const PRINT = `printf '<%s>' "$@"`;

  it('gives what git prints, and its exit code', async () => {
    const runner = await open('echo out; echo err >&2; exit "$1"');
    for (const exitCode of [0, 1, 128]) {
      assert.deepEqual(await runner.run([String(exitCode)]), {
        exitCode,
        stdout: 'out\n',
        stderr: 'err\n',
      });
    }
  });

  it('needs no other program', async () => {
    const runner = await open('echo out', LONG, undefined, directory());
    assert.deepEqual(await runner.run([]), { exitCode: 0, stdout: 'out\n', stderr: '' });
  });

  it('lets others go before git', async () => {
    const runner = await open('cut -d" " -f19 /proc/self/stat');
    const { stdout } = await runner.run([]);
    assert(Number(stdout) >= 10, stdout);
  });

  it('lets other sessions go before that of git, where Linux weighs sessions', async () => {
    const runner = await open('cat /proc/self/autogroup 2>/dev/null || echo none');
    const { stdout } = await runner.run([]);
    assert.match(stdout, /^(?:\/autogroup-\d+ nice 10|none)\n$/);
  });

  describeWith(['taskset'], 'where there is taskset', () => {
    it('keeps git on one processor from when it is told to', async () => {
      const runner = await open('grep ^Cpus_allowed_list /proc/self/status');
      const all = /\t(.+)\n/.exec((await runner.run([])).stdout)?.[1] ?? '';
      const [processor = NaN] = parseProcessors(all);
      runner.stayOn(processor);
      const after = await runner.run([]);
      assert.equal(after.stdout, `Cpus_allowed_list:\t${processor}\n`);
    });
  });

  it('evaluates nothing', async () => {
    const runner = await open(PRINT);
    const mark = join(directory(), 'mark');
    const args = [
      `$(touch ${mark})`,
      `\`touch ${mark}\``,
      `; touch ${mark}`,
      "'",
      '"',
      '\\',
      ' a  b ',
      '*',
      '',
      '-n',
      'é\t',
    ];
    const { stdout } = await runner.run(args);
    assert.equal(stdout, args.map((arg) => `<${arg}>`).join(''));
    assert.ok(!(await readdir(directory())).includes('mark'));
  });

  it('refuses an argument that would be two', async () => {
    const runner = await open(PRINT);
    await assert.rejects(runner.run(['a\nb']), { name: 'SourceError' });
    assert.equal((await runner.run(['a'])).stdout, '<a>');
  });

  it('runs one after another', async () => {
    const runner = await open('sleep "$1"; echo "$1"');
    const results = await Promise.all(['0.1', '0', '0.05'].map((time) => runner.run([time])));
    assert.deepEqual(
      results.map(({ stdout }) => stdout),
      ['0.1\n', '0\n', '0.05\n'],
    );
  });

  it('gives git nothing to read unless it is talked to', async () => {
    const runner = await open('cat; echo end');
    assert.equal((await runner.run([])).stdout, 'end\n');
    assert.equal((await runner.run([])).stdout, 'end\n');
  });

  it('answers what git prints', async () => {
    const runner = await open('while read -r word && [ "$word" != bye ]; do echo "$word $1"; done');
    const heard: string[] = [];
    const talk = {
      start: 'one\n',
      answer: (line: string) => {
        heard.push(line);
        return heard.length < 3 ? `${heard.length}\n` : 'bye\n';
      },
    };
    assert.equal((await runner.run(['x'], { talk })).exitCode, 0);
    assert.deepEqual(heard, ['one x', '1 x', '2 x']);
    assert.equal(
      (await runner.run(['y'], { talk: { start: 'bye\n', answer: () => '' } })).stdout,
      '',
    );
  });

  it("goes on when git broke off a talk, whose words are nobody else's", async () => {
    const runner = await open('cat >/dev/null & [ "$1" = bad ] && exit 3; kill $!; exec cat');
    const talk = { start: '1\ntouch', answer: () => '' };
    assert.equal((await runner.run(['bad'], { talk })).exitCode, 3);
    assert.equal(runner.hasEnded(), false);
    assert.equal((await runner.run(['good'])).stdout, '');
  });

  it('stops a git that says nothing', async () => {
    const runner = await open('exec sleep 60', 50);
    await assert.rejects(runner.run(['x']), {
      name: 'SourceError',
      message: 'git x was stopped: it said nothing for 50 ms',
    });
  });

  it('stops at once, with what git has started', async () => {
    const ending = new AbortController();
    const runner = await open('sleep 60 & echo started; wait', LONG, ending.signal);
    const running = runner.run([], {
      talk: {
        start: '',
        answer: () => {
          ending.abort();
          return '';
        },
      },
    });
    await assert.rejects(running, { name: 'SourceError' });
    await runner.close();
  });

  it('starts nothing when the end has come', async () => {
    const runner = await open(PRINT, LONG, AbortSignal.abort());
    await assert.rejects(runner.run(['x']), { name: 'SourceError' });
  });

  const at = (name: string): string => join(directory(), name);
  const assertGone = async (name: string): Promise<void> => {
    const pid = Number(await readFile(at(name), 'latin1'));
    assert.ok(pid > 1);
    await eventually(() => assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' }));
  };

  for (const [limit, script, most, message] of [
    ['deadline', 'while :; do echo on; sleep 0.02; done', 300, 'it ran longer than 300 ms'],
    ['deadline', 'while :; do echo on >&2; sleep 0.02; done', 300, 'it ran longer than 300 ms'],
    ['stdout', 'exec yes', 65_536, 'it printed more than 64 KiB'],
    ['stderr', 'exec yes >&2', 65_536, 'it wrote more than 64 KiB of messages'],
    ['stdout', 'exec tr "\\0" x </dev/zero', 65_536, 'it printed more than 64 KiB'],
    ['fileSize', 'exec head -c 3000 /dev/zero >file', 2048, 'it wrote a file of more than 2 KiB'],
  ] as const) {
    it(`stops what takes too much, and nothing else: ${script}`, async () => {
      const runner = await open(`cd ${directory()}; [ "$1" = ok ] && echo ok && exit; ${script}`);
      await assert.rejects(runner.run(['bad'], { limits: { [limit]: most } }), {
        name: 'SourceError',
        limit,
        message: `git bad was stopped: ${message}`,
      });
      assert.equal((await runner.run(['ok'])).stdout, 'ok\n');
      assert.equal(runner.hasEnded(), false);
    });
  }

  it('kills what does not stop, with all that it started, and runs the next', async () => {
    const runner = await open(
      `[ "$1" = ok ] && echo ok && exit; trap '' TERM; (echo $$ >${at('self')}; sh -c 'echo $$ >${at('child')}; exec sleep 60') & wait; sleep 60`,
    );
    await assert.rejects(runner.run(['bad'], { limits: { deadline: 300 } }), { limit: 'deadline' });
    await assertGone('self');
    await assertGone('child');
    assert.equal((await runner.run(['ok'])).stdout, 'ok\n');
  });

  it('gives nothing of what was killed to the next', async () => {
    const runner = await open(
      `[ "$1" = ok ] && echo ok && exit; trap '' TERM; yes >&2 & while :; do echo stale; done`,
    );
    for (let round = 0; round < 3; round++) {
      const limits = { deadline: 100, stdout: 2 ** 40, stderr: 2 ** 40 };
      await assert.rejects(runner.run(['bad'], { limits }), { limit: 'deadline' });
      assert.deepEqual(await runner.run(['ok']), { exitCode: 0, stdout: 'ok\n', stderr: '' });
    }
  });

  it('is stopped with the shell where there is no setsid, and with nobody else', async () => {
    const bin = join(directory(), 'few');
    await mkdir(bin);
    await Promise.all(['sleep', 'cat'].map((name) => symlink(`/bin/${name}`, join(bin, name))));
    const runner = await open(`echo $$ >${at('git')}; exec sleep 60`, 200, undefined, bin);
    await assert.rejects(runner.run(['x']), { limit: 'silence' });
    await assertGone('git');
    assert.equal(runner.hasEnded(), true);
    await assert.rejects(runner.run(['x']), { name: 'SourceError' });
  });

  it('kills what is halted', async () => {
    const runner = await open('[ "$1" = ok ] && echo ok && exit; kill -STOP $$');
    await assert.rejects(runner.run(['bad'], { limits: { deadline: 100 } }), { limit: 'deadline' });
    assert.equal((await runner.run(['ok'])).stdout, 'ok\n');
  });

  it('neither waits for what git leaves behind, nor leaves it running', async () => {
    const runner = await open(`sleep 60 & echo $! >${at('left')}; echo said`);
    assert.equal((await runner.run([])).stdout, 'said\n');
    await assertGone('left');
  });

  it('looks at each byte of a line of 60 MB once', async () => {
    const size = 60_000_000;
    const runner = await open(`head -c ${size} /dev/zero | tr '\\0' x`);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const { stdout } = await runner.run([], { limits: { stdout: 64 * 1024 * 1024 } });
    delay.disable();
    assert.equal(stdout.length, size);
    // Putting it together takes some of it; looking through it at each piece took seconds.
    assert.ok(delay.max / 1e6 < 1000, `${delay.max / 1e6} ms`);
  });

  it('gives each line to whoever wants them, and keeps none', async () => {
    const runner = await open("printf 'one\\ntwo\\nthree'");
    const lines: string[] = [];
    const { stdout } = await runner.run([], { onLine: (line) => void lines.push(line) });
    assert.deepEqual([lines, stdout], [['one', 'two'], '']);
  });

  it('takes nothing for its own mark that is not, however the pipe cuts it', async () => {
    const runner = await open(
      "printf '\\0'; sleep 0.05; printf '\\0\\0000\\n'; sleep 0.05; printf '\\0' >&2; printf 'end\\0'",
    );
    const { stdout, stderr } = await runner.run([]);
    assert.deepEqual([stdout, stderr], ['\0\0\u00000\nend\0', '\0']);
  });

  it('keeps the end of long complaints', async () => {
    const runner = await open('head -c 300000 /dev/zero >&2; echo last >&2');
    const { stderr } = await runner.run([]);
    assert.equal(stderr.length, 64 * 1024);
    assert.ok(stderr.endsWith('last\n'));
  });

  it('ends what runs when the program is killed', async () => {
    await open(`echo $$ >${at('git')}; exec sleep 60`);
    const module = builtModule('generator/sources/git/processes/git-runner');
    const environment = JSON.stringify({ PATH: `${at('bin')}:${process.env['PATH']}` });
    const script = `import { GitRunner } from '${module}'; await new GitRunner(${environment}).run(['x']);`;
    const program = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: 'ignore',
    });
    await eventually(async () => assert.match(await readFile(at('git'), 'latin1'), /\d/));
    program.kill('SIGKILL');
    await assertGone('git');
  });
});
