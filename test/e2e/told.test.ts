// What goes wrong with the server itself is told wherever operators look, until it is over.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXAMPLE, TWICE } from '../kit/server/example-server.ts';
import { asNobody } from '../kit/process/as-nobody.ts';
import { startBackground } from '../kit/process/background.ts';
import { makeCertificate } from '../kit/web/certificate-files.ts';
import { eventually } from '../kit/eventually.ts';
import { makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Lookaside, runLookaside, runLookasideProcess } from '../kit/program/lookaside.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useTemporary } from '../kit/temporary.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { describeWith } from '../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

type Told = Pick<Lookaside, 'statusUrl'>;

const kindsOf = async (server: Told): Promise<readonly string[]> =>
  (await readStatus(server)).troubles.map(({ kind }) => kind);

const readMetric = async (server: Told, name: string): Promise<number> => {
  const text = await (await fetch(`${server.statusUrl}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `)) ?? '';
  return Number(line.slice(name.length));
};

const assertTold = async (server: Told, kind: string, message: RegExp): Promise<void> => {
  await eventually(async () => assert.deepEqual(await kindsOf(server), [kind]));
  const [trouble] = (await readStatus(server)).troubles;
  assert.match(trouble?.message ?? '', message);
  assert.ok((trouble?.hint ?? '').length > 0, 'with a cure');
  assert.equal(await readMetric(server, `lookaside_trouble{kind="${kind}"}`), 1);
  const page = await (await fetch(server.statusUrl)).text();
  assert.match(page, /class="state trouble"/);
  assert.match(page, new RegExp(`<li data-key="${kind}">`));
  assert.equal((await fetch(`${server.statusUrl}/readyz`)).status, 200);
};

describe('what is wrong with the server', () => {
  const directory = useTemporary();
  const servers = useLookaside();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  const serve = async (...args: readonly string[]): Promise<Lookaside> => {
    await cp(EXAMPLE, at('source'), { recursive: true });
    return servers.startHere(at('source'), ['--poll', '0s', ...args]);
  };

  const files: readonly (readonly [what: string, flag: string, message: RegExp])[] = [
    ['key file', '--keys', /keys.*in-use/],
    ['webhook secret', '--webhook-secret-file', /--webhook-secret-file.*in-use/],
    ['certificate', '--tls-cert', /--tls-cert.*in-use/],
  ];
  for (const [what, flag, message] of files) {
    it(`is told of a ${what} that is gone at a reload, until one works`, async () => {
      const { cert, key } = await makeCertificate(directory());
      const good = {
        '--keys': join(EXAMPLE, 'keys/release.asc'),
        '--webhook-secret-file': at('secret'),
        '--tls-cert': cert,
      }[flag];
      await writeFile(at('secret'), 'a secret\n');
      await copyFile(good ?? '', at('in-use'));
      const more = flag === '--tls-cert' ? ['--tls-key', key] : [];
      const server = await serve('--state-dir', at('state'), flag, at('in-use'), ...more);
      const before = await readStatus(server);
      assert.deepEqual(before.troubles, []);
      await rename(at('in-use'), at('gone'));
      server.signal('SIGHUP');
      // Keys are read scope by scope, and the rest of a reload does not wait for them.
      await assertTold(server, flag === '--keys' ? 'keys-unusable' : 'reload-failed', message);
      const during = await readStatus(server);
      assert.deepEqual(during.keys, before.keys);
      if (flag !== '--keys') assert.equal(during.reloadedAt, before.reloadedAt);
      // Broken is no better than gone.
      await writeFile(at('in-use'), '');
      server.signal('SIGHUP');
      await eventually(async () => {
        const [trouble] = (await readStatus(server)).troubles;
        assert.notEqual(trouble?.message, during.troubles[0]?.message);
        assert.equal(trouble?.since, during.troubles[0]?.since);
      });
      await rename(at('gone'), at('in-use'));
      server.signal('SIGHUP');
      await eventually(async () => assert.deepEqual(await kindsOf(server), []));
      const reloaded = 'lookaside_last_reload_success_timestamp_seconds';
      const last = await readMetric(server, reloaded);
      assert.ok(last * 1000 > Date.parse(before.reloadedAt));
      assert.equal(Date.parse((await readStatus(server)).reloadedAt), Math.round(last * 1000));
    });
  }

  it('is told of a state directory that is a file, and of lookups nothing is lost', async () => {
    await writeFile(at('file'), '');
    const server = await serve('--state-dir', at('file'));
    await assertTold(
      server,
      'state-directory',
      /file is not a directory|file\/.*ENOTDIR|not a dir/,
    );
    assert.equal((await fetch(`${server.baseUrl}/${TWICE}/signature-1`)).status, 200);
  });

  it('is told of an access log that cannot be written', async () => {
    await cp(EXAMPLE, at('source'), { recursive: true });
    const listen = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
    const args = ['serve', at('source'), ...listen, '--state-dir', at('state')];
    const full = ['-c', 'exec "$@" > /dev/full', 'sh', process.execPath, MAIN, ...args];
    const background = await startBackground('sh', full);
    try {
      const [line] = await background.waitForLine(/^\{.*"msg":"listening".*\}$/);
      const { main, status } = JSON.parse(line) as { main: string; status: string };
      await background.waitForLine(/^lookaside: serving/);
      assert.equal((await fetch(`${main}/${TWICE}/signature-1`)).status, 200);
      await assertTold({ statusUrl: status }, 'access-log', /ENOSPC/);
      assert.equal((await fetch(`${main}/${TWICE}/signature-1`)).status, 200);
    } finally {
      await background.stop('SIGKILL');
    }
  });

  it('is told of a git host that is gone', async () => {
    const remote = await makeGitRemote();
    await remote.publish({ 'README.md': 'x' });
    const server = await servers.startHere(remote.path, [
      '--poll',
      '0s',
      '--state-dir',
      at('state'),
    ]);
    await rename(remote.path, `${remote.path}.gone`);
    await fetch(`${server.statusUrl}/refresh`, { method: 'POST' });
    await eventually(async () => assert.deepEqual(await kindsOf(server), ['refresh-failed']));
    await rename(`${remote.path}.gone`, remote.path);
    await eventually(async () => assert.deepEqual(await kindsOf(server), []));
    await server.stop();
    await remote.remove();
  });
});

