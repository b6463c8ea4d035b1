// `lookaside node-config` as people call it: what it writes where, and what it says.
import assert from 'node:assert/strict';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { run, runOrThrow } from '../../kit/process/run.ts';
import { describeWith } from '../../with-tools.ts';
import {
  ANYTHING,
  REJECT,
  REJECTING,
  URL,
  filesIn,
  signedByData,
  signedByFile,
  useNodeConfig,
} from './use-node-config.ts';

describeWith(['gpg'], 'lookaside node-config', () => {
  const { signer, red, blue, at, team, call, write, readPolicy } = useNodeConfig();

  it('writes a tree to lay over /, and says which files', async () => {
    const said = await write(...team(), ...REJECTING);
    const files = [
      'etc/containers/policy.json',
      'etc/containers/registries.d/lookaside.yaml',
      'etc/pki/containers/lookaside-quay.io-team.asc',
    ];
    assert.deepEqual(await filesIn(at('out')), files);
    assert.match(said, /^lookaside: wrote\n/);
    for (const file of files) assert.ok(said.includes(`  ${at('out', file)}\n`));
    assert.deepEqual(await readPolicy(), {
      default: REJECT,
      transports: {
        docker: { 'quay.io/team': [signedByFile('-quay.io-team')] },
        'docker-daemon': { '': ANYTHING },
      },
    });
  });

  it('does not mind what the configuration says for other commands and runs', async () => {
    const others = {
      format: 'github',
      out: 'tree',
      pool: ['worker'],
      butane: '4.14.0',
      force: true,
    };
    await writeFile(at('lookaside.yaml'), stringify({ url: URL, keys: 'red.asc', ...others }));
    const config = ['--config', at('lookaside.yaml'), ...REJECTING];
    await write(...config);
    for (const compared of ['--check', '--diff']) {
      const { code, stderr } = await call(...config, compared, at('out'));
      assert.equal(code, 0, stderr);
    }
  });

  it('takes the scopes of the configuration, and keys for all else', async () => {
    const scopes = {
      'quay.io/team': { keys: ['red.asc', 'blue.gpg'], require: 'all', prefix: 'images' },
      '*.example': { keys: ['red.asc'], signedIdentity: { type: 'matchRepository' } },
    };
    await writeFile(at('lookaside.yaml'), stringify({ url: URL, keys: 'blue.gpg', scopes }));
    const out = ['--out', at('out'), '--config', at('lookaside.yaml')];
    const { code, stderr } = await runLookaside(['node-config', ...out, ...REJECTING]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await readPolicy(), {
      default: REJECT,
      transports: {
        docker: {
          'quay.io/team': [red(), blue()].map(({ fingerprint }) =>
            signedByFile(`-quay.io-team-${fingerprint}`),
          ),
          '*.example': [
            { ...signedByFile('-any.example'), signedIdentity: { type: 'matchRepository' } },
          ],
          '': [signedByFile('')],
        },
        'docker-daemon': { '': ANYTHING },
      },
    });
  });

  it('takes several keys of one scope, given one by one', async () => {
    await write(...team(), ...team('blue.gpg'), ...REJECTING, '--keys-as', 'data');
    assert.deepEqual(await filesIn(at('out')), [
      'etc/containers/policy.json',
      'etc/containers/registries.d/lookaside.yaml',
    ]);
    await signer().exportKeys(at('red.gpg'), red());
    const both = await signedByData(at('red.gpg'), at('blue.gpg'));
    assert.deepEqual(await readPolicy(), {
      default: REJECT,
      transports: { docker: { 'quay.io/team': [both] }, 'docker-daemon': { '': ANYTHING } },
    });
  });

  it('writes the same again, and nothing beside it', async () => {
    const read = async (): Promise<unknown> =>
      Promise.all(
        (await filesIn(at('out'))).map(async (file) => readFile(at('out', file), 'utf8')),
      );
    await write(...team(), ...REJECTING);
    const before = await read();
    await write(...team(), ...REJECTING);
    assert.deepEqual(await read(), before);
    const policy = at('out', 'etc/containers/policy.json');
    await write(...team(), '--merge', policy, '--policy-root', at('out'));
    assert.deepEqual(await read(), before);
  });

  it('writes files that all users can read, whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      await write(...team(), ...REJECTING);
    } finally {
      process.umask(umask);
    }
    for (const [path, mode] of [
      ['', 0o755],
      ['etc/pki', 0o755],
      ['etc/containers/registries.d', 0o755],
      ['etc/containers/registries.d/lookaside.yaml', 0o644],
      ['etc/pki/containers/lookaside-quay.io-team.asc', 0o644],
    ] as const) {
      assert.equal((await stat(at('out', path))).mode & 0o777, mode, path);
    }
  });

  it('replaces a link, and does not write through it', async () => {
    await mkdir(at('out/etc/containers'), { recursive: true });
    await writeFile(at('else'), 'as it was');
    await symlink(at('else'), at('out/etc/containers/policy.json'));
    await write(...team(), ...REJECTING);
    assert.equal(await readFile(at('else'), 'utf8'), 'as it was');
    assert.ok(await readPolicy());
  });

  it('writes an archive to standard output, always the same', async () => {
    const archive = async (): Promise<Buffer> => {
      const { code, stdout, stderr } = await call('--out', '-', ...team(), ...REJECTING);
      assert.equal(code, 0);
      assert.match(stderr, /^(?:lookaside: warning: .*\n)+$/);
      return stdout;
    };
    const bytes = await archive();
    assert.deepEqual(await archive(), bytes);
    await mkdir(at('unpacked'));
    await runOrThrow('tar', ['-x', '-C', at('unpacked')], { input: bytes });
    await write(...team(), ...REJECTING);
    const { stdout } = await run('diff', ['-r', at('unpacked'), at('out')]);
    assert.equal(stdout, '');
  });

  it('writes for a home directory, and says what is not read then', async () => {
    const said = await write(...team(), ...REJECTING, '--rootless');
    assert.deepEqual(await filesIn(at('out')), [
      '.config/containers/policy.json',
      '.config/containers/registries.d/lookaside.yaml',
    ]);
    assert.match(said, /warning: once a home directory .* those of \/etc\/containers are not read/);
  });
});
