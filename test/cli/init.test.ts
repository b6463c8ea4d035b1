import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { FORGES } from '../../signing/target/forge.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { putLookasideInPath } from '../kit/program/lookaside-in-path.ts';
import { type Publisher, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const GIT_ENV = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Author',
  GIT_AUTHOR_EMAIL: 'author@example.test',
  GIT_COMMITTER_NAME: 'Author',
  GIT_COMMITTER_EMAIL: 'author@example.test',
};

describeWith(['git', 'gpg'], 'lookaside init', () => {
  const directory = useTemporary();
  let publisher: Publisher;
  let [place, remote] = ['', ''];
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());
  beforeEach(() => {
    place = join(directory(), 'signatures');
    remote = join(directory(), 'remote.git');
  });

  const init = async (...args: readonly string[]) =>
    runLookaside(['init', place, ...args], { env: GIT_ENV });
  const git = async (...args: readonly string[]) =>
    (await runOrThrow('git', args, { cwd: place, env: GIT_ENV })).stdout;
  const checkAll = async () =>
    runLookaside(['check', place, '--config', join(place, 'lookaside.yaml'), '--strict']);

  const assertGoodButEmpty = async (): Promise<void> => {
    const { stdout } = await checkAll();
    assert.match(stdout, /^warning: nothing here could be a signature: .*\nfaults: \d+ files: /);
    assert.match(stdout, /: 0 accepted, 0 rejected, \d+ ignored\n$/);
  };

  /** Every file with its time and content. */
  async function snapshot(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const entry of await readdir(place, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      // Git touches its directory when it is asked something.
      if (!entry.isFile() || path.endsWith('/index')) continue;
      const { mtimeMs } = await stat(path);
      found.set(path, `${mtimeMs} ${await readFile(path, 'latin1')}`);
    }
    return found;
  }

  it('makes a repository that is good, and can be pushed as it says', async () => {
    const { code, stdout } = await init('--scope', `registry.example=${publisher.keyFile}`);
    assert.equal(code, 0);
    await assertGoodButEmpty();
    const signed = await publisher.sign();
    await mkdir(join(place, signed.location, '..'), { recursive: true });
    await writeFile(join(place, signed.location), signed.bytes);
    const { stdout: report } = await checkAll();
    assert.match(report, /good: .* 1 accepted, 0 rejected/);

    await runOrThrow('git', ['init', '--quiet', '--bare', '-b', 'main', remote], { env: GIT_ENV });
    const [, steps = ''] = stdout.split('next:\n');
    const commands = steps.split('\n').filter((line) => /^ {2}git /.test(line));
    assert.equal(commands.length, 2);
    for (const command of commands) {
      await runOrThrow('sh', ['-c', command.replace('URL', remote)], { env: GIT_ENV });
    }
    const pushed = await runLookaside(['check', remote, '--keys', publisher.keyFile]);
    assert.match(pushed.stdout, /good: .* 1 accepted, 0 rejected/);
  });

  it('changes nothing when it is run again', async () => {
    const args = ['--keys', publisher.keyFile];
    await init(...args);
    const before = await snapshot();
    const { code, stdout } = await init(...args);
    assert.deepEqual([code, stdout], [0, `${place}: nothing was missing\n`]);
    assert.deepEqual(await snapshot(), before);
  });

  it('adds what an existing repository lacks, and leaves what it has', async () => {
    await mkdir(join(place, 'keys'), { recursive: true });
    await runOrThrow('git', ['init', '--quiet', '-b', 'trunk', place], { env: GIT_ENV });
    await git('config', 'diff.lookaside.textconv', 'my-show');
    await writeFile(join(place, 'README.md'), 'ours\n');
    await writeFile(join(place, '.gitattributes'), '* -text\n');
    await writeFile(join(place, 'keys/team.asc'), await readFile(publisher.keyFile));
    const { code, stdout } = await init('--keys', publisher.keyFile);
    assert.equal(code, 0);
    const told = stdout.split('\n').filter((line) => /^ {2}left/.test(line));
    assert.deepEqual(told, [
      '  left as it is: .gitattributes (it lacks: signature-* binary diff=lookaside)',
      '  left as it is: README.md',
      `  left as it is: keys/team.asc (it has the key ${publisher.key.fingerprint})`,
      '  left as it is: git config diff.lookaside.textconv (it is "my-show")',
    ]);
    assert.equal(await readFile(join(place, 'README.md'), 'utf8'), 'ours\n');
    assert.deepEqual(await readdir(join(place, 'keys')), ['README.md', 'team.asc']);
    assert.equal((await git('symbolic-ref', '--short', 'HEAD')).trim(), 'trunk');
    await assertGoodButEmpty();
  });

  for (const [title, target] of [
    ['a link that leads out of it', '..'],
    ['a link that leads nowhere', 'nowhere'],
  ] as const) {
    it(`writes nothing where its directory of keys is ${title}`, async () => {
      await mkdir(place);
      await symlink(target, join(place, 'keys'));
      const { code, stdout, stderr } = await init('--keys', publisher.keyFile);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(
        stderr,
        /^lookaside: expected a directory at .*\/keys, got a symbolic link, .*\nhint: /,
      );
      assert.deepEqual(await readdir(directory()), ['signatures']);
      assert.deepEqual((await readdir(place)).toSorted(), ['.git', 'keys']);
    });
  }

  it('says that it cannot make a directory where nobody can', async () => {
    const { code, stderr } = await runLookaside(['init', '/proc/lookaside'], { env: GIT_ENV });
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^lookaside: cannot make a signature repository in \/proc\/lookaside: ENOENT.*\nhint: name a directory that can be written\n$/,
    );
  });

  it('shows in diffs what signatures say', async () => {
    await init('--keys', publisher.keyFile);
    const signed = await publisher.sign();
    await mkdir(join(place, signed.location, '..'), { recursive: true });
    await writeFile(join(place, signed.location), signed.bytes);
    await git('add', '--all');
    const PATH = await putLookasideInPath(directory());
    const { stdout } = await runOrThrow('git', ['diff', '--cached', '--', signed.location], {
      cwd: place,
      env: { ...GIT_ENV, PATH },
    });
    assert.match(stdout, /^\+identity: +registry\.example\/team\/app:v1$/m);
  });

  it('has an example in its configuration while there are no keys', async () => {
    const { code, stdout } = await init();
    assert.equal(code, 0);
    assert.match(stdout, /put public keys into keys\//);
    const args = ['check', place, '--config', join(place, 'lookaside.yaml')];
    const { code: checked, stdout: report } = await runLookaside(args);
    assert.deepEqual([checked, /warning: no keys were given/.test(report)], [0, true]);
  });

  it('keeps the keys of several scopes apart', async () => {
    const other = await publisher.signer.makeKey({ algorithm: 'ed25519' });
    const file = await publisher.signer.exportKeys(join(directory(), 'other.gpg'), other);
    await init('--scope', `a.example=${publisher.keyFile}`, '--scope', `b.example/team=${file}`);
    const text = await readFile(join(place, 'lookaside.yaml'), 'utf8');
    assert.deepEqual(parse(text), {
      scopes: {
        'a.example': { keys: [`keys/${publisher.key.fingerprint}.asc`] },
        'b.example/team': { keys: [`keys/${other.fingerprint}.asc`] },
      },
    });
    const armored = await readFile(join(place, `keys/${other.fingerprint}.asc`), 'utf8');
    assert.match(armored, /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n/);
    await assertGoodButEmpty();
  });

  for (const forge of FORGES) {
    it(`has the check where ${forge} looks for it`, async () => {
      const { stdout } = await init('--forge', forge);
      const path =
        forge === 'gitlab' ? '.gitlab-ci.yml' : `.${forge}/workflows/check-signatures.yml`;
      assert.ok(stdout.includes(`\n  set your Lookaside image in ${path}\n`), stdout);
      assert.match(await readFile(join(place, path), 'utf8'), /check \. --base /);
    });
  }

  it('sees by the remote which git host it is', async () => {
    await runOrThrow('git', ['init', '--quiet', place], { env: GIT_ENV });
    await git('remote', 'add', 'origin', 'git@gitlab.example.com:team/signatures.git');
    const { stdout } = await init();
    assert.doesNotMatch(stdout, /remote add/);
    assert.match(stdout, /^ {2}git -C \S+ push -u origin HEAD$/m);
    assert.ok(existsSync(join(place, '.gitlab-ci.yml')));
  });

  it('makes nothing where it was given a private key', async () => {
    const file = await publisher.signer.exportSecret(
      join(directory(), 'secret.asc'),
      publisher.key,
    );
    const { code, stderr } = await init('--keys', file);
    assert.equal(code, 2);
    assert.match(stderr, /secret\.asc: .*private/);
    assert.equal(existsSync(place), false);
  });

  const faults: readonly (readonly [
    title: string,
    prepare: () => Promise<unknown>,
    said: RegExp,
  ])[] = [
    [
      'a bare repository',
      async () => runOrThrow('git', ['init', '--quiet', '--bare', place], { env: GIT_ENV }),
      /is a bare repository\nhint: name a checkout/,
    ],
    [
      'a directory within another repository',
      async () => runOrThrow('git', ['init', '--quiet', directory()], { env: GIT_ENV }),
      /lies within the repository .*\nhint: name/,
    ],
    [
      'what git does not understand',
      async () => {
        await mkdir(place);
        await writeFile(join(place, '.git'), 'nonsense');
      },
      /cannot use .*invalid gitfile format.*\nhint: name a directory that git can read/,
    ],
    [
      'what git cannot make a repository of',
      async () => {
        await mkdir(join(place, '.git'), { recursive: true });
        await writeFile(join(place, '.git/refs'), '');
      },
      /git init failed in .*\nhint: see that git is 2\.28 or newer/,
    ],
    [
      'settings that git cannot change',
      async () => {
        await runOrThrow('git', ['init', '--quiet', place], { env: GIT_ENV });
        await writeFile(join(place, '.git/config.lock'), '');
      },
      /git config failed: .*\nhint: see that \.git\/config can be written/,
    ],
    [
      'a file',
      async () => writeFile(place, ''),
      /cannot make a signature repository in .*EEXIST.*\nhint: name a directory/,
    ],
  ];
  for (const [title, prepare, said] of faults) {
    it(`refuses ${title}`, async () => {
      await prepare();
      const { code, stderr } = await init();
      assert.equal(code, 2);
      assert.match(stderr, said);
    });
  }
});
