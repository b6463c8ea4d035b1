// Completion in the shells themselves, as somebody types: what is typed, a tab, and the words that
// the command then gets.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, runOrThrow } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';
import { runInProcess } from '../kit/program/run-in-process.ts';

/** What is typed, with `\t` for the key, and what it becomes. */
const TYPED: readonly (readonly [typed: string, words: string])[] = [
  ['che\t .', 'check .'],
  ['node\t', 'node-config'],
  ['check --form\t json', 'check --format json'],
  ['check --format js\t .', 'check --format json .'],
  ['check --format sa\t', 'check --format sarif'],
  ['show --format sa\t', 'show --format sa'],
  ['generate --on-invalid q\t', 'generate --on-invalid quarantine'],
  ['serve --access-log=comb\t', 'serve --access-log=combined'],
  ['serve --on-inv\t refuse', 'serve --on-invalid refuse'],
  ['explain --on-inv\t', 'explain --on-inv'],
  ['node-config --keys-as no\t', 'node-config --keys-as no-reboot'],
  ['check --keys the-k\t', 'check --keys the-key.asc'],
  ['check the-d\t', 'check the-directory/'],
  ['show the-k\t', 'show the-key.asc'],
  ['generate --out the-d\t', 'generate --out the-directory/'],
  ['generate --out the-k\t', 'generate --out the-k'],
  ['serve --poll the-k\t', 'serve --poll the-k'],
  ['node-config the-k\t', 'node-config the-k'],
  ['check --strict --config the-k\t', 'check --strict --config the-key.asc'],
  ['completion z\t', 'completion zsh'],
  ['help exp\t', 'help explain'],
  ['--ver\t', '--version'],
];

const SHELLS = {
  bash: {
    command: 'bash --norc --noprofile -i',
    /** Said to the shell before it is told what to complete. */
    start: "bind 'set bell-style none'; PS1=",
  },
  zsh: {
    command: 'zsh -f -i',
    start:
      'PS1=; unsetopt beep automenu listambiguous autoremoveslash; autoload -Uz compinit; compinit -u -D',
  },
} as const;

describe('completion', () => {
  const directory = useTemporary('suite');
  const at = (name: string): string => join(directory(), name);
  before(async () => {
    await mkdir(at('the-directory'));
    await writeFile(at('the-key.asc'), '');
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout, stderr } = await runInProcess(['completion', shell]);
      assert.deepEqual([code, stderr], [0, '']);
      await writeFile(at(`script.${shell}`), stdout);
    }
  });

  /** What fish offers, with its descriptions. */
  const complete = async (line: string): Promise<ReadonlyMap<string, string>> => {
    const script = 'source script.fish; complete -C $argv[1]';
    const options = { cwd: directory(), env: { HOME: directory() } };
    const { stdout } = await runOrThrow('fish', ['-N', '-c', script, line], options);
    const lines = stdout.split('\n').filter(Boolean);
    return new Map(lines.map((each) => each.split('\t', 2) as [string, string]));
  };

  for (const [shell, { command, start }] of Object.entries(SHELLS)) {
    describeWith(['script', shell as keyof typeof SHELLS], `in ${shell}`, () => {
      it('completes commands, options, their values and files', async () => {
        const lines = [
          ` ${start}; source ./script.${shell}`,
          ` lookaside() { printf '%s' "$*" >>words; printf '|' >>words; }`,
          ...TYPED.map(([typed]) => ` lookaside ${typed}`),
          ' exit',
          '',
        ];
        await writeFile(at('words'), '');
        const env = { TERM: 'dumb', HISTFILE: undefined, HOME: directory(), ZDOTDIR: directory() };
        // The terminal keeps what is typed ahead until the shell reads it: nothing is waited for.
        const { stdout } = await run('script', ['-qec', command, '/dev/null'], {
          cwd: directory(),
          env,
          input: lines.join('\n'),
        });
        const { stdout: words } = await runOrThrow('cat', [at('words')]);
        assert.deepEqual(
          words.split('|').slice(0, -1),
          TYPED.map(([, expected]) => expected),
          stdout,
        );
      });
    });
  }

  describeWith(['fish'], 'in fish', () => {
    for (const [typed, words] of TYPED) {
      const line = typed.slice(0, typed.indexOf('\t'));
      const rest = typed.slice(typed.indexOf('\t') + 1);
      const whole = words.slice(0, words.length - rest.length);
      const last = whole.slice(whole.lastIndexOf(' ') + 1);
      it(`completes ${JSON.stringify(line)} to ${JSON.stringify(whole)}`, async () => {
        const found = [...(await complete(`lookaside ${line}`)).keys()];
        assert.deepEqual(found, whole === line ? [] : [last]);
      });
    }

    it('explains what it offers', async () => {
      const commands = await complete('lookaside ');
      assert.equal(commands.get('check'), 'check every file and report which can be published');
      const options = await complete('lookaside show --');
      assert.match(options.get('--keys') ?? '', /^public keys to verify signatures with/);
      assert.ok(!options.has('--on-invalid'));
    });
  });

  describeWith(['shellcheck'], 'for bash', () => {
    it('passes shellcheck', async () => {
      await runOrThrow('shellcheck', ['--shell=bash', '--norc', at('script.bash')]);
    });
  });
});
