// The rules that this repository keeps.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { runOrThrow } from './kit/process/run.ts';

const SOURCES = ['cli', 'generator', 'server', 'signing'];

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
    files = stdout
      .split('\0')
      .filter((path) => path.endsWith('.ts'))
      .map(readSource);
    assert.ok(files.length > 20);
  });

  const importersOf = (isMatch: (name: string) => boolean): readonly string[] =>
    files.filter(({ imports }) => imports.some(isMatch)).map(({ path }) => path);

  it('imports each engine in one place', () => {
    assert.deepEqual(
      importersOf((name) => name === 'openpgp'),
      ['generator/openpgp/openpgp-js.ts'],
    );
    assert.ok(
      importersOf((name) => name === 'express').every((path) => path.startsWith('server/')),
    );
  });

  it('imports only towards the generator', () => {
    const allowed: Record<string, readonly string[]> = {
      cli: ['cli', 'server', 'signing', 'generator'],
      server: ['server', 'generator'],
      signing: ['signing', 'generator'],
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

  it('has no folders that import each other, straight or around', () => {
    const folders = new Map<string, Set<string>>();
    for (const { path, imports } of files) {
      const targets = folders.get(dirname(path)) ?? new Set();
      folders.set(dirname(path), targets);
      for (const name of imports.filter((imported) => imported.startsWith('.'))) {
        const target = dirname(new URL(name, `file:///${path}`).pathname.slice(1));
        if (target !== dirname(path)) targets.add(target);
      }
    }
    for (;;) {
      // Those that import nothing of what is left are the ground; circles have none.
      const ground = [...folders].filter(([, targets]) =>
        [...folders.keys()].every((other) => !targets.has(other)),
      );
      if (ground.length === 0) break;
      for (const [folder] of ground) folders.delete(folder);
    }
    assert.deepEqual([...folders.keys()], []);
  });

  it('imports nothing into the terms that everybody says', () => {
    for (const { path, imports } of files.filter(
      (file) => dirname(file.path) === 'generator/terms',
    )) {
      const from = imports.filter(
        (name) => name.startsWith('..') || /^node:(?!crypto$|path$|url$|util$)/.test(name),
      );
      assert.deepEqual(from, [], path);
    }
  });

  it('has a line for each folder in the map of the code', () => {
    const [, map = ''] =
      /## Map of the code\n\n```\n(.*?)\n```/s.exec(readFileSync('CONTRIBUTING.md', 'utf8')) ?? [];
    const around: string[] = [];
    const shown = new Set<string>();
    for (const [, indent = '', name = ''] of map.matchAll(/^( *)([a-z-]+)\/ /gm)) {
      around.splice(indent.length / 2, Infinity, name);
      shown.add(around.join('/'));
    }
    assert.deepEqual(
      [...new Set(files.map(({ path }) => dirname(path)))].filter((folder) => !shown.has(folder)),
      [],
    );
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
      ['generator/terms/location.ts'],
    );
  });

  it('shows JSON to operators in visible characters', () => {
    // What strangers wrote is in it, and JSON.stringify leaves most of what terminals obey.
    const shown = files.filter(({ path }) => /^cli\/|^server\/(?:json|search|status)/.test(path));
    const raw = shown.filter(({ text }) =>
      /(?:response|\))\.json\(|JSON\.stringify\(.*, 2\)/.test(text),
    );
    assert.deepEqual(
      raw.map(({ path }) => path),
      [],
    );
  });

  it('exports each name once', () => {
    const EXPORT = /^export (?:async )?(?:function\*?|class|interface|type|const) (\w+)/gm;
    const names = files.flatMap(({ text }) => [...text.matchAll(EXPORT)].map(([, name]) => name));
    assert.ok(names.length > 500);
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
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

function readSource(path: string): SourceFile {
  const text = readFileSync(path, 'utf8');
  const imports = [...text.matchAll(/\b(?:from |import\()'([^']+)'/g)].map(([, name = '']) => name);
  return { path, text, imports };
}

function roomOf(path: string): string {
  return path.split('/', 1)[0] ?? '';
}
