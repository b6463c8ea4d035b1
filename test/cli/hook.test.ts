import assert from 'node:assert/strict';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Changes, type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import type { RunResult } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import type { SigningKey } from '../kit/signer/signer.ts';
import { type Publisher, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const NOTHING = '0'.repeat(40);
const RULES = 'scopes:\n  registry.example:\n    keys: keys\n';
const at = (number: number): string => formatLocation('team/app', DIGEST, number);

/** The first packet of an armored key: the primary key alone, as gpg writes its length. */
function firstPacket(armored: string): Buffer {
  const [, body = ''] = armored.split('\n\n');
  const bytes = Buffer.from(body.split('\n=')[0] ?? '', 'base64');
  const isShort = ((bytes[0] ?? 0) & 3) === 0;
  return bytes.subarray(0, isShort ? 2 + bytes.readUInt8(1) : 3 + bytes.readUInt16BE(1));
}

/** What a hook is asked, with the answer; undefined for "all good". */
type Row = readonly [title: string, changes: () => Changes | Promise<Changes>, said?: RegExp];

describeWith(['git', 'gpg'], 'lookaside hook pre-receive', () => {
  const directory = useTemporary('suite');
  let publisher: Publisher;
  let remote: GitRemote;
  let other: SigningKey;
  let [base, ownKey, otherKey] = ['', '', ''];
  let signatures: readonly Buffer[] = [];

  const sign = async (tag: string, key?: SigningKey): Promise<Buffer> =>
    publisher.signer.sign(key ?? publisher.key, {
      dockerReference: `registry.example/team/app:${tag}`,
      manifestDigest: DIGEST,
    });
  const exportKey = async (key: SigningKey): Promise<string> =>
    readFile(await publisher.signer.exportKeys(join(directory(), 'key.asc'), key), 'utf8');

  before('make a repository with three signatures and one bad file', async () => {
    publisher = await makePublisher();
    remote = await makeGitRemote();
    other = await publisher.signer.makeKey({ algorithm: 'ed25519', name: 'Other' });
    signatures = [await sign('v1'), await sign('v2'), await sign('v3', other)];
    [ownKey, otherKey] = [await exportKey(publisher.key), await exportKey(other)];
    base = await remote.commit({
      'lookaside.yaml': RULES,
      'keys/own.asc': ownKey,
      'keys/other.asc': otherKey,
      [at(1)]: signatures[0] ?? '',
      [at(2)]: signatures[1] ?? '',
      [at(3)]: signatures[2] ?? '',
      [at(9)]: '<html>',
    });
  });
  after(async () => {
    await remote.remove();
    await publisher.stop();
  });
  beforeEach(async () => {
    await remote.git('checkout', '--quiet', '-B', 'main', base);
  });

  /** Runs the hook as git does, but for the quarantine. */
  const run = async (
    update: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<RunResult> =>
    runLookaside(['hook', 'pre-receive', ...args], {
      input: `${update}\n`,
      env: { GIT_DIR: join(remote.work, '.git'), ...env },
    });
  const judge = async (changes: Changes, ...args: readonly string[]): Promise<RunResult> =>
    run(`${base} ${await remote.commit(changes)} refs/heads/main`, args);

  const rows: readonly Row[] = [
    ['another signature', async () => ({ [at(4)]: await sign('v4') })],
    ['a signature with a hole before it', async () => ({ [at(123_456)]: await sign('v4') })],
    ['other numbers for the same bytes', () => ({ [at(2)]: null, [at(5)]: signatures[1] ?? '' })],
    [
      'a signature in the place of another that has moved',
      async () => ({ [at(2)]: await sign('v4'), [at(5)]: signatures[1] ?? '' }),
    ],
    [
      'a move that the rules ask for',
      () => ({
        'lookaside.yaml': 'scopes:\n  registry.example:\n    keys: keys\n    prefix: moved\n',
        ...Object.fromEntries([1, 2, 3].map((number) => [at(number), null])),
        ...Object.fromEntries(signatures.map((bytes, index) => [`moved/${at(index + 1)}`, bytes])),
      }),
    ],
    ['the removal of a bad file', () => ({ [at(9)]: null })],
    ['a good signature in the place of a bad file', async () => ({ [at(9)]: await sign('v4') })],
    [
      'a key together with what it signed',
      async () => {
        const key = await publisher.signer.makeKey({ algorithm: 'ed25519' });
        return { 'keys/new.asc': await exportKey(key), [at(4)]: await sign('v4', key) };
      },
    ],
    ['the same key in another file', () => ({ 'keys/own.asc': null, 'keys/mine.asc': ownKey })],
    [
      'another subtree, to which everything has moved',
      () => ({
        'lookaside.yaml': `path: published\n${RULES}`,
        ...Object.fromEntries([1, 2, 3, 9].map((number) => [at(number), null])),
        ...Object.fromEntries(
          signatures.map((bytes, index) => [`published/${at(index + 1)}`, bytes]),
        ),
      }),
    ],
    ['text for people', () => ({ 'README.md': 'Read me.\n' })],
    [
      'a removed signature',
      () => ({ [at(2)]: null }),
      /signature-2: signature-removed: expected the signature of "registry\.example\/team\/app:v2" by [0-9A-F]{40}, got none: no signature of "registry\.example\/team\/app:v2" is left in its directory\. Put the file back/,
    ],
    [
      'a move to where nodes do not look',
      () => ({ [at(1)]: null, [`moved/${at(1)}`]: signatures[0] ?? '' }),
      /1 changed files: 1 accepted.*1 lost\n.*signature-1: signature-removed/,
    ],
    [
      'other bytes under the same number',
      async () => ({ [at(2)]: await sign('v4') }),
      /signature-2: signature-replaced: .*next free number/,
    ],
    ['a bad file', () => ({ [at(4)]: '<html>' }), /signature-4: html: /],
    [
      'a signature by a stranger',
      async () => {
        const key = await publisher.signer.makeKey({ algorithm: 'ed25519' });
        return { [at(4)]: await sign('v4', key) };
      },
      /signature-4: unknown-signer: /,
    ],
    [
      'a signature in a wrong place',
      async () => ({ [`other/${at(1).replace('team/app', 'app')}`]: await sign('v4') }),
      /repository-mismatch: /,
    ],
    [
      'a key without what says that it may sign, in the place of the whole key',
      () => ({ 'keys/other.asc': firstPacket(otherKey) }),
      /signature-3: signature-excluded/,
    ],
    [
      'a narrower scope with another key',
      () => ({
        'lookaside.yaml': `${RULES}  registry.example/team/app:\n    keys: keys/other.asc\n`,
      }),
      /2 lost\n(?:.*\n)*.*signature-2: signature-excluded/,
    ],
    [
      'a key that is withdrawn',
      () => ({ 'keys/other.asc': null }),
      /lookaside\.yaml: key-withdrawn: expected the key [0-9A-F]{40} \(Other.*\) for registry\.example, got none/,
    ],
    [
      'a key that is withdrawn together with what it signed',
      () => ({ 'keys/other.asc': null, [at(3)]: null }),
      /2 lost\n(?:.*\n)*.*signature-3: signature-removed/,
    ],
    ['rules that are taken away', () => ({ 'lookaside.yaml': null }), /key-withdrawn/],
    [
      'another subtree, where nothing is',
      () => ({ 'lookaside.yaml': `path: empty\n${RULES}` }),
      /0 changed files: .* 3 lost\n(?:.*\n)*.*signature-3: signature-removed/,
    ],
    [
      'another subtree, with all signatures gone',
      () => ({
        'lookaside.yaml': `path: empty\n${RULES}`,
        ...Object.fromEntries([1, 2, 3].map((number) => [at(number), null])),
      }),
      /0 changed files: .* 3 lost\n/,
    ],
    [
      'another prefix without a move',
      () => ({ 'lookaside.yaml': `${RULES}    prefix: moved\n` }),
      /signature-1: signature-excluded: expected the signature of "registry\.example\/team\/app:v1" by [0-9A-F]{40}, got rules that exclude it\. Take the change back/,
    ],
    [
      'another signed name',
      () => ({
        'lookaside.yaml': `${RULES}    signedIdentity: { type: exactRepository, dockerRepository: registry.example/other }\n`,
      }),
      /3 lost\n(?:.*\n)*.*signature-3: signature-excluded/,
    ],
    [
      'a limit that takes signatures out of what is served',
      () => ({ 'lookaside.yaml': `max-path-depth: 2\n${RULES}` }),
      /3 lost\n(?:.*\n)*.*signature-3: signature-excluded/,
    ],
    [
      'a limit by which the whole is refused',
      () => ({ 'lookaside.yaml': `max-entries: 2\n${RULES}` }),
      /state-refused: .* --max-entries allows 2/,
    ],
    [
      'a policy beside keys, which nobody can use',
      () => ({ 'lookaside.yaml': `policy: policy.json\n${RULES}` }),
      /main: refused\n {2}lookaside: .*--policy cannot be used with --keys or scopes/,
    ],
    [
      'rules that cannot be read',
      () => ({ 'lookaside.yaml': 'scopes: [' }),
      /main: refused\n {2}lookaside: .*lookaside\.yaml/,
    ],
    [
      'rules whose keys are not there',
      () => ({ 'lookaside.yaml': 'scopes:\n  registry.example:\n    keys: nowhere\n' }),
      /main: faults: (?:.*\n)*.*scope-not-judged: the scope "registry\.example" .*nowhere/,
    ],
    [
      'a private key among the keys',
      async () => ({
        'keys/own.asc': await readFile(
          await publisher.signer.exportSecret(join(directory(), 's.asc'), publisher.key),
        ),
      }),
      /main: faults: (?:.*\n)*.*scope-not-judged: the scope "registry\.example" .*private key/,
    ],
  ];
  for (const [title, changes, said] of rows) {
    it(`${said ? 'refuses' : 'takes'} ${title}`, async () => {
      const { code, stdout, stderr } = await judge(await changes());
      assert.equal(stderr, '');
      assert.equal(code, said ? 1 : 0, stdout);
      assert.match(stdout, said ?? /^lookaside: main: good: \d+ changed files: /m);
    });
  }

  it('refuses an older copy of a key, which has expired', async () => {
    const { signer } = publisher;
    const at2020 = new Date('2020-02-01T00:00:00Z');
    const key = await signer.makeKey({ algorithm: 'ed25519', at: at2020, expires: '1y' });
    const older = await exportKey(key);
    await signer.extend(key, 'none');
    const changes = { 'keys/renewed.asc': await exportKey(key), [at(4)]: await sign('v4', key) };
    const renewed = await remote.commit(changes);
    const commit = await remote.commit({ 'keys/renewed.asc': older });
    const { code, stdout } = await run(`${renewed} ${commit} refs/heads/main`);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /signature-4: signature-excluded/);
  });

  it('takes what other scopes bring where the keys of one cannot be used, but no new such fault', async () => {
    const key = await publisher.signer.makeKey({ algorithm: 'ed25519' });
    const vendor = async (number: number): Promise<Changes> => {
      const dockerReference = `vendor.example/team/app:v${number}`;
      const claims = { dockerReference, manifestDigest: DIGEST };
      return { [at(number)]: await publisher.signer.sign(key, claims) };
    };
    const rules = `${RULES}  vendor.example:\n    keys: vendor.asc\n`;
    const keyFile = { 'vendor.asc': await exportKey(key) };
    const good = await remote.commit({ 'lookaside.yaml': rules, ...keyFile, ...(await vendor(4)) });
    const broken = await remote.commit({ 'vendor.asc': '<html>' });
    const byThis = await run(`${good} ${broken} refs/heads/main`);
    assert.equal(byThis.code, 1, byThis.stdout);
    assert.match(
      byThis.stdout,
      /^ {2}scope-not-judged: the scope "vendor\.example" cannot be judged: .*: vendor\.asc: expected OpenPGP public keys, got a web page\. Fetch the key itself, .*\.$/m,
    );
    const ours = await remote.commit({ [at(5)]: await sign('v5') });
    const others = await run(`${broken} ${ours} refs/heads/main`);
    assert.equal(others.code, 0, others.stdout);
    assert.match(others.stdout, /^lookaside: main: good: 1 changed files: 1 accepted/m);
    assert.match(others.stdout, /^ {2}warning: scope-not-judged: the scope "vendor\.example"/m);
    const theirs = await remote.commit(await vendor(6));
    const same = await run(`${ours} ${theirs} refs/heads/main`);
    assert.equal(same.code, 1, same.stdout);
    assert.match(
      same.stdout,
      /signature-6: cannot-verify: the scope "vendor\.example" cannot be judged/,
    );
    const secret = await publisher.signer.exportSecret(join(directory(), 'v.asc'), key);
    const leaked = await remote.commit({ 'vendor.asc': await readFile(secret) });
    const worse = await run(`${theirs} ${leaked} refs/heads/main`);
    assert.equal(worse.code, 1, worse.stdout);
    assert.match(worse.stdout, /^ {2}scope-not-judged: .*vendor\.asc: .*a private key/m);
    const mended = await remote.commit(keyFile);
    assert.equal((await run(`${theirs} ${mended} refs/heads/main`)).code, 0);
  });

  it('tells of a key that is accepted from now on', async () => {
    const key = await publisher.signer.makeKey({ algorithm: 'ed25519', name: 'New' });
    const { code, stdout } = await judge({ 'keys/new.asc': await exportKey(key) });
    const [told, summary] = stdout.split('\n');
    assert.equal(code, 0);
    const user = key.userId;
    assert.equal(
      told,
      `lookaside: main: accepts the new key ${key.fingerprint} (${user}) for registry.example`,
    );
    assert.match(summary ?? '', /^lookaside: main: good: 1 changed files/);
  });

  it('warns of a new key that has expired', async () => {
    const at2024 = new Date('2024-01-01T00:00:00Z');
    const key = await publisher.signer.makeKey({ algorithm: 'ed25519', expires: '1d', at: at2024 });
    const changes = { 'keys/old.asc': await exportKey(key) };
    const { code, stdout } = await judge(changes);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ {2}warning: new-key-unusable: the new key .* expired on 2024-01-02T/m);
    await remote.git('checkout', '--quiet', '-B', 'main', base);
    assert.equal((await judge(changes, '--strict')).code, 1);
  });

  it('takes rules for another place where the signatures lie already', async () => {
    const copies = signatures.map((bytes, index) => [`moved/${at(index + 1)}`, bytes] as const);
    const both = await remote.commit(Object.fromEntries(copies));
    const commit = await remote.commit({ 'lookaside.yaml': `${RULES}    prefix: moved\n` });
    const { code, stdout } = await run(`${both} ${commit} refs/heads/main`);
    assert.equal(code, 0, stdout);
  });

  it('takes removals where they are allowed, but nothing bad', async () => {
    const removals = { [at(2)]: null, 'keys/other.asc': null };
    assert.equal((await judge(removals, '--allow-removals')).code, 0);
    await remote.git('checkout', '--quiet', '-B', 'main', base);
    const { code, stdout } = await judge({ ...removals, [at(4)]: 'x' }, '--allow-removals');
    assert.deepEqual([code, /signature-4: unknown-format/.test(stdout)], [1, true]);
  });

  it('goes by the keys of the server where there are some', async () => {
    const file = await publisher.signer.exportKeys(join(directory(), 'server.asc'), publisher.key);
    const changes = { 'lookaside.yaml': 'nonsense: [', [at(4)]: await sign('v4', other) };
    const { code, stdout } = await judge(changes, '--keys', file);
    assert.equal(code, 1);
    assert.match(stdout, /signature-4: unknown-signer/);
    assert.doesNotMatch(stdout, /lookaside\.yaml/);
  });

  it('refuses more than its budget, and rules that are no text', async () => {
    const { code, stdout } = await judge({ [at(4)]: 'x', [at(5)]: 'y' }, '--max-entries', '1');
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^ {2}state-refused: what it changes is too much: .* --max-entries allows 1/m,
    );
    await remote.git('checkout', '--quiet', '-B', 'main', base);
    const large = await judge({ 'lookaside.yaml': Buffer.alloc(17 * 1024 * 1024, '# \n') });
    assert.equal(large.code, 1);
    assert.match(large.stdout, /main: refused\n {2}.*lookaside\.yaml: expected at most 1 MiB, got/);
  });

  for (const mode of ['120000', '160000']) {
    it(`refuses to make a signature something else with the same bytes: ${mode}`, async () => {
      const id = await remote.git('rev-parse', `HEAD:${at(2)}`);
      await remote.git('update-index', '--cacheinfo', `${mode},${id},${at(2)}`);
      await remote.git('commit', '--quiet', '--message', mode);
      const commit = await remote.git('rev-parse', 'HEAD');
      await remote.git('reset', '--quiet', '--hard', base);
      const { code, stdout } = await run(`${base} ${commit} refs/heads/main`);
      assert.equal(code, 1);
      assert.match(stdout, /signature-2: (?:symlink|submodule): /);
      assert.match(stdout, /signature-2: signature-replaced: /);
    });
  }

  it('takes rules in the place of others that nobody could use, and nothing where they cannot be read', async () => {
    const broken = await remote.commit({ 'lookaside.yaml': 'scopes: [' });
    const large = await remote.commit({ 'lookaside.yaml': Buffer.alloc(17 * 1024 ** 2, '# \n') });
    const good = await remote.commit({ 'lookaside.yaml': RULES });
    for (const from of [broken, large]) {
      const { code, stdout } = await run(`${from} ${good} refs/heads/main`);
      assert.equal(code, 0, stdout);
    }
    const tree = await remote.git('rev-parse', `${base}:keys`);
    const object = join(remote.work, '.git/objects', tree.slice(0, 2), tree.slice(2));
    await rename(object, `${object}.away`);
    try {
      const after = await remote.git('commit-tree', '-m', 'empty', EMPTY_TREE);
      const { code, stderr } = await run(`${base} ${after} refs/heads/main`);
      assert.equal(code, 2);
      assert.match(stderr, /missing/);
    } finally {
      await rename(`${object}.away`, object);
    }
  });

  it('goes by the subtree that the pushed rules publish', async () => {
    const rules = 'path: published\nscopes:\n  registry.example:\n    keys: keys\n';
    const first = await remote.commit({ 'lookaside.yaml': rules });
    const change = { [at(5)]: '<html>', [`published/${at(4)}`]: '<html>' };
    const commit = await remote.commit(change);
    const { code, stdout } = await run(`${first} ${commit} refs/heads/main`);
    assert.equal(code, 1);
    assert.match(stdout, /1 changed files: .*\n {2}published\/team\/app@\S+\/signature-4: html: /);
  });

  it('judges the published subtree only', async () => {
    const changes = { [at(4)]: '<html>', [`published/${at(1)}`]: signatures[0] ?? '' };
    const { code, stdout } = await judge(changes, '--path', 'published');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /1 changed files: 1 accepted/);
  });

  it('tells of twenty faults, and of how many more there are', async () => {
    const bad = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [at(20 + index), 'x']));
    const { stdout } = await judge(bad);
    assert.equal(stdout.match(/unknown-format/g)?.length, 20);
    assert.match(stdout, /^ {2}and 5 more$/m);
  });

  it('tells whoever tries it by hand where it belongs', async () => {
    const outside = await runLookaside(['hook', 'pre-receive'], { cwd: directory(), input: '' });
    assert.equal(outside.code, 2);
    assert.match(
      outside.stderr,
      /not a git repository: .*\nhint: run it in the repository on the git server, .*GIT_DIR\n$/,
    );
    const unknown = await runLookaside(['hook', 'post-receive'], { input: '' });
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /got "post-receive"\nhint: .*`lookaside hook pre-receive`/);
  });

  it('says it so that GitLab shows it', async () => {
    const commit = await remote.commit({ [at(4)]: 'x' });
    const env = { GL_REPOSITORY: 'project-1', GL_PROTOCOL: 'web' };
    for (const [update, code] of [
      [`${base} ${commit} refs/heads/main`, 1],
      ['nonsense', 2],
    ] as const) {
      const told = await run(update, [], env);
      assert.equal(told.code, code);
      for (const line of told.stdout.trimEnd().split('\n')) assert.match(line, /^GL-HOOK-ERR: ./);
    }
  });

  for (const what of ['commit', 'tree']) {
    it(`looks at what is pushed, not at the ${what} that a replace ref puts in its place`, async () => {
      const commit = await remote.commit({ [at(2)]: null });
      const [pushed, shown] = await Promise.all(
        [commit, base].map(async (one) => remote.git('rev-parse', `${one}^{${what}}`)),
      );
      assert.ok(pushed !== undefined && shown !== undefined);
      await remote.git('replace', pushed, shown);
      try {
        const { code, stdout } = await run(`${base} ${commit} refs/heads/main`);
        assert.equal(code, 1, stdout);
        assert.match(stdout, /signature-2: signature-removed/);
      } finally {
        await remote.git('replace', '--delete', pushed);
      }
    });
  }

  describe('of several branches', () => {
    it('judges the branch that a symbolic ref stands for', async () => {
      const commit = await remote.commit({ [at(2)]: null });
      await remote.git('symbolic-ref', 'refs/heads/alias', 'refs/heads/main');
      await remote.git('symbolic-ref', 'refs/tags/alias', 'refs/heads/alias');
      try {
        for (const [ref, ...args] of [
          ['refs/heads/alias'],
          ['refs/tags/alias'],
          ['refs/heads/alias', '--branch', 'main'],
          ['refs/heads/main', '--branch', 'alias'],
        ]) {
          const { code, stdout } = await run(`${base} ${commit} ${ref}`, args);
          assert.equal(code, 1, stdout);
          assert.match(stdout, /^lookaside: main: faults: .*\n.*signature-2: signature-removed/);
          const deleted = await run(`${base} ${NOTHING} ${ref}`, args);
          assert.equal(deleted.code, 1);
          assert.match(deleted.stdout, /main: refused: the branch .* may not be deleted/);
        }
      } finally {
        await remote.git('symbolic-ref', '--delete', 'refs/tags/alias');
        await remote.git('symbolic-ref', '--delete', 'refs/heads/alias');
      }
    });

    it('judges the default one, or the one it is told', async () => {
      const commit = await remote.commit({ [at(4)]: 'x' });
      const update = `${base} ${commit} refs/heads/other`;
      const passed = await run(update);
      assert.deepEqual([passed.code, passed.stdout], [0, '']);
      assert.equal((await run(update, ['--branch', 'other'])).code, 1);
      const tag = await run(`${NOTHING} ${commit} refs/tags/main`, ['--all-branches']);
      assert.equal(tag.code, 0);
    });

    it('judges what others add to the default one', async () => {
      await remote.git('checkout', '--quiet', '-b', 'proposal');
      const commit = await remote.commit({ [at(4)]: 'x' });
      await remote.git('checkout', '--quiet', 'main');
      // What the default branch has got since is not taken away by the proposal.
      await remote.commit({ [at(5)]: await sign('v5') });
      const { code, stdout } = await run(`${NOTHING} ${commit} refs/heads/proposal`, [
        '--all-branches',
      ]);
      assert.equal(code, 1);
      assert.match(stdout, /proposal: faults: 1 changed files: 0 accepted, 1 rejected, .* 0 lost/);
    });

    it('judges all of the first push', async () => {
      const { code, stdout } = await run(`${NOTHING} ${base} refs/heads/main`);
      assert.equal(code, 1);
      assert.match(stdout, /7 changed files: 3 accepted, 1 rejected, 3 ignored/);
    });

    it('refuses what is no commit', async () => {
      await remote.git('tag', '--annotate', '--message', 'x', 'annotated');
      for (const [name, said] of [
        [
          'annotated',
          /refs\/heads\/main: expected a commit, got a tag\nhint: push the commit itself/,
        ],
        ['HEAD^{tree}', /refs\/heads\/main: expected a commit, got a tree\n/],
      ] as const) {
        const id = await remote.git('rev-parse', name);
        const { code, stderr } = await run(`${base} ${id} refs/heads/main`);
        assert.equal(code, 2);
        assert.match(stderr, said);
        // Of a tag it may be anything.
        assert.equal((await run(`${NOTHING} ${id} refs/tags/x`)).code, 0);
      }
      await remote.git('tag', '--delete', 'annotated');
    });

    it('does not guess which one is published', async () => {
      await remote.git('checkout', '--quiet', '--detach');
      const update = `${base} ${base} refs/heads/main`;
      const { code, stderr } = await run(update);
      assert.equal(code, 2);
      assert.match(stderr, /HEAD of the repository names no branch\nhint: name .* --branch/);
      assert.equal((await run(update, ['--branch', 'main'])).code, 0);
    });

    it('refuses to judge nothing because the published branch is not there', async () => {
      await remote.git('symbolic-ref', 'HEAD', 'refs/heads/unborn');
      const update = `${NOTHING} ${base} refs/heads/main`;
      const { code, stderr } = await run(update);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /published branch unborn does not exist, and this push does not make it\nhint: .*--branch/,
      );
      assert.equal((await run(`${NOTHING} ${base} refs/tags/v1`)).code, 0);
      assert.equal((await run(update, ['--all-branches'])).code, 1);
      const first = `${NOTHING} ${base} refs/heads/unborn`;
      assert.match((await run(`${update}\n${first}`)).stdout, /unborn: faults: 7 changed files/);
    });

    it('refuses to lose the default branch, and what a force push leaves behind', async () => {
      const deletion = `${base} ${NOTHING} refs/heads/main`;
      const deleted = await run(deletion);
      assert.deepEqual([deleted.code, /may not be deleted/.test(deleted.stdout)], [1, true]);
      assert.equal((await run(deletion, ['--allow-removals'])).code, 0);
      await remote.git('checkout', '--quiet', '--orphan', 'anew');
      await remote.git('rm', '--quiet', '-f', at(1));
      const commit = await remote.commit();
      const forced = await run(`${base} ${commit} refs/heads/main`, ['--branch', 'main']);
      assert.deepEqual(
        [forced.code, /signature-1: signature-removed/.test(forced.stdout)],
        [1, true],
      );
    });
  });

  for (const [title, args, update, said] of [
    ['another hook', ['hook', 'update'], '', /expected the hook pre-receive, got "update"/],
    ['what git does not say', ['hook', 'pre-receive'], 'hello', /expected lines OLD NEW REF/],
  ] as const) {
    it(`refuses ${title}`, async () => {
      const env = { GIT_DIR: join(remote.work, '.git') };
      const { code, stderr } = await runLookaside(args, { input: `${update}\n`, env });
      assert.equal(code, 2);
      assert.match(stderr, said);
    });
  }
});
