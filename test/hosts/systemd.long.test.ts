// The units as they are shipped, run by a real systemd.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { eventually } from '../kit/eventually.ts';
import { isRoot } from '../kit/node/node-root.ts';
import { freePort } from '../kit/process/free-port.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { type SteadyFile, SteadyLookups, type WrongAnswer } from '../kit/program/steady-lookups.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { EXAMPLE } from '../kit/server/example-server.ts';
import { SystemdHost } from '../kit/systemd/systemd-host.ts';
import { useTemporary } from '../kit/temporary.ts';
import { makeCertificate } from '../kit/web/certificate-files.ts';
import { describeWith } from '../with-tools.ts';

const SERVICE = 'lookaside.service';
const SOCKET = 'lookaside.socket';
/** Of a user's manager; that of the system has it in /var/log. */
const AUDIT_LOG = '/var/lib/log/lookaside/audit.log';
/** Lookups that must go well before and after a restart. */
const ENOUGH = 100;

describeWith(
  [
    'systemd-analyze',
    'systemd-notify',
    'systemd-sysusers',
    'unshare',
    'nsenter',
    'git-http-backend',
  ],
  'the units under systemd',
  () => {
    const directory = useTemporary('suite');
    let host: SystemdHost;
    let remote: GitRemote;
    let files: readonly SteadyFile[];
    let url: string;
    let statusUrl: string;
    let settings: Record<string, unknown>;

    before('start a host', async function startHost() {
      if (!isRoot) this.skip();
      remote = await makeGitRemote();
      files = await readExample();
      const [port, statusPort] = [await freePort(), await freePort()];
      url = `http://127.0.0.1:${port}`;
      statusUrl = `http://127.0.0.1:${statusPort}`;
      host = await SystemdHost.start();
      const { url: source } = await remote.serveHttp();
      const status = `127.0.0.1:${statusPort}`;
      settings = { source, keys: 'keys', 'status-listen': status, 'audit-log': AUDIT_LOG };
      await configure();
      for (const name of await readdir(join(EXAMPLE, 'keys'))) {
        await host.write(
          `/etc/lookaside/keys/${name}`,
          await readFile(join(EXAMPLE, 'keys', name)),
        );
      }
      const listen = ['[Socket]', 'ListenStream=', `ListenStream=127.0.0.1:${port}`];
      await host.change(SOCKET, 'bench', listen);
    });
    after(async () => {
      await host?.stop();
      await remote?.remove();
    });

    const configure = async (more: object = {}): Promise<void> =>
      host.write('/etc/lookaside/config.yaml', JSON.stringify({ ...settings, ...more }));

    it('are without fault, and leave little to attack', async () => {
      const units = [SERVICE, SOCKET].map((name) => `/usr/lib/systemd/user/${name}`);
      const verified = await host.run('systemd-analyze', 'verify', ...units);
      assert.deepEqual(verified, { code: 0, stdout: '', stderr: '' });
    });

    it('are ready when a state is served, and not before; who connects meanwhile waits', async () => {
      await host.systemctl('start', SOCKET);
      await host.systemctl('start', '--no-block', SERVICE);
      await host.until('StatusText', /^loading: nothing is served yet; troubles: refresh-failed$/);
      assert.equal(await host.show('ActiveState'), 'activating');
      const [{ location, bytes }] = files as [SteadyFile];
      const answer = lookUp({ baseUrl: url }, location);
      assert.equal((await fetch(`${statusUrl}/readyz`)).status, 503);
      const tree = files.map((file) => [file.location, file.bytes] as const);
      const commit = await remote.publish(Object.fromEntries(tree));
      await host.until('ActiveState', /^active$/);
      const { status, bytes: served } = await answer;
      assert.deepEqual([status, served.equals(bytes)], [200, true]);
      const what = 'serving 7 signatures of 3 repositories';
      await host.until('StatusText', new RegExp(`^${what} \\(commit ${commit.slice(0, 12)}\\)$`));
      assert.match(
        await host.log(),
        new RegExp(`^lookaside: serving 7 signatures of 3 repositories on ${url} \\(commit`, 'm'),
      );
    });

    it('say which commit is served', async () => {
      const commit = await remote.publish({ 'NOTES.md': 'new' });
      await fetch(`${statusUrl}/refresh`, { method: 'POST' });
      await host.until('StatusText', new RegExp(`\\(commit ${commit.slice(0, 12)}\\)$`));
    });

    it('have a user of their own, and a state that only it reads', async () => {
      const user = (await host.run('id', '-u', 'lookaside')).stdout.trim();
      const pid = await host.show('MainPID');
      const status = (await host.run('cat', `/proc/${pid}/status`)).stdout;
      assert.match(status, new RegExp(`^Uid:\\t${user}\\t${user}\\t${user}\\t${user}$`, 'm'));
      assert.match(status, /^CapBnd:\t0+$/m);
      assert.match(status, /^NoNewPrivs:\t1$/m);
      const { stdout } = await host.run('stat', '-c', '%U %a', '/var/lib/lookaside');
      assert.equal(stdout, 'lookaside 700\n');
      const logs = await host.run('stat', '-c', '%U %G %a', dirname(AUDIT_LOG), AUDIT_LOG);
      assert.equal(logs.stdout, 'lookaside lookaside 750\nlookaside lookaside 640\n');
    });

    it('read files again at a reload, and go on', async () => {
      const pid = await host.show('MainPID');
      await host.write('/etc/lookaside/keys/security.asc', 'no key');
      await host.systemctl('reload', SERVICE);
      await host.until('StatusText', /troubles: .*keys-unusable/);
      const good = await readFile(join(EXAMPLE, 'keys/security.asc'));
      await host.write('/etc/lookaside/keys/security.asc', good);
      await host.systemctl('reload', SERVICE);
      await host.until('StatusText', /^serving 7 signatures [^;]*$/);
      await host.until('SubState', /^running$/);
      assert.equal(await host.show('MainPID'), pid);
    });

    for (const scheme of ['http', 'https'] as const) {
      it(`lose no connection over restarts, with ${scheme}`, async () => {
        const secure = scheme === 'https' ? await installCertificate(host, directory()) : {};
        await configure(secure);
        await host.systemctl('restart', SERVICE);
        const baseUrl = url.replace('http', scheme);
        const clients = { clients: 8, keep: false, every: 40 };
        const lookups = await SteadyLookups.start({ baseUrl, files, ...clients });
        try {
          await seeEnough(lookups);
          for (let restart = 0; restart < 2; restart++) {
            const pid = await host.show('MainPID');
            await host.systemctl('restart', SERVICE);
            assert.notEqual(await host.show('MainPID'), pid);
            await seeEnough(lookups);
          }
        } finally {
          lookups.stop();
        }
      });
    }

    it('see which addresses are their own, so that a push is passed on to others alone', async () => {
      const own = Object.values(networkInterfaces())
        .flatMap((all = []) => all)
        .find(({ family, internal }) => family === 'IPv4' && !internal);
      const { port } = new URL(url);
      // On all addresses, but for who comes from this host.
      const every = ['[Socket]', 'BindToDevice=lo', 'ListenStream=', `ListenStream=${port}`];
      await host.systemctl('stop', SERVICE, SOCKET);
      await host.change(SOCKET, 'peers', every);
      await host.write('/etc/lookaside/webhook-secret', 'secret');
      await host.run('chown', 'lookaside', '/etc/lookaside/webhook-secret');
      const peers = own?.address ?? '192.0.2.1';
      await configure({ 'webhook-secret-file': 'webhook-secret', peers });
      await host.systemctl('start', SOCKET, SERVICE);
      const seen = own ? 0 : 1;
      await eventually(async () =>
        assert.match(
          await host.log(),
          new RegExp(`"name":"${peers}","port":${port},"peers":${seen},"msg":"peers found"`),
        ),
      );
    });

    it('start a server again that hangs', async () => {
      await configure();
      await host.change(SERVICE, 'watchdog', ['[Service]', 'WatchdogSec=6s']);
      await host.systemctl('restart', SERVICE);
      const before = await host.show('MainPID');
      process.kill(await host.pidOf('node'), 'SIGSTOP');
      await eventually(async () => {
        assert.notEqual(await host.show('MainPID'), before);
        assert.equal(await host.show('ActiveState'), 'active');
      }, 120_000);
      assert.ok(Number(await host.show('NRestarts')) > 0);
      const [{ location }] = files as [SteadyFile];
      assert.equal((await lookUp({ baseUrl: url }, location)).status, 200);
    });

    it('end when they are stopped, without being killed', async () => {
      await host.systemctl('stop', SERVICE, SOCKET);
      assert.equal(await host.show('ActiveState'), 'inactive');
      assert.equal(await host.show('Result'), 'success');
      assert.equal(await host.show('ExecMainStatus'), '0');
      await assert.rejects(lookUp({ baseUrl: url }, ''));
    });
  },
);

