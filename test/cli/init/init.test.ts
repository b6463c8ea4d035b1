import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { FORGES } from '../../../signing/target/forge.ts';
import { run, runOrThrow } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { putLookasideInPath } from '../../kit/program/lookaside-in-path.ts';
import { type Publisher, makePublisher } from '../../kit/signer/publisher.ts';
import type { SigningKey } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

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

  const configuration = (): string => join(place, 'lookaside.yaml');

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

  describe('asked for a scope that the configuration lacks', () => {
    let file = '';
    let other: SigningKey;
    before(async () => {
      other = await publisher.signer.makeKey({ algorithm: 'ed25519', name: 'Contractor' });
    });
    beforeEach(async () => {
      file = await publisher.signer.exportKeys(join(directory(), 'contractor.asc'), other);
    });

    const ask = async () => init('--scope', `quay.example/contractor=${file}`);

    for (const [title, prepare] of [
      ['of one scope', async () => init('--scope', `registry.example=${publisher.keyFile}`)],
      ['for all images', async () => init('--keys', publisher.keyFile)],
      ['that is an example', async () => init()],
      [
        'that takes whatever lies in keys/',
        async () => {
          await init();
          await writeFile(join(place, 'keys/team.asc'), await readFile(publisher.keyFile));
          await writeFile(configuration(), 'scopes:\n  registry.example:\n    keys: keys\n');
        },
      ],
      [
        'without scopes',
        async () => {
          await init();
          await writeFile(join(place, 'keys/team.asc'), await readFile(publisher.keyFile));
          await writeFile(configuration(), 'keys: keys/\n');
        },
      ],
    ] as const) {
      it(`says what to add to a configuration ${title}, and puts no key where it counts for others`, async () => {
        await prepare();
        const before = await snapshot();
        const { code, stdout, stderr } = await ask();
        assert.deepEqual([code, stdout], [2, '']);
        assert.match(
          stderr,
          /^lookaside: .*\/lookaside\.yaml: expected the scope "quay\.example\/contractor", which is not in it; nothing was written\nhint: /,
        );
        assert.deepEqual(await snapshot(), before);

        // What it says can be pasted as it stands.
        const [, copy = '', below, line = ''] =
          /^hint: (mkdir .*), and (?:add this line to lookaside\.yaml|have this in lookaside\.yaml (below "scopes:")): (.*)$/m.exec(
            stderr,
          ) ?? [];
        await runOrThrow('sh', ['-c', copy]);
        const text = await readFile(configuration(), 'utf8');
        const changed =
          below === undefined
            ? `${text}${line}\n`
            : text.replace(/^scopes:\n/m, (head) => `${head}  ${line}\n`);
        await writeFile(configuration(), changed);
        const again = await ask();
        assert.equal(again.code, 0, again.stderr);

        const [forged, own] = [
          await publisher.sign({ key: other }),
          await publisher.signer.sign(other, {
            dockerReference: 'quay.example/contractor/tool:v1',
            manifestDigest: `sha256:${'ab'.repeat(32)}`,
          }),
        ];
        const path = `contractor/tool@sha256=${'ab'.repeat(32)}/signature-1`;
        for (const [at, bytes] of [
          [forged.location, forged.bytes] as const,
          [path, own] as const,
        ]) {
          await mkdir(join(place, at, '..'), { recursive: true });
          await writeFile(join(place, at), bytes);
        }
        const { stdout: report } = await checkAll();
        assert.match(report, /1 accepted, 1 rejected/);
        assert.match(report, /^team\/app@.*\/signature-1: [a-z-]+: /m);
      });
    }

    it('names the key that a scope lacks', async () => {
      await init('--scope', `quay.example/contractor=${publisher.keyFile}`);
      const before = await snapshot();
      const { code, stderr } = await ask();
      assert.equal(code, 2);
      assert.ok(
        stderr.includes(
          `expected the key ${other.fingerprint} for the scope "quay.example/contractor", which does not name it`,
        ),
      );
      const kept = `keys/${publisher.key.fingerprint}.asc`;
      assert.ok(
        stderr.includes(
          `, and have this in lookaside.yaml below "quay.example/contractor:", in place of its keys: keys: [${kept}, keys/contractor.asc]\n`,
        ),
        stderr,
      );
      assert.deepEqual(await snapshot(), before);
    });
  });

  it('names the file of a key that it was given another copy of', async () => {
    const { signer } = publisher;
    const key = await signer.makeKey({ algorithm: 'ed25519', expires: '1y' });
    const first = await signer.exportKeys(join(directory(), 'first.asc'), key);
    await init('--scope', `registry.example=${first}`);
    const before = await snapshot();
    await signer.extend(key, '2y');
    const second = await signer.exportKeys(join(directory(), 'second.asc'), key);
    const { code, stdout } = await init('--scope', `registry.example=${second}`);
    assert.equal(code, 0);
    const path = `keys/${key.fingerprint}.asc`;
    assert.ok(
      stdout.includes(`  left as it is: ${path} (it has another copy of the key)\n`),
      stdout,
    );
    assert.deepEqual(await snapshot(), before);
  });

  it('makes a repository that is checked whole as docs/signing.md says', async () => {
    const other = await publisher.signer.makeKey({ algorithm: 'ed25519' });
    const file = await publisher.signer.exportKeys(join(directory(), 'other.asc'), other);
    await init('--scope', `registry.example=${publisher.keyFile}`, '--scope', `b.example=${file}`);
    const { location, bytes } = await publisher.sign({ key: other });
    await mkdir(join(place, location, '..'), { recursive: true });
    await writeFile(join(place, location), bytes);
    const page = await readFile('docs/signing.md', 'utf8');
    const [, command = ''] = /`(lookaside check \.[^`]*)`\s+checks\s+the\s+whole/.exec(page) ?? [];
    const PATH = await putLookasideInPath(directory());
    const { code, stdout } = await run('sh', ['-c', command], { cwd: place, env: { PATH } });
    assert.equal(code, 1);
    assert.match(stdout, /signature-1: signer-not-accepted: /);
  });

  it('takes a store made by hand to git, where jobs lose nothing: docs/coming-from.md', async () => {
    const page = await readFile('docs/coming-from.md', 'utf8');
    const [, moving = ''] = /Then move to git: ([^#]*)/.exec(page) ?? [];
    assert.match(moving, /`lookaside init`/);
    assert.match(moving, /`lookaside push`/);
    const digest = `sha256:${'cd'.repeat(32)}`;
    const stored = await publisher.sign({ digest });
    await mkdir(join(place, stored.location, '..'), { recursive: true });
    await writeFile(join(place, stored.location), stored.bytes);
    await init('--keys', publisher.keyFile);
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'the store');
    await runOrThrow('git', ['clone', '--quiet', '--bare', place, remote], { env: GIT_ENV });
    const jobs = ['first', 'second'].map(async (name) => {
      const staging = join(directory(), name, stored.location);
      await mkdir(join(staging, '..'), { recursive: true });
      const claims = {
        dockerReference: `registry.example/team/app:${name}`,
        manifestDigest: digest,
      };
      await writeFile(staging, await publisher.signer.sign(publisher.key, claims));
      return runLookaside(['push', join(directory(), name), '--to', remote], { env: GIT_ENV });
    });
    for (const { code, stderr } of await Promise.all(jobs)) assert.equal(code, 0, stderr);
    const listed = await runOrThrow('git', ['ls-tree', '-r', '--name-only', 'main'], {
      cwd: remote,
    });
    assert.equal(listed.stdout.match(/signature-\d$/gm)?.length, 3);
  });

  it('takes no other key into a scope because its file lies in keys/', async () => {
    await init('--scope', `registry.example=${publisher.keyFile}`);
    const other = await publisher.signer.makeKey({ algorithm: 'ed25519' });
    await publisher.signer.exportKeys(join(place, 'keys/new.asc'), other);
    const { location, bytes } = await publisher.sign({ key: other });
    await mkdir(join(place, location, '..'), { recursive: true });
    await writeFile(join(place, location), bytes);
    assert.match((await checkAll()).stdout, /signature-1: unknown-signer: /);
    // The README tells what else to do.
    const readme = await readFile(join(place, 'README.md'), 'utf8');
    const [, rules = ''] = /```yaml\n([^`]*)```/.exec(readme) ?? [];
    await writeFile(join(place, 'lookaside.yaml'), rules);
    assert.match((await checkAll()).stdout, /^good: .* 1 accepted, 0 rejected/m);
  });

  it('trusts no key that happens to lie in the file of another', async () => {
    const other = await publisher.signer.makeKey({ algorithm: 'ed25519' });
    await mkdir(join(place, 'keys'), { recursive: true });
    const both = join(place, `keys/${publisher.key.fingerprint}.asc`);
    await publisher.signer.exportKeys(both, publisher.key, other);
    const { code, stderr } = await init('--keys', publisher.keyFile);
    assert.equal(code, 2);
    assert.match(stderr, /expected the key [0-9A-F]{40} alone in .*\nhint: move the file away/);
    assert.equal(existsSync(join(place, 'lookaside.yaml')), false);
  });

  for (const [title, isRevoked, reason] of [
    ['has expired', false, / expired on 2024-\S+: nodes refuse what it signed\n$/],
    ['is revoked', true, / is revoked: nodes refuse what it signed\n$/],
  ] as const) {
    it(`warns of a key that ${title}`, async () => {
      const { signer } = publisher;
      const dates = isRevoked ? {} : { expires: '1d', at: new Date('2024-01-01T00:00:00Z') };
      const old = await signer.makeKey({ algorithm: 'ed25519', ...dates });
      if (isRevoked) await signer.revoke(old);
      const file = await signer.exportKeys(join(directory(), 'old.asc'), old);
      const { code, stderr } = await init('--keys', file);
      assert.equal(code, 0);
      assert.ok(stderr.startsWith(`lookaside: warning: the key ${old.fingerprint} (`), stderr);
      assert.match(stderr, reason);
    });
  }

  for (const [there, lacking] of [
    ['.gitlab-ci.yml', '.github/workflows/check-signatures.yml'],
    ['.gitea/workflows/build.yml', '.github/workflows/check-signatures.yml'],
  ] as const) {
    it(`adds no pipeline of another git host beside ${there}`, async () => {
      await mkdir(join(place, there, '..'), { recursive: true });
      await writeFile(join(place, there), 'ours: {}\n');
      const { stdout } = await init();
      assert.ok(!existsSync(join(place, lacking)));
      assert.ok(stdout.includes(`(no ${lacking} is added beside it: --forge github adds one)\n`));
      assert.equal(await readFile(join(place, there), 'utf8'), 'ours: {}\n');
      await init('--forge', 'github');
      assert.ok(existsSync(join(place, lacking)));
    });
  }

  for (const forge of FORGES) {
    it(`has the check where ${forge} looks for it`, async () => {
      const { stdout } = await init('--forge', forge);
      const path =
        forge === 'gitlab' ? '.gitlab-ci.yml' : `.${forge}/workflows/check-signatures.yml`;
      assert.ok(stdout.includes(`\n  set your Lookaside image in ${path}\n`), stdout);
      assert.match(
        await readFile(join(place, path), 'utf8'),
        /\blookaside check |check \. --base /,
      );
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
