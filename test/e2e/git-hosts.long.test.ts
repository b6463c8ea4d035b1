// Git hosts as production has them: which of several settings wins, every command over ssh and TLS, and hosts
// that hang.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../kit/eventually.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { sendPush } from '../kit/program/send-push.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type GitHttps, serveGitHttps } from '../kit/remote/git-https.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type GitSsh, startGitSsh } from '../kit/remote/git-ssh.ts';
import { stallAfter } from '../kit/remote/stalling-proxy.ts';
import { EXAMPLE, TWICE } from '../kit/server/example-server.ts';
import { useTemporary } from '../kit/temporary.ts';
import { Authority } from '../kit/web/authority.ts';
import { startForwardProxy } from '../kit/web/forward-proxy.ts';
import { ask } from '../kit/web/raw-http.ts';
import { describeWith } from '../with-tools.ts';

const [FIRST, SECOND] = [`${TWICE}/signature-1`, `${TWICE}/signature-2`];
const IMAGE = `registry.example.com/${TWICE.replace('=', ':')}`;
const SECRET = 's3cret';
const PUSHER = {
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@b',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@b',
};

describeWith(['git', 'git-http-backend', 'sshd', 'openssl', 'apache2'], 'git hosts', () => {
  const lookaside = useLookaside();
  const directory = useTemporary();
  const at = (name: string): string => join(directory(), name);
  let remote: GitRemote;
  let ssh: GitSsh;
  let https: GitHttps;
  let authority: Authority;

  const publish = async (path: string): Promise<string> =>
    remote.publish({ [path]: await readFile(join(EXAMPLE, path)) });
  const withKey = (): readonly string[] => [
    '--git-ssh-key-file',
    ssh.keyFile,
    '--git-known-hosts-file',
    ssh.knownHostsFile,
  ];
  /** The configuration of git of a user. */
  const configure = async (text: string): Promise<Record<string, string>> => {
    await writeFile(at('gitconfig'), text);
    return { GIT_CONFIG_GLOBAL: at('gitconfig') };
  };

  beforeEach(async () => {
    remote = await makeGitRemote();
    await publish(FIRST);
    ssh = await startGitSsh();
    authority = await Authority.make(directory());
    https = await serveGitHttps(remote.path, await authority.issue('IP:127.0.0.1'));
  });
  afterEach(async () => {
    await Promise.all([ssh.stop(), https.stop()]);
    await remote.remove();
  });

  it('let every command in that takes a SOURCE, and pushes', async () => {
    const ways: readonly (readonly [url: string, args: readonly string[]])[] = [
      [ssh.urlOf(remote.path), withKey()],
      [https.url, ['--git-ca-file', authority.file]],
    ];
    for (const [url, args] of ways) {
      const env = { SSH_AUTH_SOCK: undefined };
      const generated = await runLookaside(['generate', url, '--out', at('out'), ...args], { env });
      assert.equal(generated.code, 0, generated.stderr);
      const explained = await runLookaside(['explain', IMAGE, url, ...args], { env });
      assert.match(explained.stdout, /^signature: +1, for /m, explained.stderr);
      const state = ['--state-dir', at(`state-${args.length}`), '--poll', '0s'];
      const { baseUrl } = await lookaside.startHere(url, [...state, ...args], { env });
      assert.equal((await ask(baseUrl, 'GET', `/${FIRST}`)).status, 200);
    }
    const keys = ['--keys', join(EXAMPLE, 'keys')];
    const to = ['--to', ssh.urlOf(remote.path), ...withKey()];
    await mkdir(at('staging'));
    const pushed = await runLookaside(
      ['push', join(EXAMPLE, SECOND), ...keys, ...to, '--dry-run'],
      {
        env: { ...PUSHER, GIT_SSH_COMMAND: 'false', SSH_AUTH_SOCK: undefined },
      },
    );
    assert.doesNotMatch(pushed.stderr, /git \S+ failed/);
  });

  describe('of several settings', () => {
    it('those of the program win over GIT_SSH_COMMAND and core.sshCommand', async () => {
      const env = await configure('[core]\n\tsshCommand = false\n');
      assert.equal(
        await check(ssh.urlOf(remote.path), { ...env, GIT_SSH_COMMAND: 'false' }, withKey()),
        0,
      );
      assert.equal(await check(ssh.urlOf(remote.path), { ...env, GIT_SSH: 'false' }, withKey()), 0);
    });

    it('GIT_SSH_COMMAND is obeyed, and core.sshCommand is not, where a source is read', async () => {
      assert.equal(await check(ssh.urlOf(remote.path), ssh.environment), 0);
      const command = ssh.environment['GIT_SSH_COMMAND'] ?? '';
      const env = await configure(`[core]\n\tsshCommand = ${command}\n`);
      assert.equal(await check(ssh.urlOf(remote.path), { ...env, HOME: at('home') }), 2);
    });

    it('core.sshCommand is obeyed where signatures are pushed, and GIT_SSH_COMMAND before it', async () => {
      const command = ssh.environment['GIT_SSH_COMMAND'] ?? '';
      const push = async (env: Record<string, string | undefined>): Promise<string> => {
        const words = ['push', join(EXAMPLE, SECOND), '--to', ssh.urlOf(remote.path), '--dry-run'];
        return (await runLookaside(words, { env: { ...PUSHER, ...env } })).stderr;
      };
      const good = await configure(`[core]\n\tsshCommand = ${command}\n`);
      assert.doesNotMatch(await push(good), /git \S+ failed/);
      assert.match(await push({ ...good, GIT_SSH_COMMAND: 'false' }), /git ls-remote failed/);
    });

    it('the limits of time are put behind the command of the user, whose own limits win', async () => {
      const wrapper = `${at('bin')}/ssh`;
      await mkdir(at('bin'));
      const { GIT_SSH_COMMAND: command = '' } = ssh.environment;
      const script = `#!/bin/sh\necho "$@" >>'${at('calls')}'\nexec ${command} "$@"\n`;
      await writeFile(wrapper, script, { mode: 0o755 });
      assert.equal(
        await check(ssh.urlOf(remote.path), { GIT_SSH_COMMAND: `${wrapper} -oConnectTimeout=7` }),
        0,
      );
      const [call = ''] = (await readFile(at('calls'), 'utf8')).split('\n');
      const times = '-oConnectTimeout=20 -oServerAliveInterval=10 -oServerAliveCountMax=3';
      assert.ok(call.startsWith(`-oConnectTimeout=7 -oBatchMode=yes ${times} `), call);
    });

    it('--git-ca-file wins over GIT_SSL_CAINFO and http.sslCAInfo, which are obeyed without it', async () => {
      const { url } = https;
      const wrong = await configure(`[http]\n\tsslCAInfo = ${at('none.pem')}\n`);
      const option = ['--git-ca-file', authority.file];
      assert.equal(await check(url, wrong, option), 0);
      assert.equal(await check(url, { GIT_SSL_CAINFO: at('none.pem') }, option), 0);
      assert.equal(await check(url, { GIT_SSL_CAINFO: authority.file, ...wrong }), 0);
      assert.equal(
        await check(url, await configure(`[http]\n\tsslCAInfo = ${authority.file}\n`)),
        0,
      );
      assert.equal(await check(url, {}), 2);
    });
  });

  it('are found with keys and known hosts that have spaces and percent signs in their names', async () => {
    const [key, hosts] = [at('a key %h'), at('known hosts %d')];
    await copyFile(ssh.keyFile, key);
    await copyFile(ssh.knownHostsFile, hosts);
    const args = ['--git-ssh-key-file', key, '--git-known-hosts-file', hosts];
    const { code, stderr } = await runLookaside(['check', ssh.urlOf(remote.path), ...args], {
      env: { SSH_AUTH_SOCK: undefined, HOME: at('home') },
    });
    assert.equal(code, 0, stderr);
  });

  it('are reached through a proxy that wants a login', async () => {
    const proxy = await startForwardProxy(https.port, 'user', 'password');
    const url = `http://user:password@${proxy.address}`;
    const env = { https_proxy: url, HTTPS_PROXY: url, no_proxy: '', NO_PROXY: '' };
    const args = ['check', https.url, '--git-ca-file', authority.file];
    const { code, stderr } = await runLookaside(args, { env });
    await proxy.stop();
    assert.equal(code, 0, stderr);
  });

  it('that hang are given up when a push is told, and what was good is served on', async () => {
    const host = await remote.serveHttp();
    const proxy = await stallAfter(Infinity, host.url);
    await writeFile(at('secret'), SECRET);
    const options = [
      '--state-dir',
      at('state'),
      '--poll',
      '0s',
      '--webhook-secret-file',
      at('secret'),
    ];
    const server = await lookaside.startHere(proxy.url, options);
    const { baseUrl } = server;
    const push = async (after: string) => sendPush({ baseUrl, secret: SECRET, after });
    proxy.stall();
    await push(await publish(SECOND));
    await proxy.stalled;
    await push(await remote.publish({ x: 'x' }));
    assert.equal((await ask(server.baseUrl, 'GET', `/${FIRST}`)).status, 200);
    await server.waitForLine(/refresh failed: .* was stopped: it said nothing for 5 s/);
    proxy.release();
    await eventually(async () =>
      assert.equal((await ask(server.baseUrl, 'GET', `/${SECOND}`)).status, 200),
    );
    // What is served is published before the refresh has come to its end.
    await eventually(async () => assert.equal((await readStatus(server)).lastError, null));
    await proxy.stop();
  });

  it('that say nothing over ssh are given up after a while', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const { code, stderr } = await runLookaside(['check', `ssh://git@127.0.0.1:${port}/x.git`]);
    assert.equal(code, 2);
    assert.match(stderr, /timed out/);
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
});

/** The exit code of `check`. */
async function check(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
  args: readonly string[] = [],
): Promise<number | null> {
  const own = { GIT_SSL_CAINFO: undefined, ...env };
  return (await runLookaside(['check', url, ...args], { env: own })).code;
}