describeWith(['git'], 'a directory that cannot be written', () => {
  const servers = useLookaside();
  let closed: string | undefined;
  afterEach('let it be removed', async () => {
    if (closed !== undefined) await chmod(closed, 0o700);
  });
  const directory = useTemporary();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  beforeEach('make one of each kind', async () => {
    await chmod(directory(), 0o755);
    await mkdir(at('read-only'), { mode: 0o555 });
    await mkdir(at('closed'), { mode: 0o700 });
    await mkdir(at('closed', 'state'));
    closed = at('closed');
    await chmod(closed, 0o400);
    await writeFile(at('file'), '');
  });
  const states = ['read-only', 'read-only/state', 'closed/state', 'file', 'file/state'];

  for (const state of states) {
    it(`does not keep a directory from being served (${state})`, async () => {
      await asNobody(async () => {
        const server = await servers.start(EXAMPLE, ['--poll', '0s', '--state-dir', at(state)]);
        const [trouble] = (await readStatus(server)).troubles;
        assert.equal(trouble?.kind, 'state-directory');
        assert.ok(trouble.message.includes(at(state)), trouble.message);
        assert.match(trouble.hint ?? '', /--state-dir/);
        assert.match(server.stderr(), /the checkpoint cannot be written/);
        // access(2) asks what the real user may, who is still root here.
        if (state !== 'read-only') {
          assert.match(
            server.stderr(),
            /"hint":"make the directory of --state-dir.*nothing is kept/,
          );
        }
        await server.stop('SIGKILL');
      });
    });

    it(`is named where git needs it (${state})`, async () => {
      const remote = await makeGitRemote();
      await remote.publish({ 'README.md': 'x' });
      await asNobody(async () => {
        const args = ['serve', remote.path, '--state-dir', at(state)];
        const { code, stderr } = await runLookasideProcess(args);
        assert.equal(code, 2);
        const lines = stderr
          .trimEnd()
          .split('\n')
          .filter((line) => !line.startsWith('{'));
        assert.equal(lines.length, 2, stderr);
        assert.match(lines[0] ?? '', /^lookaside: cannot (?:make|work in) /);
        assert.ok(lines[0]?.includes(at(state)), stderr);
        assert.match(lines[1] ?? '', /^hint: .*writ/);
      });
      await remote.remove();
    });
  }

  it('is named where git needs it, also one that was used before', async () => {
    const remote = await makeGitRemote();
    await remote.publish({ 'README.md': 'x' });
    const used = createHash('sha256').update(remote.path).digest('hex').slice(0, 16);
    await mkdir(at('state'));
    await mkdir(at('state', used), { mode: 0o555 });
    await asNobody(async () => {
      const args = ['serve', remote.path, '--state-dir', at('state')];
      const { code, stderr } = await runLookasideProcess(args);
      assert.equal(code, 2);
      assert.match(stderr, /^lookaside: cannot work in .*state: EACCES: /m);
      assert.match(stderr, /^hint: make .*state writable for the user that runs lookaside/m);
    });
    await remote.remove();
  });

  it('is named by each command that needs a temporary one', async () => {
    const commands = [
      ['check', EXAMPLE],
      ['show', join(EXAMPLE, TWICE, 'signature-1')],
      ['generate', EXAMPLE, '--out', at('out')],
      ['serve', EXAMPLE, '--state-dir', at('state')],
      ['explain', `a.example/b@sha256:${'0'.repeat(64)}`, `${EXAMPLE}/../.git`],
    ];
    for (const args of commands) {
      const { code, stderr } = await runLookaside(args, { env: { TMPDIR: at('missing') } });
      assert.equal(code, 2, `${args[0]}: ${stderr}`);
      assert.match(stderr, /lookaside: cannot make a temporary directory: ENOENT/, args[0]);
      assert.match(stderr, /^hint: set TMPDIR to a directory that can be written$/m);
    }
  });
});
