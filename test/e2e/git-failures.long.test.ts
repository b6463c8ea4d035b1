// Each way in which git fails, made by the real thing: sshd, TLS with an authority of its own, a proxy, disks.
// What people read is the line that says it, and the cure.
import assert from 'node:assert/strict';
import { chmod, chown, copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { join } from 'node:path';
import { createGitSource } from '../../generator/sources/git/git.ts';
import { toGitError } from '../../generator/sources/git/processes/git-error.ts';
import { GIT_FAILURES, ownerCure } from '../../generator/sources/git/processes/git-failures.ts';
import { freePort } from '../kit/process/free-port.ts';
import { run, runOrThrow } from '../kit/process/run.ts';
import { SmallDisk } from '../kit/process/small-disk.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { type GitHttps, serveGitHttps } from '../kit/remote/git-https.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type GitSsh, startGitSsh } from '../kit/remote/git-ssh.ts';
import { useTemporary } from '../kit/temporary.ts';
import { Authority } from '../kit/web/authority.ts';
import { startForwardProxy } from '../kit/web/forward-proxy.ts';
import { describeWith, toolPath } from '../with-tools.ts';

type Failure = keyof typeof GIT_FAILURES;
/** How it is made to happen: the SOURCE, and what else is given. */
interface Case {
  readonly source: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where it says more than the usual one. */
  readonly hint?: string;
}

const TOOLS = [
  'git',
  'git-http-backend',
  'sshd',
  'openssl',
  'apache2',
  'faketime',
  'setpriv',
] as const;

