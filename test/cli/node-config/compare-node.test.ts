// `node-config --check` and `--diff`: what they say to people, and what they refuse.
import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { asNobody } from '../../kit/process/as-nobody.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { LOOKASIDE, POLICY, edit, editPolicy, layOut } from './node-tree.ts';
import { type Keys, STORE, TEAM, makeKeys } from './planted.ts';

describeWith(['gpg'], 'lookaside node-config compares', () => {
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

  it('says of a good tree that it is', async () => {
    assert.deepEqual(await check(), {
      code: 0,
      stdout: 'good: 1 scope, 0 faults, 0 warnings\n',
      stderr: '',
    });
    assert.deepEqual(await diff(), { code: 0, stdout: '', stderr: '' });
  });

  it('says each fault in a line, with its cure in the next', async () => {
    await edit(at(LOOKASIDE), /example\.com$/gm, 'example.com/');
    await editPolicy(at(POLICY), (docker) =>
      Object.assign(docker, { [TEAM]: [{ type: 'reject' }] }),
    );
    const { code, stdout } = await check();
    assert.equal(
      stdout,
      [
        `${at(POLICY)}: stricter-scope: expected signedBy one key and no more, got one that rejects every image`,
        '  hint: If that is intended, leave it; otherwise install policy.json again.',
        `${at(LOOKASIDE)}: trailing-slash: expected "${STORE}", got "${STORE}/"`,
        '  hint: Remove the slash at the end of the address.',
        'faults: 1 scope, 1 fault, 1 warning',
        '',
      ].join('\n'),
    );
    assert.equal(code, 1);
  });

  it('warns of a key as long before it expires as it is told', async () => {
    const soon = ['--scope', `soon.example=${keys.soon}`];
    await layOut(directory(), [...args, ...soon, '--default', 'reject']);
    for (const [time, isTold] of [
      ['30d', true],
      ['10d', false],
      ['0s', false],
    ] as const) {
      const { code, stdout } = await check(...soon, '--expiry-warning', time);
      assert.equal(code, 0);
      assert.equal(/: key-expires-soon: /.test(stdout), isTold, time);
    }
  });

  it('warns of an address that was asked for, and may yet be a mistake', async () => {
    for (const [url, code] of [
      ['http://sig.example.com', 'http-store'],
      ['https://quay.io', 'registry-as-store'],
    ]) {
      const own = ['node-config', '--scope', `${TEAM}=${keys.team}`, '--url', url ?? ''];
      await layOut(directory(), [...own.slice(1), '--default', 'reject']);
      const result = await runLookaside([...own, '--check', directory()]);
      assert.match(
        result.stdout,
        new RegExp(`: ${code}: [^]*\ngood: 1 scope, 0 faults, 1 warning`),
      );
      assert.equal(result.code, 0);
    }
  });

  it('says whose files it may not see', async () => {
    await mkdir(at('root/.config/containers'), { recursive: true });
    await writeFile(at('root/.config/containers/policy.json'), '{}');
    await chmod(at('root'), 0);
    const readable = at('team.asc');
    await copyFile(keys.team, readable);
    const { code, stdout, stderr } = await asNobody(async () =>
      runLookaside([
        'node-config',
        `--scope=${TEAM}=${readable}`,
        `--url=${STORE}`,
        `--check=${directory()}`,
      ]),
    );
    await chmod(at('root'), 0o700);
    assert.match(stderr, /^lookaside: warning: cannot read root: /);
    assert.equal(stdout, 'good: 1 scope, 0 faults, 0 warnings\n');
    assert.equal(code, 0);
  });

  it('compares with a home directory', async () => {
    const home = at('home/me');
    await layOut(home, [...args, '--rootless', '--default', 'reject']);
    const good = await lookaside('--check', home, '--rootless');
    assert.equal(good.code, 0, good.stdout);
    assert.equal((await lookaside('--diff', home, '--rootless')).code, 0);
    // What a user has in place of the system's files is good if it does the same.
    assert.equal((await check()).stdout, 'good: 1 scope, 0 faults, 0 warnings\n');
    await edit(join(home, '.config/containers/registries.d/lookaside.yaml'), /sig\./g, 'old.');
    assert.match((await lookaside('--check', home, '--rootless')).stdout, /: store-differs: /);
    assert.match((await check()).stdout, /: user-registries-hide: .*, got faults: store-differs$/m);
  });

  for (const [title, given, message] of [
    [
      'both questions',
      ['--diff', '.', '--check', '.'],
      '--check and --diff cannot be used together',
    ],
    [
      '--out and --check',
      ['--out', 'x', '--check', '.'],
      '--out writes files, and --check compares',
    ],
    ['--out and --diff', ['--out', '-', '--diff', '.'], '--out writes files, and --diff compares'],
    [
      '--merge and --check',
      ['--merge', 'x', '--check', '.'],
      "--check accepts whatever the node's policy says",
    ],
    [
      'a report for CI',
      ['--check', '.', '--format', 'sarif'],
      '--check does not support the format sarif',
    ],
    [
      'a difference as JSON',
      ['--diff', '.', '--format', 'json'],
      '--diff does not support the format json',
    ],
    ['a root that is not there', ['--check', 'nowhere'], '--check: cannot read nowhere: '],
    [
      'a file for a root',
      ['--diff', 'package.json'],
      '--diff: expected a directory, got package.json',
    ],
  ] as const) {
    it(`refuses ${title}`, async () => {
      const { code, stdout, stderr } = await lookaside(...given);
      assert.ok(stderr.startsWith(`lookaside: ${message}`), stderr);
      assert.match(stderr, /\nhint: ./);
      assert.deepEqual([code, stdout], [2, '']);
    });
  }
});
