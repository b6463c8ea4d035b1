import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseProcessor } from '../../../generator/sources/give-way.ts';
import { type GitLimits, GitRunner } from '../../../generator/sources/git-runner.ts';
import { useTemporary } from '../../e2e/temporary.ts';
import { describeWith } from '../../with-tools.ts';

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
      processor: chooseProcessor(),
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

  describeWith(['taskset'], 'where there is taskset', () => {
    it('keeps git on one processor', async () => {
      const runner = await open('grep ^Cpus_allowed_list /proc/self/status');
      const { stdout } = await runner.run([]);
      assert.match(stdout, /^Cpus_allowed_list:\t\d+\n$/);
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
});
