import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join, relative } from 'node:path';
import {
  type GitSourceOptions,
  createGitSource,
} from '../../../../../generator/sources/git/git.ts';
import {
  type RemoteAccess,
  gitEnvironment,
} from '../../../../../generator/sources/git/processes/git-environment.ts';
import type { Source } from '../../../../../generator/sources/source.ts';
import { eventually } from '../../../../kit/eventually.ts';
import { freePort } from '../../../../kit/process/free-port.ts';
import { type GitRemote, makeGitRemote } from '../../../../kit/remote/git-remote.ts';
import { runOrThrow } from '../../../../kit/process/run.ts';
import { useTemporary } from '../../../../kit/temporary.ts';
import { describeWith } from '../../../../with-tools.ts';

const TOKEN = 's3cret-t0ken';

const failure = async (refresh: Promise<unknown>): Promise<string> => {
  const error: unknown = await refresh.catch((reason: unknown) => reason);
  assert.ok(error instanceof Error);
  assert.equal(error.name, 'SourceError');
  return `${error.stack} ${String(error.cause)} ${JSON.stringify(error)}`;
};

describe('the environment of git', () => {
  const cases: Readonly<Record<string, readonly [name: string, value: string, kept: boolean]>> = {
    'keeps PATH': ['PATH', '/bin', true],
    'keeps HOME, where ssh has its keys': ['HOME', '/home/x', true],
    'keeps a proxy': ['https_proxy', 'http://127.0.0.1:1', true],
    'keeps a chosen program in place of ssh': ['GIT_SSH_COMMAND', 'plink -batch', true],
    'keeps what that program is': ['GIT_SSH_VARIANT', 'plink', true],
    'keeps a chosen certificate authority': ['GIT_SSL_CAINFO', '/ca.pem', true],
    'keeps a chosen configuration': ['GIT_CONFIG_GLOBAL', '/dev/null', true],
    'drops the repository of a hook': ['GIT_DIR', '/x', false],
    'drops another work tree': ['GIT_WORK_TREE', '/x', false],
    'drops other objects': ['GIT_OBJECT_DIRECTORY', '/x', false],
    'drops settings of a caller': ['GIT_CONFIG_PARAMETERS', "'core.pager=x'", false],
    'drops numbered settings of a caller': ['GIT_CONFIG_KEY_99', 'core.pager', false],
    'drops the lack of certificate checks': ['GIT_SSL_NO_VERIFY', '1', false],
    'drops who asks for passwords': ['GIT_ASKPASS', '/x', false],
    'drops who asks ssh for passwords': ['SSH_ASKPASS', '/x', false],
    'drops tracing, which would print the token': ['GIT_TRACE_CURL', '1', false],
    'drops an editor': ['EDITOR', 'vi', false],
    'drops a pager': ['PAGER', 'less', false],
  };
  for (const [title, [name, value, kept]] of Object.entries(cases)) {
    it(title, () => {
      const environment = gitEnvironment({ [name]: value }, undefined);
      assert.equal(environment[name], kept ? value : undefined);
    });
  }

  it('asks nobody, in English, over these protocols only', () => {
    const environment = gitEnvironment(
      { LC_ALL: 'de_DE.UTF-8', GIT_ALLOW_PROTOCOL: 'ext' },
      undefined,
    );
    assert.equal(environment['GIT_TERMINAL_PROMPT'], '0');
    assert.equal(environment['GIT_NO_REPLACE_OBJECTS'], '1');
    assert.match(environment['GIT_SSH_COMMAND'] ?? '', /^ssh -oBatchMode=yes /);
    assert.equal(environment['LC_ALL'], 'C');
    assert.equal(environment['GIT_ALLOW_PROTOCOL'], 'file:git:http:https:ssh');
  });

  const TIMES = '-oConnectTimeout=20 -oServerAliveInterval=10 -oServerAliveCountMax=3';
  const SSH: readonly (readonly [
    base: object,
    access: RemoteAccess,
    command: string | undefined,
  ])[] = [
    [{}, {}, `ssh -oBatchMode=yes ${TIMES}`],
    [{ GIT_SSH_COMMAND: 'ssh -i key' }, {}, `ssh -i key -oBatchMode=yes ${TIMES}`],
    [{ GIT_SSH_COMMAND: '/opt/ssh' }, {}, `/opt/ssh -oBatchMode=yes ${TIMES}`],
    [{ GIT_SSH_COMMAND: 'ssh.sh -x' }, {}, 'ssh.sh -x'],
    [
      { GIT_SSH_COMMAND: './ssh.sh', GIT_SSH_VARIANT: 'ssh' },
      {},
      `./ssh.sh -oBatchMode=yes ${TIMES}`,
    ],
    [{ GIT_SSH_COMMAND: 'ssh', GIT_SSH_VARIANT: 'simple' }, {}, 'ssh'],
    [{ GIT_SSH: '/opt/ssh' }, {}, `'/opt/ssh' -oBatchMode=yes ${TIMES}`],
    [{ GIT_SSH: '/opt/plink' }, {}, undefined],
    [
      { GIT_SSH_COMMAND: 'plink', GIT_SSH: 'x', GIT_SSH_VARIANT: 'plink' },
      { sshKeyFile: "/it's 5%" },
      `ssh -oBatchMode=yes ${TIMES} '-oIdentityFile="/it'\\''s 5%%"' -oIdentitiesOnly=yes`,
    ],
  ];
  for (const [base, access, command] of SSH) {
    it(`has git run ${command} for ${JSON.stringify([base, access])}`, () => {
      const environment = gitEnvironment({ ...base }, access);
      assert.equal(environment['GIT_SSH_COMMAND'], command);
    });
  }

  it('names the file of the token, for one host alone', () => {
    const token = { url: 'https://git.example:8443/team/x.git', path: '/run/token' };
    const environment = gitEnvironment({}, { token });
    assert.equal(environment['LOOKASIDE_GIT_TOKEN_FILE'], '/run/token');
    const keys = Object.entries(environment).filter(([name]) => name.startsWith('GIT_CONFIG_KEY'));
    const helpers = keys.map(([, key]) => key).filter((key) => key.includes('helper'));
    assert.deepEqual([...new Set(helpers)], ['credential.https://git.example:8443.helper']);
  });
});

