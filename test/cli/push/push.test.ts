import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { MAX_BLOB_BYTES } from '../../../generator/openpgp/signature-file.ts';
import { PushWorld, blobOf, installHook, randomDigest, stage } from '../../kit/push/push-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

describeWith(['git', 'git-http-backend', 'gpg', 'gpgv'], 'lookaside push', () => {
  const directory = useTemporary();
  const staging = (): string => join(directory(), 'staging');
  let world: PushWorld;
  let start = '';
  before(async () => {
    world = await PushWorld.make();
    start = await world.remote.git('rev-parse', 'HEAD');
  });
  after(() => world.stop());
  afterEach(async () => {
    await world.remote.git('reset', '--hard', '--quiet', start);
    await world.remote.push('--force');
  });

  const pushed = async (
    args: readonly string[] = [],
    options: Parameters<PushWorld['push']>[2] = {},
  ): Promise<string> => {
    const { code, stdout, stderr } = await world.push([staging()], args, options);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stderr, '');
    return stdout;
  };

  it('pushes what is staged, once, and says what and where', async () => {
    const image = await world.sign();
    const [path = ''] = await stage(staging(), [image]);
    const first = await pushed();
    const commit = await world.remote.gitBare('rev-parse', 'main');
    const { fingerprint } = world.key;
    const name = `registry.example/team/app:v1 ${image.digest}`;
    assert.equal(
      first,
      `${name}: new: ${path}, signed by ${fingerprint}\n` +
        `pushed to ${world.remote.fileUrl}, main, commit ${commit.slice(0, 12)}: 1 new; nodes that use the repository's policy accept the new signatures\n`,
    );
    assert.deepEqual(await world.signatures(), new Map([[path, blobOf(image.bytes)]]));
    const second = await pushed();
    assert.match(second, /: already there: /);
    assert.match(second, /^nothing was pushed to .*: 1 already there$/m);
    assert.equal(await world.remote.gitBare('rev-parse', 'main'), commit);
    assert.deepEqual(await readFile(join(staging(), path)), image.bytes);
  });

  it('commits in one commit that names images, signers and the run of CI', async () => {
    await stage(staging(), [await world.sign(), await world.sign({ tag: 'v2' })]);
    await pushed([], { env: { CI_JOB_URL: 'https://ci.example/jobs/7' } });
    const message = await world.remote.gitBare('log', '-1', '--format=%an%n%B', 'main');
    const lines = message.trimEnd().split('\n');
    assert.equal(lines[0], 'Pusher');
    assert.match(
      lines[1] ?? '',
      /^Sign registry\.example\/team\/app:v[12], registry\.example\/team\/app:v[12]$/,
    );
    const by = new RegExp(
      `^registry\\.example/team/app:v[12] sha256:[0-9a-f]{64} by ${world.key.fingerprint}$`,
    );
    assert.match(lines[3] ?? '', by);
    assert.match(lines[4] ?? '', by);
    assert.equal(lines[6], 'https://ci.example/jobs/7');
    assert.equal(await world.remote.gitBare('rev-list', '--count', `${start}..main`), '1');
  });

  it('takes the number behind the last one, whatever is there', async () => {
    const image = await world.sign();
    const [path = ''] = await stage(staging(), [image]);
    await world.remote.publish({
      [path]: '<html>',
      [path.replace(/1$/, '7')]: (await world.sign({ digest: image.digest, tag: 'v7' })).bytes,
    });
    assert.match(await pushed(), /1 new/);
    const stored = await world.signatures();
    assert.equal(stored.size, 3);
    assert.equal(stored.get(path.replace(/1$/, '8')), blobOf(image.bytes));
  });

  it('takes what is larger than a signature for one that is there', async () => {
    const image = await world.sign();
    const [path = ''] = await stage(staging(), [image]);
    const large = Buffer.alloc(MAX_BLOB_BYTES + 1);
    await world.remote.publish({ [path]: large });
    assert.match(await pushed(), /1 new/);
    const expected = new Map([
      [path, blobOf(large)],
      [path.replace(/1$/, '2'), blobOf(image.bytes)],
    ]);
    assert.deepEqual(await world.signatures(), expected);
  });

  it('leaves out what says the same by the same signer, unless it is good for longer', async () => {
    const digest = randomDigest();
    await stage(staging(), [await world.sign({ digest })]);
    await pushed();
    await rm(staging(), { recursive: true });
    await stage(staging(), [await world.sign({ digest, creator: 'another program' })]);
    const { code, stdout, stderr } = await world.push([staging()], ['--clear']);
    assert.equal(code, 0);
    assert.match(stdout, /already there by the same signer: /);
    assert.match(
      stderr,
      /^lookaside: note: --clear leaves \S+\/signature-1: the repository has other bytes that say the same by the same signer, so remove it by hand\n$/,
    );
    assert.equal((await readdir(staging(), { recursive: true })).length, 3, 'it stays where it is');
    assert.equal((await world.signatures()).size, 1);
  });

  it('renews a signature that ends', async () => {
    const digest = randomDigest();
    const claims = { dockerReference: 'registry.example/team/app:v1', manifestDigest: digest };
    const ending = { args: ['--default-sig-expire', '1d'] };
    const short = await world.signer.sign(world.key, claims, ending);
    await stage(staging(), [{ repository: 'team/app', digest, bytes: short }]);
    await pushed();
    await stage(staging(), [await world.sign({ digest })]);
    assert.match(await pushed(), /1 new/);
    assert.equal((await world.signatures()).size, 2);
  });

  it('puts what it pushes below the subtree and the prefix that the repository sets', async () => {
    await world.remote.publish({
      'lookaside.yaml':
        'path: served\nscopes:\n  registry.example:\n    keys: keys\n    prefix: prod/signatures\n',
    });
    const [path = ''] = await stage(staging(), [await world.sign()]);
    assert.match(await pushed(), /new: served\/prod\/signatures\/team\/app@sha256=/);
    assert.deepEqual([...(await world.signatures()).keys()], [`served/prod/signatures/${path}`]);
    assert.match(await pushed(), /already there: served\/prod\/signatures\/team\/app@sha256=/);
  });

  it('removes with --clear what is in the repository, and directories that are empty then', async () => {
    await stage(staging(), [await world.sign(), await world.sign({ repository: 'other' })]);
    await writeFile(join(staging(), 'README.md'), 'x');
    await pushed(['--clear']);
    assert.deepEqual(await readdir(staging()), ['README.md']);
    assert.equal((await world.signatures()).size, 2);
  });

  it('removes with --clear also from ./STAGING', async () => {
    const name = relative(process.cwd(), staging());
    for (const operand of [`./${name}`, `${name}/`]) {
      await stage(staging(), [await world.sign()]);
      const { code, stderr } = await world.push([operand], ['--clear']);
      assert.equal(code, 0, stderr);
      assert.deepEqual(await readdir(staging()), [], operand);
    }
  });

  it('removes with --clear a file that is named itself, but none of a copy, which it tells', async () => {
    const image = await world.sign();
    const file = join(directory(), 'named.sig');
    const copy = join(directory(), 'copy');
    await mkdir(copy);
    await writeFile(file, image.bytes);
    await writeFile(join(copy, 'manifest.json'), '{}');
    await writeFile(join(copy, 'signature-1'), image.bytes);
    const operands = [file, `dir:${copy}`];
    const { code, stderr } = await world.push(operands, ['--clear']);
    assert.equal(code, 0, stderr);
    await assert.rejects(readFile(file), { code: 'ENOENT' });
    assert.deepEqual(await readFile(join(copy, 'signature-1')), image.bytes);
    assert.equal(
      stderr,
      `lookaside: note: --clear leaves ${join(copy, 'signature-1')}: it belongs to the copy of an image\n`,
    );
  });

  it('has nothing to push from an empty staging directory, as after --clear', async () => {
    await stage(staging(), [await world.sign()]);
    await pushed(['--clear']);
    const commit = await world.remote.gitBare('rev-parse', 'main');
    const store = ['--wait', 'http://127.0.0.1:1'];
    const again = await pushed(['--clear', ...store]);
    assert.equal(
      again,
      `nothing to push to ${world.remote.fileUrl}, main: no signature is staged\n`,
    );
    assert.equal(await pushed(['--dry-run']), again);
    assert.equal(await pushed(['--pull-request']), again);
    const document = JSON.parse(await pushed(['--format', 'json'])) as { signatures: unknown[] };
    assert.deepEqual(document.signatures, []);
    assert.equal(await world.remote.gitBare('rev-parse', 'main'), commit);
    const missing = await world.push([join(directory(), 'missing')]);
    assert.equal(missing.code, 2);
  });

  it('removes nothing in a dry run, nor where one that is refused holds the others back', async () => {
    const [path = ''] = await stage(staging(), [await world.sign()]);
    await pushed();
    await pushed(['--dry-run', '--clear']);
    await writeFile(join(staging(), 'signature-1'), '<html>');
    const { code, stderr } = await world.push([staging()], ['--clear']);
    assert.equal(code, 1);
    assert.match(stderr, / and 1 more: nothing is removed while a signature is refused\n$/);
    await readFile(join(staging(), path));
  });

  it('pushes nothing in a dry run', async () => {
    await stage(staging(), [await world.sign()]);
    const before = await readdir(staging(), { recursive: true });
    assert.match(
      await pushed(['--dry-run', '--clear']),
      /nothing was pushed to .*: 1 would be new\nnot tried: what the host decides at the push itself \(hooks, protected branches\)\n$/,
    );
    assert.equal(await world.remote.gitBare('rev-parse', 'main'), start);
    assert.deepEqual(await readdir(staging(), { recursive: true }), before);
  });

  it('says where another signature is needed before nodes accept', async () => {
    const other = await world.signer.makeKey({ algorithm: 'ed25519' });
    await world.remote.publish({
      'lookaside.yaml': 'scopes:\n  registry.example:\n    keys: keys\n    require: all\n',
      'keys/other.asc': await world.exportKey(other),
    });
    const digest = randomDigest();
    await stage(staging(), [await world.sign({ digest })]);
    const first = await pushed();
    assert.match(first, new RegExp(`co-signature-missing: .*${other.fingerprint}`));
    assert.match(first, /1 of them needs another signature before nodes accept the image$/m);
    await rm(staging(), { recursive: true });
    await stage(staging(), [await world.sign({ digest, key: other })]);
    assert.match(
      await pushed(),
      /1 new; nodes that use the repository's policy accept the new signatures$/m,
    );
  });

  it('tells programs the same in JSON', async () => {
    const image = await world.sign();
    const [path = ''] = await stage(staging(), [image]);
    await writeFile(join(staging(), 'signature-1'), '<html>');
    const { code, stdout } = await world.push([staging()], ['--keep-going', '--format', 'json']);
    assert.equal(code, 1);
    const commit = await world.remote.gitBare('rev-parse', 'main');
    const { fingerprint } = world.key;
    const document = JSON.parse(stdout) as { signatures: { claims?: { timestamp?: string } }[] };
    const { timestamp } = document.signatures[1]?.claims ?? {};
    assert.match(timestamp ?? '', /^\d{4}-.*Z$/);
    assert.deepEqual(document, {
      version: 1,
      target: { repository: world.remote.fileUrl, branch: 'main', commit },
      summary: { new: 1, 'would-be-new': 0, there: 0, refused: 1 },
      signatures: [
        {
          origin: join(staging(), 'signature-1'),
          status: 'refused',
          code: 'html',
          message: 'expected an OpenPGP message, got a web page',
          hint: 'Fetch the signature again, and look at what the server that it came from answers.',
          breaksPulls: true,
        },
        {
          origin: join(staging(), path),
          status: 'new',
          path,
          isSame: true,
          claims: {
            dockerReference: 'registry.example/team/app:v1',
            manifestDigest: image.digest,
            creator: 'atomic 5.23.1',
            timestamp,
          },
          signer: { fingerprint, primaryFingerprint: fingerprint },
          warnings: [],
        },
      ],
    });
  });

  it('gives the token to the host of the repository', async () => {
    await world.remote.gitBare('config', 'http.receivepack', 'true');
    const host = await world.remote.serveHttp({ token: 's3cret' });
    const token = join(directory(), 'token');
    await writeFile(token, 's3cret\n');
    await stage(staging(), [await world.sign()]);
    // Named from here: git runs elsewhere.
    const named = relative(process.cwd(), token);
    assert.match(await pushed(['--git-token-file', named], { to: host.url }), /1 new/);
  });

  it('goes by the newest rule, also where that changes while it pushes', async () => {
    const { remote } = world;
    await remote.publish({ 'lookaside.yaml': 'scopes:\n  elsewhere.example:\n    keys: keys\n' });
    const changed = await remote.git('rev-parse', 'HEAD');
    await remote.gitBare('branch', 'changed', changed);
    await remote.git('reset', '--hard', '--quiet', start);
    await remote.push('--force');
    await installHook(
      remote.path,
      'pre-receive',
      'unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n' +
        `git update-ref refs/heads/main ${changed}`,
    );
    try {
      await stage(staging(), [await world.sign()]);
      const { code, stdout } = await world.push([staging()]);
      assert.equal(code, 1, stdout);
      assert.match(stdout, /out-of-scope/);
      assert.match(stdout, /nothing .*: 1 refused$/m);
      assert.equal(await remote.gitBare('rev-parse', 'main'), changed);
    } finally {
      await installHook(remote.path, 'pre-receive', 'exit 0');
    }
  });

  it('tells what it cost where a host cannot send parts of a commit', async () => {
    await world.remote.gitBare('config', 'uploadpack.allowFilter', 'false');
    try {
      await stage(staging(), [await world.sign()]);
      const { code, stderr } = await world.push([staging()]);
      assert.equal(code, 0);
      assert.match(
        stderr,
        /^lookaside: note: file:\S+ cannot send parts of a commit, so all its files were fetched: [\d.]+ (?:bytes|KiB) in \d+\.\d s \(on the server: git config uploadpack\.allowFilter true\)\n$/,
      );
    } finally {
      await world.remote.gitBare('config', 'uploadpack.allowFilter', 'true');
    }
  });

  it('needs to know where to', async () => {
    const none = await world.push([staging()], ['--pull-request', '--wait', 'http://127.0.0.1:1']);
    assert.match(none.stderr, /--wait and --pull-request exclude each other/);
    assert.equal(none.code, 2);
    const wrong = await world.push([staging()], ['--wait', 'somewhere']);
    assert.match(wrong.stderr, /--wait: expected the http:\/\/ or https:\/\/ address of a store/);
  });
});