/** Waits for lookups that go well; none may go wrong meanwhile. */
async function seeEnough(lookups: SteadyLookups): Promise<void> {
  const wrong: WrongAnswer[] = [];
  let right = 0;
  await eventually(async () => {
    const seen = await lookups.take();
    wrong.push(...seen.wrong);
    right += seen.right;
    if (right < ENOUGH) throw new Error(`only ${right} lookups went well`);
  }, 120_000);
  assert.deepEqual(wrong, []);
}

/** Gives the settings. */
async function installCertificate(host: SystemdHost, directory: string): Promise<object> {
  const { cert, key } = await makeCertificate(directory);
  await host.write('/etc/lookaside/tls/tls.crt', await readFile(cert));
  await host.write('/run/tls.key', await readFile(key));
  const owner = ['-o', 'root', '-g', 'lookaside', '-m', '0640'];
  await host.run('install', ...owner, '/run/tls.key', '/etc/lookaside/tls');
  return { 'tls-cert': 'tls/tls.crt', 'tls-key': 'tls/tls.key' };
}

async function readExample(): Promise<readonly SteadyFile[]> {
  const all = await readdir(EXAMPLE, { recursive: true });
  const locations = all.filter((path) => basename(path).startsWith('signature-'));
  return Promise.all(
    locations.map(async (location) => ({
      location,
      bytes: await readFile(join(EXAMPLE, location)),
    })),
  );
}
