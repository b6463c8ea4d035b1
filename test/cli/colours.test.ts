// Colours on a terminal, for every command that prints for people (https://no-color.org).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../cli/base/read-settings.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';
import { runInProcess } from '../kit/program/run-in-process.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
// oxlint-disable-next-line no-control-regex -- what is looked for
const COLOUR = /\u001b\[[0-9;]+m/;
const INTERRUPT = '\u0003';

const KEYS = ['--keys', 'signatures/keys'];
const SIGNED = readdirSync('signatures/team').find((name) => name.startsWith('app@')) ?? '';
const HEX = SIGNED.slice(SIGNED.indexOf('=') + 1);

const showInProcess = async (
  args: readonly string[],
  environment: Environment = {},
): Promise<string> => {
  const world = { PATH: process.env['PATH'], ...environment };
  const { stdout, stderr } = await runInProcess(args, world, { isTTY: true });
  return `${stdout.toString()}${stderr}`;
};

/** What a command prints on a real terminal; a server is interrupted once it serves. */
const showOnTerminal = async (args: readonly string[], env: Environment = {}): Promise<string> => {
  const limit = ['timeout', '--foreground', '40'];
  const words = [...limit, process.execPath, MAIN, ...args].map((word) => `'${word}'`);
  const child = spawn('script', ['-qefc', words.join(' '), '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', ...env },
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    if (/serving \d+ signatures/.test(text)) child.stdin.write(INTERRUPT);
  });
  await once(child, 'close');
  return shown;
};

describeWith(['script', 'gpgv'], 'colours', () => {
  const directory = useTemporary();

  /** A state directory, or a tree, is for one process. */
  let made = 0;
  const makePlace = (): string => join(directory(), `place-${made++}`);

  const COMMANDS: Readonly<
    Record<string, { args: () => readonly string[]; coloured: string; says: RegExp }>
  > = {
    check: {
      args: () => ['check', 'signatures', ...KEYS],
      coloured: '\u001b[32mgood',
      says: /good.*: \d+ files/,
    },
    generate: {
      args: () => ['generate', 'signatures', ...KEYS, '--out', makePlace()],
      coloured: '\u001b[32mgood',
      says: /good.*: \d+ files/,
    },
    serve: {
      args: () => {
        const listen = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
        return ['serve', 'signatures', ...KEYS, ...listen, '--state-dir', makePlace()];
      },
      coloured: '\u001b[32mINFO',
      says: /INFO.*listening/,
    },
    show: {
      args: () => ['show', `signatures/team/${SIGNED}/signature-1`, ...KEYS],
      coloured: '\u001b[32maccepted',
      says: /verdict: +\S*accepted/,
    },
    'node-config': {
      args: () => {
        const wanted = [...KEYS, '--url', 'https://lookaside.example.com'];
        return ['node-config', '--check', join(directory(), 'node'), ...wanted];
      },
      coloured: '\u001b[31mfaults',
      says: /faults.*: \d+ scope/,
    },
    explain: {
      args: () => ['explain', `registry.example.com/team/app@sha256:${HEX}`, 'signatures', ...KEYS],
      coloured: '\u001b[32maccepted',
      says: /verdict: +\S*accepted/,
    },
  };

  const real = new Set(['check', 'serve']);
  for (const [name, { args, coloured, says }] of Object.entries(COMMANDS)) {
    const show = real.has(name) ? showOnTerminal : showInProcess;
    it(`of ${name} are there, but not with NO_COLOR or --no-color`, async () => {
      await mkdir(join(directory(), 'node'));
      const [usual, ...plain] = await Promise.all([
        show(args(), { NO_COLOR: '' }),
        show(args(), { NO_COLOR: '1' }),
        show([...args(), '--no-color'], { NO_COLOR: '' }),
      ]);
      assert.ok(usual.includes(coloured), JSON.stringify(usual));
      for (const shown of plain) {
        assert.match(shown, says);
        assert.doesNotMatch(shown, COLOUR);
      }
    });
  }
});
