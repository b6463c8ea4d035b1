import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { XmlDocument } from 'libxml2-wasm';
import { type GitRemote, makeGitRemote } from '../../kit/remote/git-remote.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { PUSHER } from '../../kit/push/push-world.ts';
import { type Publisher, type SignedFile, makePublisher } from '../../kit/signer/publisher.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

describeWith(['git', 'gpg'], 'lookaside check --base', () => {
  const directory = useTemporary('suite');
  let publisher: Publisher;
  let remote: GitRemote;
  let [old, added, later]: readonly SignedFile[] = [];
  let proposal = '';

  before('make a proposal that takes one signature away, while main goes on', async () => {
    publisher = await makePublisher();
    remote = await makeGitRemote();
    [old, added, later] = [await publisher.sign(), await publisher.sign(), await publisher.sign()];
    await remote.commit({ [pathOf(old)]: bytesOf(old), 'bad@sha256=1/signature-1': 'old fault' });
    await remote.git('checkout', '--quiet', '-b', 'proposal');
    proposal = await remote.commit({
      [pathOf(old)]: null,
      [pathOf(added)]: bytesOf(added),
      'new@sha256=1/signature-1': 'new fault',
    });
    await remote.git('checkout', '--quiet', 'main');
    await remote.commit({ [pathOf(later)]: bytesOf(later) });
    await remote.git('checkout', '--quiet', 'proposal');
  });
  after(async () => {
    await remote.remove();
    await publisher.stop();
  });

  const check = async (...args: readonly string[]) =>
    runLookaside(['check', remote.work, '--keys', publisher.keyFile, ...args]);

  it('tells what the proposal adds and takes away, and nothing else', async () => {
    const { code, stdout } = await check('--base', 'main');
    assert.equal(code, 1);
    assert.deepEqual(
      stdout.split('\n').filter((line) => !line.startsWith('  hint: ')),
      [
        `${pathOf(added)}: adds a signature of "registry.example/team/app:v1" by ${publisher.key.fingerprint} (${publisher.key.userId})`,
        'new@sha256=1/signature-1: invalid-digest: expected 64 hexadecimal digits, got 1 characters: "1"',
        `${pathOf(old)}: signature-removed: expected the signature of "registry.example/team/app:v1" by ${publisher.key.fingerprint}, got none`,
        'faults: 2 changed files: 1 accepted, 1 rejected, 0 ignored, 1 lost',
        '',
      ],
    );
  });

  it('tells it as JSON', async () => {
    const { stdout } = await check('--base', 'main', '--format', 'json');
    const report = JSON.parse(stdout) as Record<string, unknown>;
    const base = await remote.git('merge-base', 'main', 'proposal');
    assert.deepEqual(report['source'], { kind: 'git', location: remote.work, commit: proposal });
    assert.equal(report['base'], base);
    assert.deepEqual(
      (report['losses'] as readonly { path: string; code: string }[]).map(({ path, code }) => [
        path,
        code,
      ]),
      [[pathOf(old), 'signature-removed']],
    );
  });

  it('tells it to CI', async () => {
    const github = await check('--base', 'main', '--format', 'github');
    assert.match(github.stdout, /^::error file=\S+signature-1,title=signature-removed::expected/m);
    assert.match(
      github.stdout,
      new RegExp(
        `^::notice title=new-signatures::${pathOf(added)}: adds a signature of "registry\\.example/team/app:v1" by `,
        'm',
      ),
    );
    const sarif = await check('--base', 'main', '--format', 'sarif');
    const { runs } = JSON.parse(sarif.stdout) as {
      runs: { tool: { driver: { rules: { id: string; help: { text: string } }[] } } }[];
    };
    const rule = runs[0]?.tool.driver.rules.find(({ id }) => id === 'signature-removed');
    assert.match(rule?.help.text ?? '', /^Put the file back/);
    const junit = await check('--base', 'main', '--format', 'junit');
    using document = XmlDocument.fromString(junit.stdout);
    const failures = document.find('//failure/@type').map((type) => type.content);
    assert.deepEqual(failures, ['invalid-digest', 'signature-removed']);
    const said = document.find('//testcase/system-out').map(({ content }) => content);
    assert.match(said.join('\n'), /^adds a signature of "registry\.example\/team\/app:v1" by /);
  });

  describe('with keys of its own', () => {
    let place = '';
    beforeEach(async () => {
      place = join(directory(), 'keys');
      await rm(place, { recursive: true, force: true });
      await runOrThrow('git', ['clone', '--quiet', '--branch', 'main', remote.work, place]);
    });

    const commit = async (scopes: Readonly<Record<string, string>>): Promise<void> => {
      const lines = Object.entries(scopes).map(
        ([scope, keys]) => `  ${scope}:\n    keys: ${keys}\n`,
      );
      await writeFile(join(place, 'lookaside.yaml'), `scopes:\n${lines.join('')}`);
      await runOrThrow('git', ['-C', place, 'add', '--all'], { env: PUSHER });
      await runOrThrow('git', ['-C', place, 'commit', '-qm', 'keys'], { env: PUSHER });
    };
    const checkLast = async (...args: readonly string[]) =>
      runLookaside(['check', place, '--base', 'HEAD~1', ...args]);

    it('tells in every format which key is trusted from then on', async () => {
      const { signer, key, keyFile } = publisher;
      await writeFile(join(place, 'key.asc'), await readFile(keyFile));
      await commit({ 'registry.example': 'key.asc' });
      const first = `accepts the new key ${key.fingerprint} (${key.userId}) for registry.example`;
      assert.ok((await checkLast()).stdout.startsWith(`${first}\n`));
      const made = await signer.makeKey({ algorithm: 'ed25519', name: 'Contractor' });
      await signer.exportKeys(join(place, 'other.asc'), made);
      await commit({ 'registry.example': 'key.asc', 'quay.example/contractor': 'other.asc' });
      const said = `accepts the new key ${made.fingerprint} (${made.userId}) for quay.example/contractor`;
      const { code, stdout } = await checkLast('--strict');
      assert.deepEqual([code, stdout.split('\n')[0]], [0, said]);
      const { stdout: json } = await checkLast('--format', 'json');
      const { newKeys } = JSON.parse(json) as { newKeys: readonly unknown[] };
      const { fingerprint, userId } = made;
      assert.deepEqual(newKeys, [
        { scope: 'quay.example/contractor', fingerprint, userIds: [userId], message: said },
      ]);
      const { stdout: github } = await checkLast('--format', 'github');
      assert.ok(github.includes(`::notice title=new-key::${said}\n`), github);
      const { stdout: junit } = await checkLast('--format', 'junit');
      using document = XmlDocument.fromString(junit);
      assert.equal(document.get('//testcase[@name="keys"]/system-out')?.content, said);
      const { stdout: sarif } = await checkLast('--format', 'sarif');
      assert.match(sarif, /"level": "note",\n\s+"message": \{\n\s+"text": "accepts the new key /);
    });

    for (const [title, revoked, reason] of [
      ['has expired', false, /expired on \S+: nodes refuse what it signed/],
      ['is revoked', true, /is revoked: nodes refuse what it signed/],
    ] as const) {
      it(`warns of a new key that ${title}`, async () => {
        const { signer, keyFile } = publisher;
        const dates = revoked ? {} : { expires: '1d', at: new Date('2024-01-01T00:00:00Z') };
        const made = await signer.makeKey({ algorithm: 'ed25519', name: 'Old', ...dates });
        if (revoked) await signer.revoke(made);
        await writeFile(join(place, 'key.asc'), await readFile(keyFile));
        await commit({ 'registry.example': 'key.asc' });
        await signer.exportKeys(join(place, 'old.asc'), made);
        await commit({ 'registry.example': '[key.asc, old.asc]' });
        const { code, stdout } = await checkLast();
        assert.equal(code, 0, stdout);
        assert.match(stdout, /^new-key-unusable: the new key .*\n {2}hint: extend the key/m);
        assert.match(stdout, reason);
        assert.equal((await checkLast('--strict')).code, 1);
        const { stdout: json } = await checkLast('--format', 'json');
        const { newKeys } = JSON.parse(json) as { newKeys: { warning: { code: string } }[] };
        assert.equal(newKeys[0]?.warning.code, 'new-key-unusable');
      });
    }
  });

  it('tells losses also where they are allowed, as no faults', async () => {
    const { stdout } = await check('--base', 'main', '--allow-removals', '--strict');
    assert.match(stdout, /1 accepted, 1 rejected, 0 ignored, [1-9] lost, as allowed/);
    assert.match(stdout, /^.*: signature-removed: expected the signature of .*$/m);
    assert.doesNotMatch(stdout, /Put the file back/);
  });

  it('names the signer and the name of an overwritten signature that are nowhere now', async () => {
    const other = await publisher.signer.makeKey({ algorithm: 'ed25519', name: 'Other' });
    const digest = `sha256:${'cd'.repeat(32)}`;
    const dockerReference = 'registry.example/team/app:v2';
    const first = await publisher.sign({ digest });
    const second = await publisher.signer.sign(other, { dockerReference, manifestDigest: digest });
    const place = join(directory(), 'overwritten');
    await runOrThrow('git', ['clone', '--quiet', '--branch', 'main', remote.work, place]);
    const keys = await publisher.signer.exportKeys(join(directory(), 'other.asc'), other);
    const file = join(place, first.location);
    await mkdir(dirname(file), { recursive: true });
    for (const bytes of [first.bytes, second]) {
      await writeFile(file, bytes);
      await runOrThrow('git', ['add', '.'], { cwd: place });
      await runOrThrow('git', ['commit', '--quiet', '-m', 'sign'], { cwd: place, env: PUSHER });
    }
    const args = ['check', place, '--keys', publisher.keyFile, '--keys', keys, '--base', 'HEAD~1'];
    const { code, stdout } = await runLookaside(args);
    assert.equal(code, 1);
    const { fingerprint } = publisher.key;
    const name = '"registry.example/team/app:v1"';
    assert.ok(
      stdout.includes(
        `${first.location}: signature-replaced: expected the signature of ${name} by ${fingerprint}, got none: ` +
          `no signature by ${fingerprint} and none of ${name} is left in its directory\n`,
      ),
      stdout,
    );
    // What says the same is left under another number.
    await writeFile(file, first.bytes);
    await writeFile(file.replace(/1$/, '4'), second);
    await runOrThrow('git', ['add', '.'], { cwd: place });
    await runOrThrow('git', ['commit', '--quiet', '-m', 'sign'], { cwd: place, env: PUSHER });
    const { stdout: moved } = await runLookaside(args);
    assert.match(moved, /, 0 lost$/m);
  });

  it('takes a bare repository, too', async () => {
    const bare = join(directory(), 'bare.git');
    const args = ['clone', '--quiet', '--bare', '--branch', 'proposal', remote.work, bare];
    await runOrThrow('git', args);
    const { stdout } = await runLookaside(['check', bare, '--base', 'main']);
    assert.match(stdout, /2 changed files/);
  });

  it('tells what another subtree or another limit takes out of service', async () => {
    const place = join(directory(), 'rules');
    await runOrThrow('git', ['clone', '--quiet', '--branch', 'main', remote.work, place]);
    const key = await readFile(publisher.keyFile, 'utf8');
    const commit = async (rules: string): Promise<void> => {
      await writeFile(join(place, 'key.asc'), key);
      await writeFile(join(place, 'lookaside.yaml'), `${rules}keys: key.asc\n`);
      await runOrThrow('git', ['-C', place, 'add', '--all'], { env: PUSHER });
      await runOrThrow('git', ['-C', place, 'commit', '-qm', 'rules'], { env: PUSHER });
    };
    await commit('');
    for (const [rules, lost] of [
      ['path: elsewhere\n', /signature-1: signature-removed: (?:.*\n)*.* 2 lost$/m],
      ['max-path-depth: 1\n', /signature-1: signature-excluded: (?:.*\n)*.* 2 lost$/m],
      ['poll: 5m\n', /^good: 1 changed files: .* 0 lost$/m],
    ] as const) {
      await commit(rules);
      const { stdout } = await runLookaside(['check', place, '--base', 'HEAD~1']);
      assert.match(stdout, lost);
      await runOrThrow('git', ['-C', place, 'reset', '--quiet', '--hard', 'HEAD~1']);
    }
  });

  it('reports all where there was no commit before, as pipelines tell it', async () => {
    const { code, stdout } = await check('--base', '0'.repeat(40));
    assert.equal(code, 1);
    assert.match(stdout, /^faults: 3 changed files: 1 accepted, 2 rejected, 0 ignored, 0 lost$/m);
  });

  it('takes a tag, and goes by what the commits say, whatever a file of grafts does', async () => {
    await remote.git('tag', '--annotate', '--message', 'base', 'base', 'main');
    const grafts = join(remote.work, '.git/info/grafts');
    await mkdir(join(grafts, '..'), { recursive: true });
    await writeFile(grafts, `${proposal}\n`);
    try {
      assert.match((await check('--base', 'base')).stdout, /^faults: 2 changed files: /m);
    } finally {
      await rm(grafts);
      await remote.git('tag', '--delete', 'base');
    }
  });

  it('finds nothing in a proposal without changes', async () => {
    const { code, stdout } = await check('--base', 'HEAD');
    assert.equal(code, 0);
    assert.match(stdout, /^good: 0 changed files: /);
  });

  const faults: readonly (readonly [
    title: string,
    args: () => readonly string[] | Promise<readonly string[]>,
    said: RegExp,
  ])[] = [
    [
      'a revision that is not here',
      () => [remote.work, '--base', 'nowhere'],
      /--base: there is no commit nowhere here\nhint: fetch it first: `git fetch origin BRANCH`/,
    ],
    [
      'what is no commit',
      () => [remote.work, '--base', 'HEAD^{tree}'],
      /--base: expected a commit, got the tree HEAD\^\{tree\}\nhint: name a branch, a tag or a commit/,
    ],
    [
      'a branch that was never one with it',
      async () => {
        const id = await remote.git('commit-tree', '-m', 'alone', 'HEAD^{tree}');
        return [remote.work, '--base', id];
      },
      /have no commit in common here\nhint: make the proposal on top of [0-9a-f]{40}; to report all of it, give 0{40}/,
    ],
    [
      'a clone that left files out',
      async () => {
        const place = join(directory(), 'filtered');
        await remote.git('config', 'uploadpack.allowFilter', 'true');
        const { href } = pathToFileURL(remote.work);
        const args = ['--quiet', '--no-checkout', '--filter=blob:none', '--branch', 'proposal'];
        await runOrThrow('git', ['clone', ...args, href, place]);
        return [place, '--base', 'origin/main'];
      },
      /filtered was cloned with a filter, and lacks files .*\nhint: bring them with `git fetch --refetch --no-filter`/,
    ],
    [
      'a directory that is no repository',
      () => [directory(), '--base', 'main'],
      /--base: cannot read .*not a git repository.*\nhint: name a checkout/,
    ],
    [
      'a repository elsewhere',
      () => ['https://git.example/x.git', '--base', 'main'],
      /expected a repository on this machine, got https:/,
    ],
    [
      'a directory that is not there',
      () => [join(directory(), 'none'), '--base', 'main'],
      /--base: cannot read .*none/,
    ],
    [
      'a clone without the history',
      async () => {
        const shallow = join(directory(), 'shallow');
        const { href } = pathToFileURL(remote.work);
        const args = ['--quiet', '--depth', '1', '--no-single-branch', '--branch', 'proposal'];
        await runOrThrow('git', ['clone', ...args, href, shallow]);
        return [shallow, '--base', 'origin/main'];
      },
      /origin\/main and HEAD have no commit in common here\nhint: fetch it first, with its history, .*`git fetch --unshallow`.*fetch-depth: 0.*GIT_DEPTH: "0"/,
    ],
    [
      'a repository without a commit',
      async () => {
        const empty = join(directory(), 'empty');
        await runOrThrow('git', ['init', '--quiet', empty]);
        return [empty, '--base', 'main'];
      },
      /nothing is committed yet/,
    ],
  ];
  // Only root can give files away.
  if (process.getuid?.() === 0) {
    it("refuses another user's repository, and says how git trusts it", async () => {
      const other = join(directory(), 'other');
      await runOrThrow('git', ['clone', '--quiet', remote.work, other]);
      await runOrThrow('chown', ['--recursive', 'nobody', other]);
      const env = { GIT_CONFIG_GLOBAL: join(directory(), 'gitconfig'), SUDO_UID: undefined };
      const refused = await runLookaside(['check', other, '--base', 'HEAD'], { env });
      assert.equal(refused.code, 2);
      assert.doesNotMatch(refused.stderr, /u\{9\}/);
      const [, cure = ''] = /hint: let git trust it: `([^`]*)`/.exec(refused.stderr) ?? [];
      await runOrThrow('sh', ['-c', cure], { env });
      assert.equal((await runLookaside(['check', other, '--base', 'HEAD'], { env })).code, 0);
    });
  }

  for (const [title, args, said] of faults) {
    it(`refuses ${title}`, async () => {
      const { code, stderr } = await runLookaside(['check', ...(await args())]);
      assert.equal(code, 2);
      assert.match(stderr, said);
    });
  }
});

function pathOf(file: SignedFile | undefined): string {
  return file?.location ?? '';
}

function bytesOf(file: SignedFile | undefined): Buffer {
  return file?.bytes ?? Buffer.alloc(0);
}
