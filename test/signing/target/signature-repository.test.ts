import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Supply } from '../../../signing/target/remote-objects.ts';
import { SignatureRepository } from '../../../signing/target/signature-repository.ts';
import { PUSHER, blobOf } from '../../kit/push/push-world.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { type GitRemote, makeGitRemote } from '../../kit/remote/git-remote.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const BYTES = Buffer.from('a new signature');
/** Beside the one that is pushed to, so many directories. */
const OTHERS = 40;

/** `team` in the object of a directory. */
function entryOf(mode: string, id: string): Buffer {
  return Buffer.concat([Buffer.from(`${mode} team\0`), Buffer.from(id, 'hex')]);
}

describeWith(['git', 'git-http-backend'], 'the signature repository that is pushed to', () => {
  const directory = useTemporary();
  let remote: GitRemote;
  let start = '';
  before(async () => {
    remote = await makeGitRemote();
    const files = Array.from({ length: OTHERS }, (_, index) => [
      `team/app${index % 4}@sha256=${String(index).padStart(64, '0')}/signature-1`,
      `signature ${index}`,
    ]);
    await remote.publish({
      'a "quoted" name/x': 'x',
      'README.md': 'x',
      ...Object.fromEntries(files),
    });
    start = await remote.git('rev-parse', 'HEAD');
  });
  after(() => remote.remove());
  beforeEach(async () => {
    await remote.push('--force');
    await remote.gitBare('config', 'uploadpack.allowFilter', 'true');
    await remote.gitBare('config', 'http.receivepack', 'true');
  });

  const open = async (
    repository: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<SignatureRepository> =>
    SignatureRepository.open({
      repository,
      branch: undefined,
      directory: directory(),
      environment: { ...process.env, ...PUSHER, ...env },
      hasTerminal: false,
    });

  it('is not opened by a git that is too old, or not there', async () => {
    const git = '#!/bin/sh\necho git version 2.30.2\n';
    await writeFile(join(directory(), 'git'), git, { mode: 0o755 });
    await assert.rejects(open(remote.path, { PATH: `${directory()}:/usr/bin:/bin` }), {
      message: 'git 2.30.2 is too old: expected 2.31 or newer',
      hint: 'install a newer git, or put its directory first into PATH',
    });
    await assert.rejects(open(remote.path, { PATH: '/nowhere' }), {
      hint: 'install git, or put its directory into PATH',
    });
  });

  const NEW = `team/app0@sha256=${'0'.repeat(64)}/signature-2`;

  /** Reads, commits and pushes as `push` does, and tells how the objects came. */
  async function pushTo(
    repository: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly supply: Supply; readonly bytes: number }> {
    const target = await open(repository, env);
    try {
      assert.equal(target.branch, 'main');
      assert.equal(target.commit, start);
      const place = `team/app0@sha256=${'0'.repeat(64)}`;
      const lists = await target.tree.list([place, 'nowhere', 'README.md']);
      assert.deepEqual(
        lists.get(place)?.map(({ name, kind }) => `${kind} ${name}`),
        ['file signature-1'],
      );
      assert.deepEqual(lists.get('nowhere'), []);
      assert.equal((await target.tree.readFile(`${place}/signature-1`))?.toString(), 'signature 0');
      const files = [
        { path: NEW, bytes: BYTES },
        { path: 'a "quoted" name/y', bytes: BYTES },
      ];
      const commit = await target.commitFiles(files, 'Sign\n');
      assert.deepEqual(await target.push(commit), { kind: 'pushed', said: [] });
      assert.equal(await remote.gitBare('rev-parse', 'main^'), start);
      assert.equal(await remote.gitBare('rev-parse', `main:${NEW}`), blobOf(BYTES));
      const changed = await remote.gitBare('diff', '--name-status', 'main^', 'main');
      assert.equal(changed.split('\n').length, 2, changed);
      await remote.gitBare('fsck', '--strict');
      return await target.cost();
    } finally {
      await target.close();
    }
  }

  it('gives a few objects over a file URL, and over http', async () => {
    for (const url of [remote.fileUrl, (await remote.serveHttp()).url]) {
      await remote.push('--force');
      const { supply, bytes } = await pushTo(url);
      assert.equal(supply, 'by name');
      assert.ok(bytes < 5000, `${bytes} bytes`);
    }
  });

  it('fetches nothing that it does not ask for', async () => {
    const trace = join(directory(), 'trace');
    await pushTo(remote.fileUrl, { GIT_TRACE: trace });
    const fetches = [...(await readFile(trace, 'utf8')).matchAll(/built-in: git (fetch.*)/g)];
    assert.ok(fetches.length > 3);
    for (const [, call = ''] of fetches) assert.match(call, /^fetch --progress .*--filter=tree:0/);
  });

  it('lends its objects where it lies on this machine', async () => {
    assert.deepEqual(
      { ...(await pushTo(remote.path)), milliseconds: 0 },
      { supply: 'borrowed', bytes: 0, milliseconds: 0 },
    );
  });

  it('comes whole from a remote that leaves nothing out', async () => {
    await remote.gitBare('config', 'uploadpack.allowFilter', 'false');
    assert.equal((await pushTo(remote.fileUrl)).supply, 'whole');
  });

  it('comes whole from a remote that gives nothing by its name', async () => {
    const server = await remote.serveHttp({ withoutProtocol: true });
    assert.equal((await pushTo(server.url)).supply, 'whole');
  });

  it('is found where the configuration of the user sends git', async () => {
    const config = join(directory(), 'gitconfig');
    await writeFile(config, `[url "${remote.fileUrl}"]\n\tinsteadOf = company:signatures.git\n`);
    await pushTo('company:signatures.git', { GIT_CONFIG_GLOBAL: config });
  });

  it('is found there also in place of a path', async () => {
    const config = join(directory(), 'gitconfig');
    const path = join(directory(), 'moved.git');
    await runOrThrow('git', ['init', '--quiet', '--bare', path]);
    await writeFile(config, `[url "${remote.fileUrl}"]\n\tinsteadOf = ${path}\n`);
    assert.equal((await pushTo(path, { GIT_CONFIG_GLOBAL: config })).supply, 'by name');
  });

  it('is not read where git would push to another one', async () => {
    const config = join(directory(), 'gitconfig');
    const url = 'https://user:s3cret@other.example/signatures.git';
    await writeFile(config, `[url "${url}"]\n\tpushInsteadOf = ${remote.fileUrl}\n`);
    await assert.rejects(open(remote.fileUrl, { GIT_CONFIG_GLOBAL: config }), {
      message: `${remote.fileUrl}: git reads from ${remote.fileUrl}, but pushes to https://other.example/signatures.git`,
      hint: /--to.*pushInsteadOf/,
    });
  });

  it('may be pushed to by ssh and read otherwise', async () => {
    const config = join(directory(), 'gitconfig');
    await writeFile(
      config,
      `[url "ssh://git@127.0.0.1:1/"]\n\tpushInsteadOf = http://127.0.0.1:1/\n`,
    );
    // It gets as far as the host, which is down.
    await assert.rejects(open('http://127.0.0.1:1/a.git', { GIT_CONFIG_GLOBAL: config }), {
      message: /^git ls-remote failed: /,
    });
  });

  it('gives no file that is larger than is asked for', async () => {
    for (const repository of [remote.path, remote.fileUrl]) {
      const target = await open(repository);
      const entries = await target.tree.list([`team/app0@sha256=${'0'.repeat(64)}`, '']);
      const ids = [...entries.values()]
        .flat()
        .filter(({ kind }) => kind === 'file')
        .map(({ id }) => id);
      assert.equal(ids.length, 2);
      const read = await target.readFiles(ids, 1);
      assert.deepEqual([...read.values()].map(String), ['x']);
      assert.equal((await target.readFiles([], 1)).size, 0);
      await target.close();
    }
  });

  it('takes commits as the user signs and names them', async () => {
    const key = join(directory(), 'key');
    await runOrThrow('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const config = join(directory(), 'gitconfig');
    await writeFile(
      config,
      `[commit]\n\tgpgSign = true\n[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = ${key}.pub\n`,
    );
    await pushTo(remote.fileUrl, { GIT_CONFIG_GLOBAL: config });
    const commit = await remote.gitBare('cat-file', 'commit', 'main');
    assert.match(commit, /^author Pusher <pusher@example\.test>/m);
    assert.match(commit, /^gpgsig -----BEGIN SSH SIGNATURE-----/m);
  });

  it('tells of a key for commits that is not there', async () => {
    const config = join(directory(), 'gitconfig');
    const key = join(directory(), 'none.pub');
    await writeFile(
      config,
      `[commit]\n\tgpgSign = true\n[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = ${key}\n`,
    );
    const target = await open(remote.fileUrl, { GIT_CONFIG_GLOBAL: config });
    await assert.rejects(target.commitFiles([{ path: NEW, bytes: BYTES }], 'Sign\n'), {
      message: /none\.pub/,
      hint: /key that user\.signingKey names/,
    });
    await target.close();
  });

  it('keeps names that differ only in case, whatever the user has configured', async () => {
    const config = join(directory(), 'gitconfig');
    await writeFile(config, '[core]\n\tignoreCase = true\n');
    const digest = `sha256=${'e'.repeat(64)}`;
    const [path, other] = [`team/new@${digest}/signature-1`, `case/new@${digest}/signature-1`];
    const kept = [`team/new@${digest}/Signature-1`, `Case/new@${digest}/signature-1`];
    await remote.publish(Object.fromEntries(kept.map((name) => [name, 'kept'])));
    const filled = await remote.git('rev-parse', 'HEAD');
    for (const repository of [remote.path, remote.fileUrl]) {
      await remote.push('--force');
      const target = await open(repository, { GIT_CONFIG_GLOBAL: config });
      const files = [path, other].map((name) => ({ path: name, bytes: BYTES }));
      const commit = await target.commitFiles(files, 'Sign\n');
      assert.equal((await target.push(commit)).kind, 'pushed');
      await target.close();
      const changed = await remote.gitBare('diff', '--name-status', filled, 'main');
      assert.equal(changed, `A\t${other}\nA\t${path}`);
    }
    await remote.git('reset', '--hard', '--quiet', start);
  });

  it('is not pushed to where git would take away what is there', async () => {
    // A name that is a file as well as a directory: git hides one of them, and drops it.
    const blob = await remote.gitBare('rev-parse', 'main:README.md');
    const tree = await remote.gitBare('rev-parse', 'main:team');
    const file = join(directory(), 'tree');
    await writeFile(file, Buffer.concat([entryOf('100644', blob), entryOf('40000', tree)]));
    const write = ['hash-object', '-w', '-t', 'tree', '--literally', file];
    const root = await remote.gitBare(...write);
    const identity = ['-c', 'user.name=x', '-c', 'user.email=x@example.test'];
    const odd = await remote.gitBare(...identity, 'commit-tree', '-m', 'odd', root);
    await remote.gitBare('update-ref', 'refs/heads/main', odd);
    const target = await open(remote.path);
    await assert.rejects(target.commitFiles([{ path: NEW, bytes: BYTES }], 'Sign\n'), {
      name: 'RepositoryError',
      message: /team/,
    });
    await target.close();
  });

  it('says when somebody else was faster, and is pushed to from there', async () => {
    const target = await open(remote.fileUrl);
    try {
      const late = await target.commitFiles([{ path: NEW, bytes: BYTES }], 'Sign\n');
      await remote.publish({ 'other.txt': 'other' });
      assert.equal((await target.push(late)).kind, 'overtaken');
      await target.refresh();
      assert.equal((await target.tree.readFile('other.txt'))?.toString(), 'other');
      const commit = await target.commitFiles([{ path: NEW, bytes: BYTES }], 'Sign\n');
      assert.equal((await target.push(commit)).kind, 'pushed');
      assert.equal(await remote.gitBare('show', 'main:other.txt'), 'other');
    } finally {
      await target.close();
      await remote.git('reset', '--hard', '--quiet', start);
    }
  });

  /** An empty bare repository, and a commit for a first push to it. */
  async function makeEmpty(head: string): Promise<string> {
    const bare = join(directory(), 'empty.git');
    const init = ['init', '--quiet', '--template=', '--bare', `--initial-branch=${head}`, bare];
    await runOrThrow('git', init, { env: PUSHER });
    await runOrThrow('git', ['-C', bare, 'config', 'uploadpack.allowFilter', 'true']);
    return bare;
  }

  it('takes its first commit on the branch that its HEAD names', async () => {
    const bare = await makeEmpty('master');
    for (const repository of [`file://${bare}`, bare]) {
      const target = await open(repository);
      assert.equal(target.branch, 'master');
      if (target.commit === undefined) {
        const commit = await target.commitFiles([{ path: NEW, bytes: BYTES }], 'Sign\n');
        assert.equal((await target.push(commit)).kind, 'pushed');
      }
      await target.close();
    }
  });

  it('is read by its only branch where HEAD names none that is there', async () => {
    const bare = await makeEmpty('master');
    await remote.git('push', '--quiet', bare, 'HEAD:refs/heads/main');
    const target = await open(`file://${bare}`);
    assert.deepEqual([target.branch, target.commit], ['main', start]);
    await target.close();
    await remote.git('push', '--quiet', bare, 'HEAD:refs/heads/other');
    await assert.rejects(open(`file://${bare}`), { message: /has no default branch$/ });
  });

  it('may be overtaken on its first commit', async () => {
    const bare = await makeEmpty('main');
    const target = await open(`file://${bare}`);
    const late = await target.commitFiles([{ path: NEW, bytes: BYTES }], 'Sign\n');
    await remote.git('push', '--quiet', bare, 'HEAD:refs/heads/main');
    assert.equal((await target.push(late)).kind, 'overtaken');
    await target.refresh();
    assert.equal(target.commit, start);
    const commit = await target.commitFiles([{ path: NEW, bytes: BYTES }], 'Sign\n');
    assert.equal((await target.push(commit)).kind, 'pushed');
    assert.equal((await target.cost()).supply, 'by name');
    await target.close();
  });

  it('is found although its first commit comes while it is looked at', async () => {
    const bare = await makeEmpty('main');
    // Git that is asked for the second time finds a branch.
    const bin = join(directory(), 'bin');
    const real = (await runOrThrow('which', ['git'])).stdout.trim();
    const count = join(directory(), 'asked');
    const first = `${real} -C ${remote.work} push --quiet ${bare} HEAD:refs/heads/main`;
    await mkdir(bin);
    await writeFile(
      join(bin, 'git'),
      `#!/bin/sh\ncase "$*" in *ls-remote*--heads*) [ -e ${count} ] || { : >${count}; env -u GIT_ALLOW_PROTOCOL ${first} >&2; } ;; esac\nexec ${real} "$@"\n`,
      { mode: 0o755 },
    );
    const target = await open(`file://${bare}`, { PATH: `${bin}:${process.env['PATH']}` });
    assert.deepEqual([target.branch, target.commit], ['main', start]);
    await target.close();
  });

  it('may name its objects by SHA-256', async () => {
    const bare = join(directory(), 'modern.git');
    const work = join(directory(), 'modern');
    const options = { env: PUSHER };
    const init = ['init', '--quiet', '--object-format=sha256', '--initial-branch=main'];
    await runOrThrow('git', [...init, '--bare', bare], options);
    await runOrThrow('git', [...init, work], options);
    await writeFile(join(work, 'README.md'), 'x');
    await runOrThrow('git', ['-C', work, 'add', '.'], options);
    await runOrThrow('git', ['-C', work, 'commit', '--quiet', '-m', 'one'], options);
    await runOrThrow('git', ['-C', work, 'push', '--quiet', bare, 'main'], options);
    await runOrThrow('git', ['-C', bare, 'config', 'uploadpack.allowFilter', 'true'], options);
    for (const repository of [bare, `file://${bare}`]) {
      const target = await open(repository);
      const commit = await target.commitFiles(
        [{ path: `${repository.length}`, bytes: BYTES }],
        'x\n',
      );
      assert.equal((await target.push(commit)).kind, 'pushed');
      await target.close();
    }
    await runOrThrow('git', ['-C', bare, 'fsck', '--strict'], options);
  });
});