describeWith(TOOLS, 'a git that fails', () => {
  const directory = useTemporary();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  const servers: Server[] = [];
  let remote: GitRemote;
  let ssh: GitSsh;
  let https: GitHttps;
  let authority: Authority;

  const listen = async (server: Server): Promise<number> => {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const answerWith = async (listener: RequestListener): Promise<string> =>
    `http://127.0.0.1:${await listen(createHttpServer(listener))}`;
  const answerStatus = async (status: number): Promise<Case> => ({
    source: `${await answerWith((_request, response) => response.writeHead(status).end())}/x.git`,
  });
  /** By a command of the user. */
  const overSsh = (options: readonly string[]): Case => ({
    source: ssh.urlOf(remote.path),
    env: {
      GIT_SSH_COMMAND: ['ssh -F none', ...options.map((option) => `-o${option}`)].join(' '),
    },
  });
  const knownHosts = (): string => `UserKnownHostsFile=${ssh.knownHostsFile}`;
  const writeKnownHosts = async (name: string, host: string): Promise<string> => {
    await runOrThrow('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('other')]);
    const [type, key] = (await readFile(at('other.pub'), 'utf8')).split(' ');
    await writeFile(at(name), `${host} ${type} ${key}\n`);
    return at(name);
  };
  const withHosts = (file: string): Case => ({
    source: ssh.urlOf(remote.path),
    args: ['--git-ssh-key-file', ssh.keyFile, '--git-known-hosts-file', file],
  });
  /** A directory for PATH with some programs in it. */
  const pathWith = async (...programs: readonly string[]): Promise<string> => {
    await mkdir(at('bin'));
    for (const name of programs) {
      const { stdout } = await runOrThrow('sh', ['-c', `command -v ${name}`]);
      await symlink(stdout.trim(), at('bin', name));
    }
    return at('bin');
  };
  const makeBundle = async (...refs: readonly string[]): Promise<string> => {
    await remote.gitBare('bundle', 'create', '--quiet', at('x.bundle'), ...refs);
    return at('x.bundle');
  };

  before(async () => {
    remote = await makeGitRemote();
    await remote.publish({ x: 'x' });
    await remote.publish({ y: 'y' });
  });
  after(() => remote.remove());
  beforeEach(async () => {
    ssh = await startGitSsh();
    authority = await Authority.make(directory());
    https = await serveGitHttps(remote.path, await authority.issue('IP:127.0.0.1'));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close();
    await Promise.all([ssh.stop(), https.stop()]);
  });

  const CASES: Readonly<
    Record<Exclude<Failure, 'git-missing' | 'disk-full' | 'certificate-time'>, () => Promise<Case>>
  > = {
    'ssh-missing': async () => ({
      source: ssh.urlOf(remote.path),
      env: { PATH: await pathWith('git', 'sh', 'setsid', 'sleep') },
    }),
    'dubious-ownership': async () => {
      await runOrThrow('cp', ['-r', remote.path, at('other.git')]);
      await chown(at('other.git'), 65_534, 65_534);
      const env = { GIT_CONFIG_GLOBAL: '/dev/null', HOME: undefined };
      return { source: at('other.git'), env, hint: ownerCure(at('other.git'), '') };
    },
    'host-key-changed': async () =>
      withHosts(await writeKnownHosts('changed', `[127.0.0.1]:${ssh.port}`)),
    'host-key-unknown': async () => withHosts(await writeKnownHosts('unknown', 'git.example')),
    'key-permissions': async () => {
      await copyFile(ssh.keyFile, at('open'));
      await chmod(at('open'), 0o644);
      return overSsh([knownHosts(), `IdentityFile=${at('open')}`, 'IdentitiesOnly=yes']);
    },
    'key-unusable': async () => {
      await writeFile(at('broken'), 'no key\n', { mode: 0o600 });
      return overSsh([knownHosts(), `IdentityFile=${at('broken')}`, 'IdentitiesOnly=yes']);
    },
    'no-such-user': async () => ({
      source: ssh.urlOf(remote.path),
      env: {
        GIT_SSH_COMMAND: `${toolPath('setpriv')} --reuid 12345 --clear-groups ssh`,
        GIT_SSH_VARIANT: 'ssh',
      },
    }),
    'key-refused': async () => {
      await runOrThrow('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('stranger')]);
      const { source } = withHosts('');
      const args = ['--git-ssh-key-file', at('stranger')];
      return { source, args: [...args, '--git-known-hosts-file', ssh.knownHostsFile] };
    },
    'proxy-login': async () => {
      const proxy = await startForwardProxy(https.port, 'user', 'password');
      stops.push(proxy.stop);
      return { source: https.url, env: proxied(`http://${proxy.address}`) };
    },
    'proxy-unreachable': async () => ({
      source: 'https://git.example/x.git',
      env: proxied(`http://127.0.0.1:${await freePort()}`),
    }),
    'certificate-name': async () => {
      const other = await serveGitHttps(remote.path, await authority.issue('DNS:git.example'));
      stops.push(other.stop);
      return { source: other.url, args: ['--git-ca-file', authority.file] };
    },
    'certificate-unverified': async () => ({ source: https.url }),
    'authorities-unreadable': async () => ({
      source: https.url,
      env: { GIT_SSL_CAINFO: at('none.pem') },
    }),
    'no-tls': async () => ({
      source: (await answerStatus(200)).source.replace('http:', 'https:'),
    }),
    // No name has an empty part, so that nobody is asked.
    'name-unresolved': async () => ({ source: 'ssh://git@no..such.example/x.git' }),
    'connection-refused': async () => ({ source: `http://127.0.0.1:${await freePort()}/x.git` }),
    'timed-out': async () => {
      const port = await listen(createServer());
      const command = 'ssh -F none -oConnectTimeout=1';
      return {
        source: `ssh://git@127.0.0.1:${port}/x.git`,
        env: { GIT_SSH_COMMAND: command },
      };
    },
    'connection-lost': async () => {
      const port = await listen(createServer((socket) => socket.destroy()));
      return { source: `ssh://git@127.0.0.1:${port}/x.git` };
    },
    'login-wanted': async () => {
      const host = await remote.serveHttp({ token: 's3cret' });
      await writeFile(at('token'), 'wrong\n');
      return { source: host.url, args: ['--git-token-file', at('token')] };
    },
    forbidden: async () => answerStatus(403),
    'busy-host': async () => answerStatus(503),
    redirected: async () => {
      return { source: `${await answerWith(login)}/x.git` };
    },
    'no-git-host': async () => {
      const page = '<!doctype html>\n<title>Sign in</title>\n<p>Who are you?</p>\n'.repeat(9);
      return { source: `${await answerWith((_request, response) => response.end(page))}/x.git` };
    },
    'bundle-incomplete': async () => ({ source: await makeBundle('main~1..main') }),
    'bundle-damaged': async () => {
      const path = await makeBundle('main');
      const bytes = await readFile(path);
      await writeFile(path, bytes.subarray(0, -40));
      return { source: path };
    },
    shallow: async () => {
      const clone = [
        'clone',
        '--quiet',
        '--bare',
        '--depth',
        '1',
        remote.fileUrl,
        at('shallow.git'),
      ];
      await runOrThrow('git', clone);
      return { source: at('shallow.git') };
    },
    'no-branch': async () => ({ source: remote.path, args: ['--branch', 'none'] }),
    'not-found': async () => answerStatus(404),
    'no-repository': async () => ({
      ...withHosts(ssh.knownHostsFile),
      source: ssh.urlOf('/none.git'),
    }),
  };
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
  });

  for (const [name, make] of Object.entries(CASES)) {
    it(`says what is wrong, and the cure: ${name}`, async () => {
      const { source, args = [], env = {}, ...known } = await make();
      const language = { LC_ALL: 'de_DE.UTF-8', LANGUAGE: 'de' };
      const { code, stderr } = await runLookaside(['check', source, ...args], {
        env: { ...language, ...env },
      });
      assert.equal(code, 2, stderr);
      const { said, hint } = GIT_FAILURES[name as Failure];
      assert.ok(stderr.includes(`\nhint: ${known.hint ?? hint}\n`), stderr);
      if (name !== 'no-branch') assert.match(stderr, said);
      assert.doesNotMatch(stderr, /\r|u\{d\}/);
    });
  }

  it('says what is wrong, and the cure: git-missing', async () => {
    const PATH = await pathWith('git', 'sh', 'setsid', 'sleep');
    const source = await createGitSource({
      url: remote.path,
      branch: undefined,
      path: '',
      stateDirectory: at('state'),
      environment: { ...process.env, PATH },
    });
    await source.refresh();
    await rm(join(PATH, 'git'));
    await assert.rejects(source.refresh(), { hint: GIT_FAILURES['git-missing'].hint });
    await source.close();
  });

  it('says what is wrong, and the cure: disk-full', async () => {
    await mkdir(at('disk'));
    const disk = (await SmallDisk.mount(at('disk'), 256 * 1024)) ?? assert.fail('no mount');
    const big = await makeGitRemote();
    await big.publish({ big: randomBytes(1024 * 1024) });
    const [command = '', ...words] = disk.wrapper;
    const main = join(import.meta.dirname, '../../dist/cli/main.js');
    const { stderr } = await run(
      command,
      [...words, process.execPath, main, 'check', big.fileUrl],
      {
        env: { TMPDIR: disk.path },
      },
    );
    assert.ok(stderr.includes(`\nhint: ${GIT_FAILURES['disk-full'].hint}\n`), stderr);
    await Promise.all([disk.unmount(), big.remove()]);
  });

  it('knows what OpenSSL says of certificates, where curl in git has that', async () => {
    const ca = await readFile(authority.file);
    const old = await serveGitHttps(
      remote.path,
      await authority.issue('IP:127.0.0.1', '2020-01-01'),
    );
    stops.push(old.stop);
    const expired = toGitError('ls-remote', await sayAsCurl(old, ca));
    assert.equal(expired.hint, GIT_FAILURES['certificate-time'].hint, expired.message);
    const unknown = toGitError('ls-remote', await sayAsCurl(https));
    assert.equal(unknown.hint, GIT_FAILURES['certificate-unverified'].hint, unknown.message);
  });
});

function proxied(url: string): Record<string, string> {
  return { https_proxy: url, HTTPS_PROXY: url, no_proxy: '', NO_PROXY: '' };
}

/** Sends everybody to a page that is no repository. */
const login: RequestListener = ({ url }, response) => {
  if (url === '/login') response.end('<title>Sign in</title>');
  else response.writeHead(302, { Location: '/login' }).end();
};

/** What curl with OpenSSL says of a certificate, which Node has from there too. */
async function sayAsCurl(host: GitHttps, ca?: Buffer): Promise<string> {
  const asked = request(host.url, { ...(ca && { ca }) });
  asked.end();
  const [error] = (await once(asked, 'error')) as [Error];
  return `fatal: unable to access '${host.url}/': SSL certificate problem: ${error.message}`;
}
