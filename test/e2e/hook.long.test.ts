// The hook as git starts it on a server: what is pushed lies in quarantine.
import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { imageAt } from '../../scripts/bench/data/images.ts';
import { signImage } from '../../scripts/bench/data/sign-image.ts';
import { openSigningKey } from '../../scripts/bench/data/signing-key.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { startGitSsh } from '../kit/remote/git-ssh.ts';
import { type RunResult, run, runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { putLookasideInPath } from '../kit/program/lookaside-in-path.ts';
import { type Publisher, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const INSTALL = new URL('../../deploy/hooks/install-pre-receive.sh', import.meta.url).pathname;
/** As many as a git server that gives all hooks 5 seconds should manage. */
const MANY = 1000;

interface Way {
  readonly url: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stop: () => Promise<unknown>;
}

describeWith(['git', 'gpg', 'git-http-backend', 'sshd'], 'the hook of a git server', () => {
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let PATH = '';
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    PATH = await putLookasideInPath(directory());
  });
  afterEach(() => remote.remove());

  const install = async (...args: readonly string[]): Promise<RunResult> =>
    run(INSTALL, [...args, remote.path], { env: { PATH } });

  /** Rules of the server, by which only this key may sign. */
  async function writeRules(keyFile: string): Promise<string> {
    const file = join(directory(), 'hook.yaml');
    await writeFile(file, `keys: ${JSON.stringify(keyFile)}\n`);
    return file;
  }

  const ways: Readonly<Record<string, () => Promise<Way>>> = {
    'a path': async () => ({ url: remote.path, stop: async () => undefined }),
    ssh: async () => {
      const { urlOf, environment, stop } = await startGitSsh();
      return { url: urlOf(remote.path), env: environment, stop };
    },
    http: async () => {
      await remote.gitBare('config', 'http.receivepack', 'true');
      const { url, down } = await remote.serveHttp();
      return { url, stop: down };
    },
  };
  for (const [name, open] of Object.entries(ways)) {
    it(`judges what is pushed over ${name}`, async () => {
      await install('-c', await writeRules(publisher.keyFile));
      const way = await open();
      const push = async (): Promise<RunResult> =>
        run('git', ['push', way.url, 'HEAD:main'], { cwd: remote.work, env: way.env ?? {} });
      const signed = await publisher.sign();
      const good = await remote.commit({ [signed.location]: signed.bytes });
      const taken = await push();
      assert.equal(taken.code, 0, taken.stderr);
      assert.match(taken.stderr, /^remote: lookaside: main: good: 1 changed files: 1 accepted/m);

      const place = dirname(signed.location);
      await remote.commit({ [`${place}/signature-2`]: '<html>', [signed.location]: null });
      const refused = await push();
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /^remote: {3}\S+\/signature-2: html: /m);
      assert.match(refused.stderr, /^remote: {3}\S+\/signature-1: signature-removed: /m);
      assert.match(
        refused.stderr,
        /\[remote rejected\] HEAD -> main \(pre-receive hook declined\)/,
      );
      assert.equal(await remote.gitBare('rev-parse', 'main'), good);
      await way.stop();
    });
  }

  it('takes the first push of a repository that init has made, by the rules in it', async () => {
    assert.equal((await install()).code, 0);
    const scope = `registry.example=${publisher.keyFile}`;
    const made = await runLookaside(['init', remote.work, '--scope', scope]);
    assert.equal(made.code, 0, made.stderr);
    const signed = await publisher.sign();
    await remote.commit({ [signed.location]: signed.bytes });
    const push = async (): Promise<RunResult> =>
      run('git', ['push', remote.path, 'HEAD:main'], { cwd: remote.work });
    const taken = await push();
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(taken.stderr, /main: good: 7 changed files: 1 accepted, 0 rejected, 6 ignored/);
    const stranger = await publisher.signer.makeKey({ algorithm: 'ed25519' });
    const other = await publisher.sign({ key: stranger });
    await remote.commit({ [other.location]: other.bytes });
    assert.match((await push()).stderr, /^remote: {3}\S+\/signature-1: unknown-signer: /m);
  });

  it('lets a pusher take a signature back by a push option, only where it was installed so', async () => {
    const rules = await writeRules(publisher.keyFile);
    await install('-c', rules, '-r');
    const signed = await publisher.sign();
    await remote.commit({ [signed.location]: signed.bytes });
    const push = async (...options: readonly string[]): Promise<RunResult> =>
      run('git', ['push', ...options, remote.path, 'HEAD:main'], { cwd: remote.work });
    assert.equal((await push()).code, 0);
    await remote.commit({ [signed.location]: null });
    const refused = await push('-o', 'other', '-o', 'lookaside.allow-removals.not');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /signature-removed: .*`git push -o lookaside\.allow-removals`/);
    await install('-c', rules);
    assert.equal((await push('-o', 'lookaside.allow-removals')).code, 1);
    await install('-c', rules, '-r');
    const taken = await push('-o', 'other', '-o', 'lookaside.allow-removals');
    assert.equal(taken.code, 0, taken.stderr);
  });

  it(`judges ${MANY} new signatures`, async () => {
    const key = await openSigningKey(directory());
    const keyFile = join(directory(), 'key.gpg');
    await writeFile(keyFile, key.public.publicKey);
    await install('-c', await writeRules(keyFile));
    for (let index = 0; index < MANY; index++) {
      const image = imageAt(index);
      const file = join(remote.work, image.location);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, (await signImage(key, image)).message);
    }
    await remote.commit();
    const start = performance.now();
    const { code, stderr } = await run('git', ['push', remote.path, 'HEAD:main'], {
      cwd: remote.work,
    });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`${MANY} changed files: ${MANY} accepted`));
    process.stdout.write(`      a push of ${MANY} signatures, with the hook: ${seconds} s\n`);
  });

  describe('its installation', () => {
    for (const [forge, path] of [
      ['plain', 'hooks/pre-receive'],
      ['gitlab', 'custom_hooks/pre-receive.d/lookaside'],
      ['gitea', 'hooks/pre-receive.d/lookaside'],
    ] as const) {
      it(`puts it where ${forge} looks for it, and can be run again`, async () => {
        for (let times = 0; times < 2; times++) {
          const { code, stdout, stderr } = await install('-f', forge);
          assert.deepEqual([code, stderr], [0, '']);
          assert.match(stdout, new RegExp(`installed .*/${path}, which runs .*/bin/lookaside`));
          assert.match(stdout, /^the default branch is main: pushes to it are judged/m);
        }
        assert.equal((await stat(join(remote.path, path))).mode & 0o111, 0o111);
      });
    }

    it('finds the directory of Gitea', async () => {
      await mkdir(join(remote.path, 'hooks/pre-receive.d'), { recursive: true });
      assert.match((await install()).stdout, /hooks\/pre-receive\.d\/lookaside/);
    });

    it('forgets a configuration that it is not given again', async () => {
      await install('-c', await writeRules(publisher.keyFile));
      assert.match(await remote.gitBare('config', 'lookaside.config'), /hook\.yaml$/);
      await install();
      await assert.rejects(remote.gitBare('config', 'lookaside.config'));
    });

    it('leaves the hook of others alone', async () => {
      const file = join(remote.path, 'hooks/pre-receive');
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, '#!/bin/sh\nexit 0\n');
      const { code, stderr } = await install();
      assert.equal(code, 2);
      assert.match(
        stderr,
        /hooks\/pre-receive is there already: call 'lookaside hook pre-receive'/,
      );
      assert.equal(await readFile(file, 'utf8'), '#!/bin/sh\nexit 0\n');
    });

    const faults: readonly (readonly [title: string, args: () => string[], said: RegExp])[] = [
      ['no repository', () => [directory()], /is no repository/],
      ['a checkout', () => [remote.work], /is a checkout/],
      ['a program that is not there', () => ['-p', 'nowhere', remote.path], /no program nowhere/],
      [
        'a configuration that is not there',
        () => ['-c', '/no/where', remote.path],
        /no such config/,
      ],
      ['another git server', () => ['-f', 'x', remote.path], /expected plain, gitlab or gitea/],
      ['two repositories', () => [remote.path, remote.path], /^usage: /],
    ];
    for (const [title, args, said] of faults) {
      it(`refuses ${title}`, async () => {
        const { code, stderr } = await run(INSTALL, args(), { env: { PATH } });
        assert.equal(code, 2);
        assert.match(stderr, said);
      });
    }
  });

  it('refuses the push where the program is gone', async () => {
    await runOrThrow(INSTALL, [remote.path], { env: { PATH } });
    await remote.gitBare('config', 'lookaside.program', '/no/lookaside');
    await remote.commit({ 'README.md': '' });
    const { code, stderr } = await run('git', ['push', remote.path, 'HEAD:main'], {
      cwd: remote.work,
    });
    assert.deepEqual([code, /pre-receive hook declined/.test(stderr)], [1, true]);
  });
});
