// Over a small clone with the real script and compiler: what whoever builds again finds in dist/.
import assert from 'node:assert/strict';
import {
  chmod,
  copyFile,
  cp,
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
const MAIN = `#!/usr/bin/env node
import { greeting } from '../${MODULE}';
process.stdout.write(greeting);
`;

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Makes a clone in which everything was built once. */
async function makeBuilt(clone: string): Promise<void> {
  for (const directory of ['scripts', 'node_modules/.bin']) {
    await mkdir(join(clone, directory), { recursive: true });
  }
  for (const name of ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.sh']) {
    await copyFile(join(ROOT, name), join(clone, name));
  }
  await symlink(join(ROOT, 'node_modules/@types'), join(clone, 'node_modules/@types'));
  await symlink(COMPILER, join(clone, 'node_modules/.bin/tsc'));
  await put(join(clone, 'cli/main.ts'), MAIN);
  await put(join(clone, MODULE), `export const greeting = 'one';\n`);
  await put(join(clone, 'generator/old.ts'), 'export const old = 1;\n');
  await put(join(clone, 'server/html/page.ts'), 'export const title = 1;\n');
  await put(join(clone, 'server/html/page.css'), 'p {}\n');
  await put(join(clone, 'server/html/old.css'), 'p {}\n');
  await runOrThrow(join(clone, 'scripts/build.sh'), []);
}

describe('a build', () => {
  const built = useTemporary('suite');
  const clone = useTemporary();
  const at = (path: string): string => join(clone(), path);
  const greet = async (words: string): Promise<void> =>
    put(at(MODULE), `export const greeting: string = ${words};\n`);
  const build = async (): Promise<RunResult> => run(at('scripts/build.sh'), []);
  const buildWell = async (): Promise<RunResult> => runOrThrow(at('scripts/build.sh'), []);
  const list = async (): Promise<readonly string[]> => (await readdir(clone())).toSorted();
  /** What the command of the clone says. */
  const say = async (): Promise<string> => (await runOrThrow(at('dist/cli/main.js'), [])).stdout;
  /** Has a program run before the compiler. */
  const precede = async (program: string): Promise<void> => {
    const path = at('node_modules/.bin/tsc');
    await rm(path);
    await put(path, `#!/bin/sh\n${program}\nexec '${COMPILER}' "$@"\n`);
    await chmod(path, 0o755);
  };

  before('build once', async () => makeBuilt(built()));
  beforeEach('make a clone', async () =>
    cp(built(), clone(), { recursive: true, verbatimSymlinks: true }),
  );

  it('has what is there now, and nothing of what was', async () => {
    assert.equal(await say(), 'one');
    await greet(`'two'`);
    await put(at('server/html/page.css'), 'p { margin: 0 }\n');
    await rm(at('generator/old.ts'));
    await rm(at('server/html/old.css'));
    await buildWell();
    assert.equal(await say(), 'two');
    assert.equal(await readFile(at('dist/server/html/page.css'), 'utf8'), 'p { margin: 0 }\n');
    assert.deepEqual((await readdir(at('dist'), { recursive: true })).toSorted(), [
      'cli',
      'cli/main.js',
      'generator',
      'generator/greeting.js',
      'server',
      'server/html',
      'server/html/page.css',
      'server/html/page.js',
    ]);
  });

  it('leaves the one before, and nothing else, where the compiler complains', async () => {
    const before = await list();
    await greet('2');
    const { code, stdout } = await build();
    assert.notEqual(code, 0);
    assert.match(stdout, /greeting\.ts.*error TS2322/);
    assert.equal(await say(), 'one');
    assert.deepEqual(await list(), before);
  });

  it('leaves the one before, and nothing else, when it is stopped', async () => {
    const before = await list();
    await precede('kill -TERM $PPID');
    assert.equal((await build()).code, 143);
    assert.equal(await say(), 'one');
    assert.deepEqual(await list(), before);
  });

  it('is one of them, and whole, where two run at once', async () => {
    const before = await list();
    await greet(`'two'`);
    const both = await Promise.all([build(), build()]);
    assert.ok(both.some(({ code }) => code === 0));
    for (const { code, stderr } of both) if (code !== 0) assert.match(stderr, /build again\n$/);
    assert.equal(await say(), 'two');
    assert.deepEqual(await list(), before);
  });

  it('lets commands of the one before run until it is whole', async () => {
    await greet(`'two'`);
    await precede('dist/cli/main.js >meanwhile');
    await buildWell();
    assert.equal(await readFile(at('meanwhile'), 'utf8'), 'one');
    assert.equal(await say(), 'two');
  });
});
