import assert from 'node:assert/strict';
import {
  cp,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  realpath,
  rm,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeGitRemote } from '../kit/remote/git-remote.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import type { RunResult } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const EXAMPLE = fileURLToPath(new URL('../../signatures', import.meta.url));

describe('lookaside generate', () => {
  const directory = useTemporary();
  const source = (...names: string[]): string => join(directory(), 'source', ...names);
  const out = (...names: string[]): string => join(directory(), 'out', ...names);
  const generate = (...args: string[]): Promise<RunResult> =>
    runLookaside(['generate', source(), '--out', out(), ...args]);
  const breakOne = async (): Promise<void> => {
    await mkdir(source(`bad/app@sha256=${'0'.repeat(64)}`), { recursive: true });
    await writeFile(source(`bad/app@sha256=${'0'.repeat(64)}`, 'signature-1'), '');
  };
  beforeEach(() => cp(EXAMPLE, source(), { recursive: true }));

  it('writes the tree, and says where', async () => {
    const { code, stdout, stderr } = await generate();
    assert.equal(code, 0);
    const generation = out(await readlink(out('current')));
    assert.equal(stdout, `7 signatures of 3 repositories in ${generation}\n`);
    assert.match(stderr, /^good: 11 files: 0 accepted, 7 unverified, 0 rejected, 4 ignored$/m);
    const team = await readdir(join(await realpath(out('current')), 'team'));
    assert.equal(team.length, 3);
  });

  it('shares with the run before what did not change', async () => {
    assert.equal((await generate()).code, 0);
    const first = await realpath(out('current'));
    const [gone = '', kept = ''] = await readdir(join(first, 'team'));
    await rm(source('team', gone), { recursive: true });
    assert.equal((await generate()).code, 0);
    const second = await realpath(out('current'));
    assert.ok(!(await readdir(join(second, 'team'))).includes(gone));
    const [before, after] = await Promise.all(
      [first, second].map((root) => lstat(join(root, 'team', kept, 'signature-1'))),
    );
    assert.equal(after?.ino, before?.ino);
  });

  it('leaves faults out, and says so on standard error', async () => {
    await breakOne();
    const { code, stdout, stderr } = await generate();
    assert.equal(code, 0);
    assert.match(stdout, /^7 signatures of /);
    assert.match(stderr, /^bad\/app@sha256=0+\/signature-1: empty: expected .*\n {2}hint: \S/m);
    assert.ok(!(await readdir(await realpath(out('current')))).includes('bad'));
  });

  it('--on-invalid refuse changes nothing and ends with 1', async () => {
    assert.equal((await generate('--on-invalid', 'refuse')).code, 0);
    const before = await readlink(out('current'));
    await breakOne();
    await writeFile(source('README.md'), 'changed');
    const { code, stdout, stderr } = await generate('--on-invalid', 'refuse');
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^lookaside: nothing was written: 1 files? (is|are) rejected$/m);
    assert.match(stderr, /signature-1: empty: /);
    assert.equal(await readlink(out('current')), before);
    assert.equal((await readdir(out('generations'))).length, 1);
  });

  it('--on-invalid refuse writes nothing at all the first time', async () => {
    await breakOne();
    assert.equal((await generate('--on-invalid', 'refuse')).code, 1);
    assert.ok(!(await readdir(directory())).includes('out'));
  });

  it('wants to know where to write', async () => {
    const { code, stdout, stderr } = await runLookaside(['generate', source()]);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.equal(stderr, 'lookaside: generate needs a place to write to\nhint: give --out DIR\n');
  });

  it('says so when it cannot write there', async () => {
    await writeFile(out(), 'a file');
    const { code, stderr } = await generate();
    assert.equal(code, 2);
    assert.match(stderr, /^lookaside: cannot write below .*: (EEXIST|ENOTDIR): .*\nhint: .*\n$/m);
    assert.doesNotMatch(stderr, /^\s+at /m);
    assert.equal(await readFile(out(), 'utf8'), 'a file');
  });
});

describeWith(['git'], 'lookaside generate from git', () => {
  const directory = useTemporary();

  it('names the generation for the commit', async () => {
    const remote = await makeGitRemote();
    await cp(EXAMPLE, join(remote.work, 'sub'), { recursive: true });
    const commit = await remote.publish({});
    const args = ['--path', 'sub', '--branch', 'main', '--out', directory()];
    const { code, stderr } = await runLookaside(['generate', remote.fileUrl, ...args]);
    assert.equal(code, 0, stderr);
    assert.equal(await readlink(join(directory(), 'current')), `generations/${commit}`);
    await remote.remove();
  });
});
