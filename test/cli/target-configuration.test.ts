// The configuration of a signature repository is pushed by others: whatever stands there, people are told
// what it is, where, and what to do. Nothing without end is read.
import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Publisher, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const MIB = 1024 ** 2;
const RULES = 'scopes:\n  registry.example:\n    keys: keys\n';
const NOTHING = '0'.repeat(40);

describeWith(['git', 'gpg'], 'the configuration of a signature repository', () => {
  const directory = useTemporary('suite');
  let publisher: Publisher;
  let remote: GitRemote;
  let base = '';
  let key = '';

  before('make a repository that is pushed to', async () => {
    publisher = await makePublisher();
    remote = await makeGitRemote();
    key = await readFile(publisher.keyFile, 'utf8');
    base = await remote.publish({ 'lookaside.yaml': RULES, 'keys/own.asc': key });
    const { location, bytes } = await publisher.sign();
    await mkdir(join(directory(), 'staging', location, '..'), { recursive: true });
    await writeFile(join(directory(), 'staging', location), bytes);
  });
  after(async () => {
    await remote.remove();
    await publisher.stop();
  });
  beforeEach(async () => {
    await remote.git('checkout', '--quiet', '--force', '-B', 'main', base);
    await remote.git('clean', '--quiet', '-fdx');
  });

  /** Puts a link into the place of something. */
  const link = async (path: string, to: string): Promise<void> => {
    await remote.git('rm', '-rq', path);
    await symlink(to, join(remote.work, path));
  };
  const config = async (text: string): Promise<void> =>
    writeFile(join(remote.work, 'lookaside.yaml'), text);

  const rows: readonly (readonly [
    title: string,
    prepare: () => Promise<unknown>,
    said: RegExp,
    hint: RegExp,
  ])[] = [
    [
      'a symbolic link in its place',
      async () => link('lookaside.yaml', 'other.yaml'),
      /lookaside\.yaml: expected a file, got a symbolic link$/m,
      /commit the configuration itself/,
    ],
    [
      'a directory in its place',
      async () => {
        await remote.git('rm', '-q', 'lookaside.yaml');
        await mkdir(join(remote.work, 'lookaside.yaml'));
        await writeFile(join(remote.work, 'lookaside.yaml/x'), '');
      },
      /lookaside\.yaml: expected a file, got a directory$/m,
      /commit the configuration itself/,
    ],
    [
      'more than any configuration has',
      async () => config(`# ${'x'.repeat(2 * MIB)}\n${RULES}`),
      /lookaside\.yaml: expected at most 1 MiB, got 2\.0 MiB$/m,
      /see what stands in its place/,
    ],
    [
      'what is no YAML',
      async () => config(`${RULES}  a: [`),
      /cannot read the configuration file "lookaside\.yaml": .* line 4, column 7/,
      /it must be YAML/,
    ],
    [
      'aliases without end',
      async () => config('a: &a [*b]\n'),
      /cannot read the configuration file "lookaside\.yaml": .*alias.*b/,
      /it must be YAML/,
    ],
    [
      'keys that are a symbolic link',
      async () => link('keys', '/etc'),
      /lookaside\.yaml: keys: expected a file or a directory of keys, got a symbolic link$/m,
      /commit the public keys themselves/,
    ],
    [
      'keys behind a symbolic link',
      async () => {
        await link('keys', '/etc');
        await config('keys: [keys/own.asc]\n');
      },
      /lookaside\.yaml: keys\/own\.asc: keys: expected a directory, got a symbolic link$/m,
      /commit the public keys themselves/,
    ],
    [
      'keys behind a file',
      async () => config('keys: [keys/own.asc/x]\n'),
      /lookaside\.yaml: keys\/own\.asc\/x: keys\/own\.asc: expected a directory, got a file$/m,
      /commit the public keys themselves/,
    ],
    [
      'keys that are a submodule',
      async () => {
        await remote.git('rm', '-rq', 'keys');
        await mkdir(join(remote.work, 'keys'));
        await remote.git('update-index', '--add', '--cacheinfo', `160000,${base},keys`);
      },
      /lookaside\.yaml: keys: expected a file or a directory of keys, got a submodule$/m,
      /commit the public keys themselves/,
    ],
    [
      'keys by their place on a disk',
      async () => config('keys: [/etc/pki/own.asc]\n'),
      /lookaside\.yaml: expected keys in the repository, got \/etc\/pki\/own\.asc$/m,
      /put the public keys into the repository/,
    ],
    [
      'keys outside of it',
      async () => config('keys: keys/../../own.asc\n'),
      /lookaside\.yaml: expected keys in the repository, got keys\/\.\.\/\.\.\/own\.asc$/m,
      /put the public keys into the repository/,
    ],
    [
      'more bytes than all keys have',
      async () => {
        const big = Buffer.alloc(9 * MIB);
        await writeFile(join(remote.work, 'keys/a.asc'), big);
        await writeFile(join(remote.work, 'keys/b.asc'), Buffer.concat([big, big]));
      },
      /keys\/b\.asc: expected keys of at most 16 MiB in all, got 27 MiB up to this file$/m,
      /name fewer keys/,
    ],
    [
      'more files than anybody has keys',
      async () => {
        for (let index = 0; index < 1000; index++) {
          await writeFile(join(remote.work, `keys/${index}.asc`), key);
        }
      },
      /keys: expected at most 1000 files of keys, got 1001$/m,
      /name fewer keys/,
    ],
  ];
  for (const [title, prepare, said, hint] of rows) {
    it(`tells of ${title}`, async () => {
      await prepare();
      const commit = await remote.commit();
      await remote.push('--force');
      const hooked = await runLookaside(['hook', 'pre-receive'], {
        input: `${NOTHING} ${commit} refs/heads/main\n`,
        env: { GIT_DIR: join(remote.work, '.git') },
      });
      const pushed = await runLookaside([
        'push',
        join(directory(), 'staging'),
        '--to',
        remote.path,
      ]);
      for (const [{ code, stdout, stderr }, expected, place] of [
        [hooked, 1, commit],
        [pushed, 2, remote.path],
      ] as const) {
        const told = `${stdout}${stderr}`;
        assert.equal(code, expected, told);
        assert.match(told, said);
        assert.match(told, hint);
        assert.ok(told.includes(`${place}: `), told);
        assert.doesNotMatch(told, /--config/);
      }
    });
  }
});

