import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Changes, type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type RunResult, run } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { makeAdoptingKey } from '../kit/signer/adopting-key.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const MANIFEST = '{"schemaVersion":2}';
const DIGEST = `sha256:${createHash('sha256').update(MANIFEST).digest('hex')}`;
const at = (repository: string, number = 1): string => formatLocation(repository, DIGEST, number);
const scope = (name: string, keys: string, rest = ''): string =>
  `  ${name}:\n    keys: ${keys}\n${rest}`;
const TEAM = `scopes:\n${scope('registry.example/team', 'keys')}`;
const TOO_DEEP = /lookaside\.yaml.*it is nested too deeply/;
const MIRROR = scope(
  'mirror.example/copy',
  'keys',
  '    signedIdentity: { type: remapIdentity, prefix: mirror.example/copy, signedPrefix: registry.example/team }\n',
);

/** A change after which something is served no more, or nothing is lost. */
interface Row {
  readonly title: string;
  readonly before?: () => Changes | Promise<Changes>;
  readonly change: () => Changes | Promise<Changes>;
  /** What is lost; undefined if nothing is. */
  readonly lost?: RegExp;
  /** Where the signature is served afterwards. */
  readonly served: readonly string[];
}

describeWith(['git', 'gpg', 'gpgv', 'skopeo'], 'lookaside hook pre-receive, of rules', () => {
  const directory = useTemporary('suite');
  let signer: Signer;
  let remote: GitRemote;
  let keys: Readonly<Record<'own' | 'other' | 'adopter', string>>;
  let signature: Buffer = Buffer.alloc(0);
  let base = '';
  let [own, other]: SigningKey[] = [];

  const exportKey = async (key: SigningKey | undefined): Promise<string> =>
    readFile(await signer.exportKeys(join(directory(), 'k.asc'), key ?? assert.fail()), 'utf8');
  const sign = async (key: SigningKey | undefined, tag = 'v1', options = {}): Promise<Buffer> => {
    const dockerReference = `registry.example/team/app:${tag}`;
    const claims = { dockerReference, manifestDigest: DIGEST };
    return signer.sign(key ?? assert.fail(), claims, options);
  };
  before('make two keys, and a third that adopts the first', async () => {
    signer = await makeSigner();
    remote = await makeGitRemote();
    const at2020 = new Date('2020-02-01T00:00:00Z');
    own = await signer.makeKey({ algorithm: 'ed25519', at: at2020 });
    other = await signer.makeKey({ algorithm: 'ed25519' });
    const ownKey = await exportKey(own);
    const adopter = await makeAdoptingKey(ownKey);
    keys = { own: ownKey, other: await exportKey(other), adopter };
    signature = await sign(own, 'v1', { at: new Date('2020-03-01T00:00:00Z') });
    base = await remote.commit({
      'lookaside.yaml': TEAM,
      'keys/own.asc': ownKey,
      'keys2/other.asc': keys.other,
      [at('team/app')]: signature,
    });
  });
  after(async () => {
    await remote.remove();
    await signer.stop();
  });
  beforeEach(async () => {
    await remote.git('checkout', '--quiet', '-B', 'main', base);
  });

  const judge = async (from: string, to: string, ...args: readonly string[]): Promise<RunResult> =>
    runLookaside(['hook', 'pre-receive', ...args], {
      input: `${from} ${to} refs/heads/main\n`,
      env: { GIT_DIR: join(remote.work, '.git') },
    });
  /** What a server takes of the commit that is checked out. */
  const listServed = async (): Promise<readonly string[]> => {
    const config = join(remote.work, 'lookaside.yaml');
    const { stdout } = await runLookaside([
      'check',
      remote.work,
      '--config',
      config,
      '--format=json',
    ]);
    const { files }: { files: readonly { path: string; status: string }[] } = JSON.parse(stdout);
    return files.filter(({ status }) => status === 'accepted').map(({ path }) => path);
  };

  /** Exit codes of programs that verify the signature with a home into which key files were imported. */
  const verdicts = async (...files: readonly string[]): Promise<readonly number[]> => {
    const home = join(directory(), files.map((file) => file.length).join('-'));
    await mkdir(home, { mode: 0o700 });
    const env = { GNUPGHOME: home };
    for (const file of files) {
      await writeFile(join(home, 'in.asc'), file);
      await run('gpg', ['--batch', '--quiet', '--import', join(home, 'in.asc')], { env });
    }
    await writeFile(join(home, 'manifest'), MANIFEST);
    await writeFile(join(home, 'signature'), signature);
    const named = [join(home, 'manifest'), 'registry.example/team/app:v1'];
    const fingerprint = own?.fingerprint ?? '';
    const by = [...named, fingerprint, join(home, 'signature')];
    const results = [
      await run('gpg', ['--batch', '--verify', join(home, 'signature')], { env }),
      await run('skopeo', ['standalone-verify', ...by], { env }),
    ];
    await run('gpgconf', ['--kill', 'all'], { env });
    return results.map(({ code }) => Math.min(code ?? 1, 1));
  };

  const rows: readonly Row[] = [
    {
      title: 'a key before another one of the same ID',
      change: () => ({ 'keys/0adopter.asc': keys.adopter }),
      lost: /signature-1: signature-excluded/,
      served: [],
    },
    {
      title: 'a key behind another one of the same ID',
      change: () => ({ 'keys/zadopter.asc': keys.adopter }),
      served: [at('team/app')],
    },
    {
      title: 'a key of the same ID in a scope before',
      change: () => ({
        'lookaside.yaml': `scopes:\n${scope('registry.example/aside', 'keys3')}${TEAM.slice(8)}`,
        'keys3/adopter.asc': keys.adopter,
      }),
      served: [at('team/app')],
    },
    {
      title: 'a narrower scope, where a copy is served for another image',
      before: () => ({
        'lookaside.yaml': `${TEAM}${MIRROR}`,
        [at('copy/app')]: signature,
      }),
      change: () => ({
        'lookaside.yaml': `${TEAM}${MIRROR}${scope('registry.example/team/app', 'keys2')}`,
      }),
      lost: /team\/app@.*signature-1: signature-excluded/,
      served: [at('copy/app')],
    },
    {
      title: 'a narrower scope, with a move to where it counts for another image',
      before: () => ({ 'lookaside.yaml': `${TEAM}${MIRROR}` }),
      change: () => ({
        'lookaside.yaml': `${TEAM}${MIRROR}${scope('registry.example/team/app', 'keys2')}`,
        [at('team/app')]: null,
        [at('copy/app')]: signature,
      }),
      lost: /team\/app@.*signature-1: signature-removed/,
      served: [at('copy/app')],
    },
    {
      title: 'another prefix, with a move to there',
      change: () => ({
        'lookaside.yaml': `${TEAM}    prefix: moved\n`,
        [at('team/app')]: null,
        [at('moved/team/app')]: signature,
      }),
      served: [at('moved/team/app')],
    },
  ];
  for (const { title, before: prepare, change, lost, served } of rows) {
    it(`${lost ? 'refuses' : 'takes'} ${title}, as it is served afterwards`, async () => {
      const from = prepare ? await remote.commit(await prepare()) : base;
      const to = await remote.commit(await change());
      const { code, stdout, stderr } = await judge(from, to);
      assert.deepEqual(await listServed(), served);
      assert.equal(stderr, '');
      assert.equal(code, lost ? 1 : 0, stdout);
      assert.match(stdout, lost ?? /^lookaside: main: good: .* 0 lost$/m);
      const proposal = await runLookaside(['check', remote.work, '--base', from]);
      assert.equal(proposal.code, code, proposal.stdout);
    });
  }

  it('says of keys of one ID what gpg and skopeo say that import the files in their order', async () => {
    assert.deepEqual(await verdicts(keys.own), [0, 0]);
    assert.deepEqual(await verdicts(keys.own, keys.adopter), [0, 0]);
    assert.deepEqual(await verdicts(keys.adopter, keys.own), [1, 1]);
  });

  it('refuses a key by which newer signatures displace what was served', async () => {
    const newer: Record<string, Buffer> = {};
    for (let number = 2; number <= 128; number++) {
      newer[at('team/app', number)] = await sign(other, `v${number}`);
    }
    const from = await remote.commit(newer);
    const to = await remote.commit({ 'keys/other.asc': keys.other });
    const { code, stdout } = await judge(from, to);
    assert.equal((await listServed()).includes(at('team/app')), false);
    assert.equal(code, 1, stdout);
    assert.match(
      stdout,
      /signature-1: signature-excluded: .*, got rules that take more than the newest 127 of its directory/,
    );
  });

  it('tells of a key that ends sooner than before, and refuses it if strict', async () => {
    const key = await signer.makeKey({ algorithm: 'ed25519', name: 'Renewed' });
    const from = await remote.commit({ 'keys/renewed.asc': await exportKey(key) });
    await signer.extend(key, '2w');
    const to = await remote.commit({ 'keys/renewed.asc': await exportKey(key) });
    const said =
      /^ {2}(warning: )?key-ends-sooner: the key [0-9A-F]{40} \(Renewed.*\) for registry\.example\/team is good until [0-9-]+T\S+; before, it did not expire\. Extend the key/m;
    const usual = await judge(from, to);
    assert.equal(usual.code, 0, usual.stdout);
    assert.equal(said.exec(usual.stdout)?.[1], 'warning: ', usual.stdout);
    const strict = await judge(from, to, '--strict');
    assert.equal(strict.code, 1, strict.stdout);
    assert.equal(said.exec(strict.stdout)?.[1], undefined);
    const after = await remote.commit({ 'keys/other.asc': keys.other });
    const later = await judge(to, after, '--strict', '--expiry-warning', '30d');
    assert.equal(later.code, 0, later.stdout);
    assert.match(later.stdout, /^ {2}warning: key-expires-soon: the key .*\(Renewed/m);
  });

  const unusable: readonly (readonly [title: string, rules: string, said: RegExp])[] = [
    ['no YAML', 'scopes: [', /lookaside\.yaml/],
    [
      'names keys that are not there',
      TEAM.replace('keys: keys', 'keys: none'),
      /^lookaside\.yaml: key-withdrawn: .* got none$/,
    ],
    ['is nested without end', '['.repeat(100_000), TOO_DEEP],
    ['has lists in lists without end', `${'- '.repeat(100_000)}x`, TOO_DEEP],
  ];
  for (const [title, rules, said] of unusable) {
    it(`reports a configuration that ${title} as a fault of the proposal, as the hook does`, async () => {
      const to = await remote.commit({ 'lookaside.yaml': rules });
      assert.equal((await judge(base, to)).code, 1);
      const { code, stdout, stderr } = await runLookaside(['check', remote.work, '--base', base]);
      assert.deepEqual([code, stderr], [1, '']);
      const [first = '', hint = ''] = stdout.split('\n');
      assert.match(first, /^(?:state-refused: |lookaside\.yaml: key-withdrawn: )/);
      assert.match(first, said);
      assert.match(hint, /^ {2}hint: ./);
      assert.doesNotMatch(stdout, /no keys were given|call stack/);
    });
  }

  it('refuses what makes the whole larger than its configuration allows', async () => {
    const from = await remote.commit({ 'lookaside.yaml': `max-entries: 6\n${TEAM}` });
    const more = ['a', 'b', 'c'].map((name) => [at(`team/${name}`), signature] as const);
    const to = await remote.commit(Object.fromEntries(more));
    const { code, stdout } = await judge(from, to, '--allow-removals');
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^ {2}state-refused: .* --max-entries allows 6/m);
    const { stdout: whole } = await runLookaside([
      'check',
      remote.work,
      '--config',
      join(remote.work, 'lookaside.yaml'),
    ]);
    assert.match(whole, /--max-entries allows 6/);
  });
});
