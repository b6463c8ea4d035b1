// The rules that this repository keeps.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { OPTION_NAMES } from '../cli/options.ts';
import { runOrThrow } from './e2e/run.ts';

const SOURCES = ['cli', 'generator', 'server'];

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

describe('the repository', () => {
  let files: readonly SourceFile[] = [];
  before(async () => {
    const { stdout } = await runOrThrow('git', [
      'ls-files',
      '-z',
      '--cached',
      '--others',
      '--exclude-standard',
      ...SOURCES,
    ]);
    files = stdout.split('\0').filter(Boolean).map(readSource);
    assert.ok(files.length > 20);
  });

  const importersOf = (isMatch: (name: string) => boolean): readonly string[] =>
    files.filter(({ imports }) => imports.some(isMatch)).map(({ path }) => path);

  it('imports each engine in one place', () => {
    assert.deepEqual(
      importersOf((name) => name === 'openpgp'),
      ['generator/openpgp/openpgp-js.ts'],
    );
    // It gives no way to end what its git has started (docs/processes.md).
    assert.deepEqual(
      importersOf((name) => name === 'simple-git').filter((path) => path.startsWith('generator/')),
      [],
    );
    assert.ok(
      importersOf((name) => name === 'express').every((path) => path.startsWith('server/')),
    );
  });

  it('imports only towards the generator', () => {
    const allowed: Record<string, readonly string[]> = {
      cli: ['cli', 'server', 'generator'],
      server: ['server', 'generator'],
      generator: ['generator'],
    };
    for (const { path, imports } of files) {
      const room = roomOf(path);
      for (const name of imports.filter((imported) => imported.startsWith('.'))) {
        const target = roomOf(new URL(name, `file:///${path}`).pathname.slice(1));
        assert.ok(allowed[room]?.includes(target), `${path} imports ${name}`);
      }
    }
  });

  it('touches the process in the command line only', () => {
    // A group of child processes can be stopped in no other way than by process.kill.
    const touching = files.filter(({ text }) =>
      /(?<![-\w])process\.(?!kill\()[a-z]|'node:process'/.test(text),
    );
    assert.deepEqual(
      touching.map(({ path }) => path),
      ['cli/main.ts'],
    );
  });

  it('writes the name of a signature file in one place', () => {
    const writing = files.filter(({ text }) => /['"`/]signature-(?:['"`]|\$)/.test(text));
    assert.deepEqual(
      writing.map(({ path }) => path),
      ['generator/location.ts'],
    );
  });

  it('shows JSON to operators in visible characters', () => {
    // What strangers wrote is in it, and JSON.stringify leaves most of what terminals obey.
    const shown = files.filter(({ path }) => /^cli\/|^server\/status/.test(path));
    const raw = shown.filter(({ text }) =>
      /(?:response|\))\.json\(|JSON\.stringify\(.*, 2\)/.test(text),
    );
    assert.deepEqual(
      raw.map(({ path }) => path),
      [],
    );
  });

  it('has no open ends and no private key', async () => {
    const { stdout } = await runOrThrow('git', [
      'ls-files',
      '-z',
      '--',
      ':!test/repository.test.ts',
    ]);
    for (const path of stdout.split('\0').filter(Boolean)) {
      const text = readFileSync(path, 'latin1');
      assert.doesNotMatch(text, /\bTODO\b|\bFIXME\b/, path);
      assert.doesNotMatch(text, /^-----BEGIN (?:[A-Z]+ )?PRIVATE KEY/m, path);
      assert.doesNotMatch(text, /^-----BEGIN PGP PRIVATE KEY BLOCK-----\r?\n/m, path);
    }
  });
});

describe('the README', () => {
  const readme = readFileSync('README.md', 'utf8');

  it('has the tables that the code gives', async () => {
    await runOrThrow('npx', ['--no-install', 'tsx', 'scripts/update-readme.ts', '--check']);
  });

  it('names only commands and flags that exist', async () => {
    const scripts = readFileSync('package.json', 'utf8');
    for (const [, name] of readme.matchAll(/npm run ([a-z:]+)/g)) {
      assert.ok(scripts.includes(`"${name}":`), `npm run ${name}`);
    }
    const known = new Set<string>([...OPTION_NAMES, 'config']);
    const ours = readme.replaceAll(
      /^.*\b(?:gpg|skopeo|podman|openssl|core\.sshCommand|install-lookaside)\b.*$/gm,
      '',
    );
    const calls = [
      ...readme.matchAll(/\blookaside (?:check|generate|serve|show|node-config|explain) [^\n`]*/g),
    ].join('\n');
    for (const [, flag] of `${ours}\n${calls}`.matchAll(/--([a-z][a-z-]+)/g)) {
      assert.ok(known.has(flag ?? ''), `--${flag}`);
    }
  });

  it('lists every command as the help does', async () => {
    const { stdout } = await runOrThrow('node', ['dist/cli/main.js', '--help']);
    const commands = [...stdout.matchAll(/^ {2}([a-z-]+) \[options\]/gm)].map(([, name]) => name);
    assert.deepEqual(
      new Set(commands),
      new Set(['check', 'generate', 'serve', 'show', 'node-config', 'explain']),
    );
    for (const name of commands)
      assert.match(readme, new RegExp(`^lookaside ${name} (?:SOURCE|FILE…|--out DIR|IMAGE)`, 'm'));
  });

  it('links only to files that are there', () => {
    for (const [, target = ''] of readme.matchAll(/\]\(([^)#:]+)\)/g)) readFileSync(target);
  });
});

function readSource(path: string): SourceFile {
  const text = readFileSync(path, 'utf8');
  const imports = [...text.matchAll(/\b(?:from |import\()'([^']+)'/g)].map(([, name = '']) => name);
  return { path, text, imports };
}

function roomOf(path: string): string {
  return path.split('/', 1)[0] ?? '';
}