describe('a file that is named on the command line', () => {
  const directory = useTemporary('suite');

  for (const [option, limit] of [
    ['--config', '1 MiB'],
    ['--keys', '16 MiB'],
    ['--policy', '16 MiB'],
    ['--git-token-file', '1 MiB'],
  ] as const) {
    it(`is read no further than any file of its kind: ${option}`, async () => {
      const source = option === '--git-token-file' ? 'https://git.example/x.git' : directory();
      const { code, stderr } = await runLookaside(['check', source, option, '/dev/zero']);
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`/dev/zero"?: .*expected at most ${limit}, got more`));
    });
  }

  it('may be a pipe', async () => {
    const pipe = join(directory(), 'pipe');
    await runOrThrow('mkfifo', [pipe]);
    const [{ code, stderr }] = await Promise.all([
      runLookaside(['check', directory(), '--config', pipe]),
      runOrThrow('sh', ['-c', `sleep 0.2; printf 'po' >"$0"`, pipe]).then(async () => undefined),
    ]);
    assert.equal(code, 2);
    assert.match(stderr, /pipe: expected a mapping of options, got a string/);
  });

  it('is not waited for without end where nobody writes to it', async () => {
    const pipe = join(directory(), 'silent');
    await runOrThrow('mkfifo', [pipe]);
    const { code, stderr } = await runLookaside(['check', directory(), '--keys', pipe]);
    assert.equal(code, 2);
    assert.match(stderr, /silent: expected a file, got a pipe or device to which nobody writes/);
  });
});
