// `node-config --diff`: what would change, as a patch.
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { run } from '../../kit/process/run.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { LOOKASIDE, POLICY, edit, editPolicy, layOut } from './node-tree.ts';
import { type Keys, STORE, TEAM, makeKeys } from './planted.ts';

describeWith(['gpg'], 'lookaside node-config --diff', () => {
  const directory = useTemporary();
  let keys: Keys;
  let args: readonly string[];
  before(async () => {
    keys = await makeKeys();
    args = ['--scope', `${TEAM}=${keys.team}`, '--url', STORE];
  });
  after(async () => keys.stop());
  beforeEach(async () => layOut(directory(), [...args, '--default', 'reject']));

  const at = (path: string): string => join(directory(), path);
  const lookaside = async (...more: readonly string[]) =>
    runLookaside(['node-config', ...args, ...more]);
  const check = async (...more: readonly string[]) => lookaside('--check', directory(), ...more);
  const diff = async (...more: readonly string[]) => lookaside('--diff', directory(), ...more);

  it('prints a difference that makes good what it is applied to', async () => {
    await edit(at(LOOKASIDE), /sigstore: .*/, 'sigstore: https://old.example.com');
    await editPolicy(at(POLICY), (docker, all) => {
      docker[TEAM] = [{ type: 'reject' }];
      docker['other.example'] = [{ type: 'insecureAcceptAnything' }];
      all['default'] = [{ type: 'insecureAcceptAnything' }];
    });
    await rm(at('etc/pki'), { recursive: true });
    const { code, stdout } = await diff();
    assert.equal(code, 1);
    assert.match(stdout, /^-    sigstore: https:\/\/old\.example\.com$/m);
    assert.match(stdout, /^--- \/dev\/null\n\+\+\+ b\/etc\/pki\/containers\//m);
    const patched = await run('git', ['apply', '--unsafe-paths', '-'], {
      cwd: directory(),
      input: stdout,
    });
    assert.equal(patched.code, 0, patched.stderr);
    assert.equal((await diff()).stdout, '');
    assert.equal((await check()).code, 0);
    const policy = await readFile(at(POLICY), 'utf8');
    assert.match(policy, /"other\.example"/);
    assert.match(policy, /"default": \[\s*\{\s*"type": "insecureAcceptAnything"/);
  });

  it('compares with a policy of its own where it is told the default', async () => {
    await editPolicy(at(POLICY), (docker) =>
      Object.assign(docker, { 'other.example': [{ type: 'insecureAcceptAnything' }] }),
    );
    const { code, stdout } = await diff('--default', 'reject');
    assert.equal(code, 1);
    assert.match(stdout, /"other\.example"/);
    const merged = await diff('--merge', at(POLICY), '--policy-root', directory());
    assert.match(merged.stdout, /^\+ +"other\.example": \[$/m);
  });

  it('says of files that differ in all that they do', async () => {
    await writeFile(
      at(LOOKASIDE),
      Array.from({ length: 20_000 }, (_, line) => `# ${line}\n`).join(''),
    );
    const { stdout } = await diff();
    assert.equal(stdout, `Files a/${LOOKASIDE} and b/${LOOKASIDE} differ\n`);
  });

  it('refuses to merge into what nodes refuse', async () => {
    await writeFile(at(POLICY), '{}');
    const { code, stderr } = await diff();
    assert.ok(stderr.startsWith(`lookaside: ${at(POLICY)}: default: `), stderr);
    assert.equal(code, 2);
    await rm(at(POLICY));
    await mkdir(at(POLICY));
    const other = await diff();
    assert.ok(
      other.stderr.startsWith(`lookaside: ${at(POLICY)}: expected a policy, got a directory`),
    );
    assert.equal(other.code, 2);
    assert.match((await check()).stdout, /: policy-unreadable: /);
    await rm(at(POLICY), { recursive: true });
    assert.match((await diff()).stdout, /^\+\+\+ b\/etc\/containers\/policy\.json$/m);
  });
});
