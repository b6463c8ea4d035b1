// What is a program for a shell is a file, and part of the build.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { runOrThrow } from './kit/process/run.ts';
import { describeWith, toolPath } from './with-tools.ts';

async function listScripts(...rooms: readonly string[]): Promise<readonly string[]> {
  const patterns = rooms.map((room) => `${room}/**.sh`);
  const { stdout } = await runOrThrow('git', [
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
    ...patterns,
  ]);
  return stdout.split('\0').filter(Boolean);
}

describeWith(['shellcheck'], 'the shell scripts', () => {
  it('leave shellcheck nothing to say', async () => {
    const scripts = await listScripts('generator', 'server', 'signing', 'scripts', 'deploy');
    assert.ok(scripts.length > 2);
    await runOrThrow(toolPath('shellcheck'), ['--severity=style', ...scripts]);
  });
});

describe('the build', () => {
  it('has the scripts that the program reads', async () => {
    const scripts = await listScripts('generator', 'server');
    assert.ok(scripts.includes('generator/nodes/targets/install.sh'));
    for (const path of scripts) {
      assert.equal(readFileSync(`dist/${path}`, 'utf8'), readFileSync(path, 'utf8'), path);
    }
  });
});
