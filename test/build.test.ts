// Over a small clone with the real script and compiler: what whoever builds again finds in dist/.
import assert from 'node:assert/strict';
import {
  chmod,
  copyFile,
  mkdir,
  readFile,
  readdir,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type RunResult, run, runOrThrow } from './kit/process/run.ts';
import { useTemporary } from './kit/temporary.ts';

const ROOT = join(import.meta.dirname, '..');
const COMPILER = join(ROOT, 'node_modules/.bin/tsc');
const MODULE = 'generator/greeting.ts';

describe('a build', () => {
  const clone = useTemporary();
  const at = (path: string): string => join(clone(), path);
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), text);
  };
  const greet = async (words: string): Promise<void> =>
    put(MODULE, `export const greeting: string = ${words};\n`);
  const build = async (): Promise<RunResult> => run(at('scripts/build.sh'), []);
  const buildWell = async (): Promise<void> => void (await runOrThrow(at('scripts/build.sh'), []));
  /** What the command of the clone says. */
  const say = async (): Promise<string> => (await runOrThrow(at('dist/cli/main.js'), [])).stdout;
  /** Puts a program before the compiler. */
  const precede = async (program: string): Promise<void> => {
    await rm(at('node_modules/.bin/tsc'));
    await put('node_modules/.bin/tsc', `#!/bin/sh\n${program}\nexec '${COMPILER}' "$@"\n`);
    await chmod(at('node_modules/.bin/tsc'), 0o755);
  };

  beforeEach('make a clone', async () => {
    await mkdir(at('scripts'));
    await mkdir(at('node_modules/.bin'), { recursive: true });
    for (const name of [
      'package.json',
      'tsconfig.json',
      'tsconfig.build.json',
      'scripts/build.sh',
    ]) {
      await copyFile(join(ROOT, name), at(name));
    }
    await symlink(join(ROOT, 'node_modules/@types'), at('node_modules/@types'));
    await symlink(COMPILER, at('node_modules/.bin/tsc'));
    await greet(`'one'`);
    await put('generator/old.ts', 'export const old = 1;\n');
    await put('server/page.css', 'p {}\n');
    await put('server/old.css', 'p {}\n');
    await put(
      'cli/main.ts',
      `#!/usr/bin/env node\nimport { greeting } from '../${MODULE}';\nprocess.stdout.write(greeting);\n`,
    );
    await buildWell();
  });

  it('has what is there now, and nothing of what was', async () => {
    assert.equal(await say(), 'one');
    await greet(`'two'`);
    await put('server/page.css', 'p { margin: 0 }\n');
    await rm(at('generator/old.ts'));
    await rm(at('server/old.css'));
    await buildWell();
    assert.equal(await say(), 'two');
    assert.equal(await readFile(at('dist/server/page.css'), 'utf8'), 'p { margin: 0 }\n');
    assert.deepEqual((await readdir(at('dist'), { recursive: true })).toSorted(), [
      'cli',
      'cli/main.js',
      'generator',
      'generator/greeting.js',
      'server',
      'server/page.css',
    ]);
  });

  it('leaves the one before, and nothing else, where the compiler complains', async () => {
    const before = await readdir(clone());
    await greet('2');
    const { code, stdout } = await build();
    assert.notEqual(code, 0);
    assert.match(stdout, /greeting\.ts.*error TS2322/);
    assert.equal(await say(), 'one');
    assert.deepEqual(await readdir(clone()), before);
  });

  it('leaves the one before, and nothing else, when it is stopped', async () => {
    const before = await readdir(clone());
    await precede('kill -TERM $PPID');
    assert.equal((await build()).code, 143);
    assert.equal(await say(), 'one');
    assert.deepEqual(await readdir(clone()), before);
  });

  it('lets commands of the one before run until it is whole', async () => {
    await greet(`'two'`);
    await precede('dist/cli/main.js >meanwhile');
    await buildWell();
    assert.equal(await readFile(at('meanwhile'), 'utf8'), 'one');
    assert.equal(await say(), 'two');
  });
});
