// The install script, killed at every step: it can be run again, or undone.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeInstallScript } from '../../generator/nodes/targets/install-script.ts';
import { OPTIONS, toFile } from '../generator/nodes/targets/samples.ts';
import { takeSnapshot } from '../kit/node/node-config.ts';
import { POLICY, makeRoot } from '../kit/node/node-root.ts';
import { run } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';

/** What changes anything. */
const COMMANDS = ['mv', 'cp', 'rm', 'mkdir', 'rmdir', 'chmod'];
const FILES = [toFile('etc/pki/containers/key.asc', 'key\n'), toFile(POLICY, '{}\n')];

describe('the install script, broken off at any step', () => {
  const directory = useTemporary();
  let root = '';
  beforeEach(async () => {
    root = join(directory(), 'root');
    const [script] = writeInstallScript(FILES, OPTIONS);
    await writeFile(join(directory(), 'install.sh'), script?.bytes ?? '');
    await mkdir(join(directory(), 'bin'));
    for (const command of COMMANDS) await replaceCommand(command, directory());
  });

  const runs: readonly (readonly string[])[] = [[], ['--undo']];
  for (const args of runs) {
    for (const isInstalled of [false, true]) {
      const what = args.length > 0 ? 'an undoing' : 'an installation';
      it(`${what} can be ${isInstalled ? 'installed, and ' : ''}undone`, async () => {
        const before = await makeRoot(root);
        let wasBroken = true;
        let at = 0;
        for (; wasBroken; at += 1) {
          if (args.length > 0) await runWhole(directory(), root);
          wasBroken = await breakOff(at, directory(), root, args);
          if (isInstalled) {
            await runWhole(directory(), root);
            for (const { path, bytes } of FILES) {
              assert.deepEqual(await readFile(join(root, path)), bytes, `${at}: ${path}`);
            }
          }
          await runWhole(directory(), root, '--undo');
          assert.deepEqual(await takeSnapshot(root), before, String(at));
        }
        assert.ok(at > 5, String(at));
      });
    }
  }
});

/** Puts in its place one that counts down, and at 0 kills the shell that calls it. */
async function replaceCommand(command: string, directory: string): Promise<void> {
  const text = `#!/bin/sh
read -r n <'${directory}/count'
if [ "$n" = 0 ]; then kill -9 $PPID; exit 1; fi
echo $((n - 1)) >'${directory}/count'
PATH=\${PATH#*:} exec ${command} "$@"
`;
  await writeFile(join(directory, 'bin', command), text, { mode: 0o755 });
}

/** Kills the shell in place of its nth change; settles with whether there were so many. */
async function breakOff(
  at: number,
  directory: string,
  root: string,
  args: readonly string[],
): Promise<boolean> {
  await writeFile(join(directory, 'count'), `${at}\n`);
  const env = { PATH: `${join(directory, 'bin')}:${process.env['PATH']}` };
  const words = [join(directory, 'install.sh'), '--root', root, ...args];
  const { code, stderr } = await run('sh', words, { env });
  assert.ok(code === null || code === 0, `${at}: ${stderr}`);
  return code === null;
}

async function runWhole(directory: string, root: string, ...args: readonly string[]) {
  const words = [join(directory, 'install.sh'), '--root', root, ...args];
  const { code, stderr } = await run('sh', words);
  assert.equal(code, 0, stderr);
}
