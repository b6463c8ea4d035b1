// The Ansible role, as Ansible runs it below a directory.
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith, toolPath } from '../with-tools.ts';
import { SCOPES, readTree, takeSnapshot, writeTarget } from '../kit/node/node-config.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';

const POLICY = 'etc/containers/policy.json';

describeWith(['ansible-playbook'], 'the Ansible role', () => {
  const directory = useTemporary();
  const root = () => join(directory(), 'a root');

  beforeEach(async () => {
    await writeTarget('ansible', join(directory(), 'roles'));
    const owner = { lookaside_owner: process.getuid?.(), lookaside_group: process.getgid?.() };
    const vars = { lookaside_root: root(), ...owner };
    const roles = [{ role: 'lookaside', vars }];
    const plays = [{ name: 'Test', hosts: 'localhost', gather_facts: false, roles }];
    // JSON is YAML.
    await writeFile(join(directory(), 'play.yml'), JSON.stringify(plays));
  });

  /** Runs the role; settles with what it printed. */
  async function play(...args: readonly string[]): Promise<string> {
    const words = ['--connection=local', '--inventory=localhost,', ...args, 'play.yml'];
    const { stdout } = await runOrThrow(toolPath('ansible-playbook'), words, {
      cwd: directory(),
      env: { HOME: directory(), ANSIBLE_NOCOLOR: '1', LC_ALL: 'C.UTF-8' },
    });
    return stdout;
  }

  it('installs the files, and the second time changes nothing', async () => {
    await mkdir(join(root(), 'etc/containers'), { recursive: true });
    await writeFile(join(root(), POLICY), 'old\n');
    await chmod(join(root(), 'etc/containers'), 0o750);
    // Asks for the services that run: none is CRI-O, which would be reloaded.
    const first = await play('--extra-vars=lookaside_reload=true');
    assert.match(first, /changed=1 .*failed=0/);
    assert.match(first, /^skipping.*\n\nPLAY RECAP/m);
    const files = await writeTarget('files', join(directory(), 'files'));
    const installed = await readTree(root());
    for (const [path, text] of files) assert.equal(installed.get(path), text, path);
    const others = [...installed].filter(([path]) => !files.has(path));
    assert.equal(others.length, 1);
    assert.match(others[0]?.[0] ?? '', /^etc\/containers\/policy\.json\..*~$/);
    assert.equal(others[0]?.[1], 'old\n');
    const snapshot = await takeSnapshot(root());
    assert.ok(snapshot.some((line) => line.startsWith('etc/containers 40750 ')));
    for (const line of snapshot) {
      if (files.has(line.split(' ', 1)[0] ?? '')) assert.match(line, / 100644 /);
    }

    assert.match(await play(), /changed=0 .*failed=0/);
    assert.deepEqual(await takeSnapshot(root()), snapshot);
  });

  it('says in check mode what it would change, in an empty root too', async () => {
    await mkdir(root());
    assert.match(await play('--check'), /changed=1 .*failed=0/);
    assert.deepEqual(await takeSnapshot(root()), []);
  });

  describeWith(['ansible-lint'], 'for ansible-lint', () => {
    it('has no fault, whatever it is called', async () => {
      const out = join(directory(), 'lint');
      for (const name of ['lookaside', 'My-Store.1']) {
        await writeTarget('ansible', out, [...SCOPES, `--name=${name}`]);
      }
      const roles = await readdir(out);
      assert.equal(roles.length, 2);
      const env = { HOME: directory(), LC_ALL: 'C.UTF-8' };
      const args = ['--offline', '--strict', '--profile=production', '--nocolor', ...roles];
      await runOrThrow(toolPath('ansible-lint'), args, { cwd: out, env });
      const parts = roles.flatMap((role) =>
        ['defaults', 'handlers', 'meta', 'tasks'].map((part) => join(role, part)),
      );
      await runOrThrow('yamllint', ['--strict', ...parts], { cwd: out, env });
    });
  });
});
