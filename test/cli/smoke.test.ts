/** Each command once as people run it: the built program, as a process of its own. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runLookasideProcess } from '../kit/program/lookaside.ts';
import { run } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const EXAMPLE = fileURLToPath(new URL('../../signatures', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const KEYS = join(EXAMPLE, 'keys');
const IMAGE = `a.example/b@sha256:${'0'.repeat(64)}`;

describe('as a process of its own', () => {
  const directory = useTemporary();

  const commands: Readonly<
    Record<string, { args: readonly string[]; code: number; stdout: RegExp }>
  > = {
    check: { args: [EXAMPLE], code: 0, stdout: /^good: 11 files: /m },
    explain: { args: [IMAGE, EXAMPLE], code: 1, stdout: /^verdict: {4}unknown: no-keys$/m },
    show: { args: ['/dev/null'], code: 1, stdout: /^verdict: {4}rejected: empty/m },
    completion: { args: ['bash'], code: 0, stdout: /complete / },
    serve: { args: ['--help'], code: 0, stdout: /^Usage: lookaside serve / },
  };
  for (const [command, { args, code, stdout }] of Object.entries(commands)) {
    it(`${command} ends with ${code}`, async () => {
      const result = await runLookasideProcess([command, ...args]);
      assert.match(result.stdout, stdout, result.stderr);
      assert.equal(result.code, code);
    });
  }

  it('generate and node-config write', async () => {
    const [tree, node] = [join(directory(), 'tree'), join(directory(), 'node')];
    const generated = await runLookasideProcess(['generate', EXAMPLE, '--out', tree]);
    assert.equal(generated.code, 0, generated.stderr);
    assert.ok((await readdir(tree)).includes('current'));
    const options = [
      '--url',
      'https://sig.example',
      '--default',
      'reject',
      '--keys',
      KEYS,
      '--out',
      node,
    ];
    const configured = await runLookasideProcess(['node-config', ...options]);
    assert.equal(configured.code, 0, configured.stderr);
    assert.deepEqual(await readdir(node), ['etc']);
  });

  describeWith(['setpriv'], 'of a user', () => {
    it('without a name and a home, as in a container, check works', async function () {
      if (process.geteuid?.() !== 0) this.skip();
      const user = ['--reuid=54321', '--regid=0', '--clear-groups', process.execPath, MAIN];
      const env = { HOME: undefined, XDG_STATE_HOME: undefined };
      const { code, stdout, stderr } = await run('setpriv', [...user, 'check', EXAMPLE], { env });
      assert.match(stdout, /^good: 11 files: /m, stderr);
      assert.equal(code, 0);
    });
  });

  it('an unknown command ends with 2', async () => {
    const { code, stderr } = await runLookasideProcess(['chek']);
    assert.match(stderr, /^lookaside: .*chek/);
    assert.equal(code, 2);
  });
});