describeWith(['git', 'git-http-backend'], 'git in its environment', () => {
  const directory = useTemporary();
  let remote: GitRemote;
  let source: Source | undefined;
  const open = async (options: Partial<GitSourceOptions>): Promise<Source> => {
    await source?.close();
    source = await createGitSource({
      url: remote.fileUrl,
      branch: 'main',
      path: '',
      stateDirectory: join(directory(), 'state'),
      tokenFile: undefined,
      environment: process.env,
      ...options,
    });
    return source;
  };
  const writeToken = async (content: string): Promise<string> => {
    const path = join(directory(), 'token');
    await writeFile(path, content);
    return path;
  };

  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ x: 'x' });
  });
  afterEach(async () => {
    await source?.close();
    source = undefined;
    await remote.remove();
  });

  for (const [what, content] of [
    ['a token', TOKEN],
    ['a token with a newline', `${TOKEN}\n`],
    ['a token as Windows writes it', ` ${TOKEN}\r\n`],
    ['a token with more lines', `${TOKEN}\nsecond line\n`],
  ] as const) {
    it(`fetches with ${what}, and sees it rotated`, async () => {
      const { url } = await remote.serveHttp({ token: TOKEN });
      const tokenFile = await writeToken('old');
      const fetching = await open({ url, tokenFile });
      assert.doesNotMatch(await failure(fetching.refresh()), /s3cret/);
      await writeToken(content);
      assert.ok((await fetching.refresh()).commit);
    });
  }

  it('finds a token file that is named from the working directory', async () => {
    const { url } = await remote.serveHttp({ token: TOKEN });
    const tokenFile = relative(process.cwd(), await writeToken(TOKEN));
    assert.ok((await (await open({ url, tokenFile })).refresh()).commit);
  });

  it('does not fall back to the passwords of the user', async () => {
    const { url } = await remote.serveHttp({ token: TOKEN });
    const helper = join(directory(), 'helper');
    await writeFile(helper, `#!/bin/sh\ntouch ${directory()}/asked\necho password=${TOKEN}\n`);
    await chmod(helper, 0o755);
    const config = join(directory(), 'gitconfig');
    await writeFile(config, `[credential]\n\thelper = ${helper}\n[core]\n\taskPass = ${helper}\n`);
    const environment = { ...process.env, GIT_CONFIG_GLOBAL: config, GIT_ASKPASS: helper };
    const tokenFile = await writeToken('wrong');
    const message = await failure((await open({ url, tokenFile, environment })).refresh());
    assert.match(message, /Authentication failed/);
    assert.ok(!(await readdir(directory())).includes('asked'));
  });

  it('fails on a wrong token, without asking', async () => {
    const { url } = await remote.serveHttp({ token: TOKEN });
    const tokenFile = await writeToken('wr0ng-t0ken');
    const message = await failure((await open({ url, tokenFile })).refresh());
    assert.match(message, /Authentication failed/);
    assert.doesNotMatch(message, /wr0ng/);
  });

  it('says so when the token file is not there', async () => {
    const { url } = await remote.serveHttp({ token: TOKEN });
    const tokenFile = join(directory(), 'none');
    const message = await failure((await open({ url, tokenFile })).refresh());
    assert.ok(message.includes(`cannot open '${tokenFile}'`), message);
  });

  it('shows the token in no argument and no variable', async () => {
    const server = createServer();
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    // Answers 401, so that git asks for the token, and then never again.
    let requests = 0;
    const sockets: Socket[] = [];
    server.on('connection', (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => {
        if (requests++ > 0) return;
        const basic = 'WWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\nConnection: close';
        socket.end(`HTTP/1.1 401 Unauthorized\r\n${basic}\r\n\r\n`);
      });
    });
    const tokenFile = await writeToken(TOKEN);
    const fetching = (await open({ url: `http://127.0.0.1:${port}/x.git`, tokenFile })).refresh();
    const failed = assert.rejects(fetching, { name: 'SourceError' });
    try {
      await eventually(() => assert.ok(requests > 1, 'not yet'));
      const seen = await gitProcesses(port);
      assert.ok(seen.length > 0);
      for (const text of seen) assert.ok(!text.includes(TOKEN), text);
    } finally {
      server.close();
      for (const socket of sockets) socket.destroy();
    }
    await failed;
  });

  it('keeps the token from other hosts', async () => {
    const { url } = await remote.serveHttp({ token: TOKEN });
    const elsewhere = await makeGitRemote();
    const other = await elsewhere.serveHttp({ token: TOKEN });
    const token = { url, path: await writeToken(TOKEN) };
    const env = gitEnvironment(process.env, { token });
    await runOrThrow('git', ['ls-remote', url], { env });
    await assert.rejects(
      runOrThrow('git', ['ls-remote', other.url], { env }),
      /could not read Username/,
    );
    await elsewhere.remove();
  });

  it('works for someone whose environment names editors, pagers and repositories', async () => {
    const environment = {
      ...process.env,
      EDITOR: 'vi',
      VISUAL: 'vi',
      PAGER: 'less',
      GIT_EDITOR: 'vi',
      GIT_PAGER: 'less',
      GIT_DIR: '/nowhere',
      GIT_WORK_TREE: '/nowhere',
      GIT_INDEX_FILE: '/nowhere',
      GIT_ASKPASS: '/nowhere',
      SSH_ASKPASS: '/nowhere',
      PREFIX: '/usr',
    };
    assert.ok((await (await open({ environment })).refresh()).commit);
  });

  for (const url of ['ext::sh -c touch% MARK', 'fd::0', '--upload-pack=touch MARK', '-x']) {
    it(`runs nothing for the URL ${url}`, async () => {
      const mark = join(directory(), 'mark');
      await failure((await open({ url: url.replace('MARK', mark) })).refresh());
      assert.ok(!(await readdir(directory())).includes('mark'));
    });
  }

  for (const branch of [
    '--upload-pack=touch MARK',
    'main:refs/heads/other',
    '*',
    '../x',
    'a b',
    '$(touch MARK)',
    'é',
    'HEAD',
  ]) {
    it(`does no harm with the branch ${branch}`, async () => {
      const mark = join(directory(), 'mark');
      const named = branch.replace('MARK', mark);
      await failure((await open({ branch: named })).refresh());
      assert.ok(!(await readdir(directory())).includes('mark'));
    });
  }

  it('says so when git is too old, or not there', async () => {
    const git = join(directory(), 'git');
    const environment = { ...process.env, PATH: `${directory()}:/usr/bin:/bin` };
    await writeFile(git, '#!/bin/sh\necho git version 2.30.2\n', { mode: 0o755 });
    await assert.rejects(open({ environment }), {
      message: 'git 2.30.2 is too old: expected 2.31 or newer',
      hint: 'install a newer git, or put its directory first into PATH',
    });
    await assert.rejects(open({ environment: { PATH: '/nowhere' } }), {
      message: 'cannot start git version: there is no such program (ENOENT)',
      hint: 'install git, or put its directory into PATH',
    });
  });

  it('runs no hook, of the user or of the clone', async () => {
    const hooks = join(directory(), 'hooks');
    const mark = join(directory(), 'mark');
    await runOrThrow('mkdir', [hooks]);
    const names = ['reference-transaction', 'post-checkout', 'pre-auto-gc', 'post-merge'];
    for (const name of names) {
      await writeFile(join(hooks, name), `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
    }
    const config = join(directory(), 'gitconfig');
    await writeFile(
      config,
      `[core]\n\thooksPath = ${hooks}\n[init]\n\ttemplateDir = ${directory()}\n`,
    );
    const environment = { ...process.env, GIT_CONFIG_GLOBAL: config };
    const fetching = await open({ environment });
    await fetching.keep(await fetching.refresh());
    const names2 = await readdir(directory(), { recursive: true });
    const clone = names2.find((name) => name.endsWith('.git')) ?? assert.fail();
    await runOrThrow('cp', ['-r', hooks, join(directory(), clone)]);
    await remote.publish({ x: 'y' });
    await fetching.keep(await fetching.refresh());
    assert.ok(!(await readdir(directory())).includes('mark'));
  });
});

/** What other users see, and more, of processes whose arguments name the port. */
async function gitProcesses(port: number): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    if (!command.includes(`127.0.0.1:${port}`) || !command.includes('git')) continue;
    const variables = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '');
    found.push(`${command} ${variables}`);
  }
  return found;
}
