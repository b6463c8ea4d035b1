// The program runs as the rendered pod says, and answers the probes of the pod. As root of this machine only,
// who alone may make what a container runtime makes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { join } from 'node:path';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/process/free-port.ts';
import { run } from '../kit/process/run.ts';
import type { PidNamespace } from '../kit/process/pid-namespace.ts';
import { sendPush } from '../kit/program/send-push.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { startGitSsh } from '../kit/remote/git-ssh.ts';
import { EXAMPLE, TWICE } from '../kit/server/example-server.ts';
import { useTemporary } from '../kit/temporary.ts';
import { makeCertificate } from '../kit/web/certificate-files.ts';
import { LEAST, OPENSHIFT, type Rendering, render } from '../kit/kubernetes/render.ts';
import { type PodRun, runPod } from '../kit/kubernetes/pod-runner.ts';
import { describeWith } from '../with-tools.ts';
import { pick, readContainer } from './rendered.ts';

const [FIRST, SECOND] = [`${TWICE}/signature-1`, `${TWICE}/signature-2`];
const SECRET = 's3cret';
/** As OpenShift chooses them. */
const OPENSHIFT_USER = 1_000_660_000;
const ROLES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

interface Answer {
  readonly status: number | undefined;
  readonly body: Buffer;
}

/** Asks as kubelet does, which believes every certificate. */
async function ask(scheme: string, port: number, path: string): Promise<Answer> {
  const options = { port, path, rejectUnauthorized: false, agent: false };
  return new Promise((resolve, reject) => {
    const sent = (scheme === 'HTTPS' ? requestTls : request)({ host: '127.0.0.1', ...options });
    sent.once('error', reject).once('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.once('end', () =>
        resolve({ status: response.statusCode, body: Buffer.concat(parts) }),
      );
    });
    sent.end();
  });
}

const isRoot = process.geteuid?.() === 0;

describeWith(
  ['git', 'git-http-backend', 'sshd', 'openssl', 'unshare', 'setpriv', 'tini', 'gpgv'],
  'a rendered pod',
  () => {
    before(function () {
      if (!isRoot) this.skip();
    });
    const directory = useTemporary();
    let remote: GitRemote;
    let running: PidNamespace | undefined;
    beforeEach(async () => {
      remote = await makeGitRemote();
      await remote.publish({ [FIRST]: await readFile(join(EXAMPLE, FIRST)) });
    });
    afterEach(async () => {
      await running?.background.stop('SIGKILL');
      running = undefined;
      await remote.remove();
    });

    const start = async (
      rendering: Rendering,
      objects: PodRun['objects'],
      more: Partial<PodRun> = {},
    ): Promise<{ readonly store: number; readonly scheme: string; readonly end: () => void }> => {
      const rendered = await render(rendering);
      const { pod, container } = readContainer(rendered);
      const [store, status] = [await freePort(), await freePort()];
      const { data } = pick(rendered, 'ConfigMap', '-config') as unknown as {
        readonly data: Readonly<Record<string, string>>;
      };
      const all = { ...objects, 'lookaside-config': data };
      const ports = { 8080: store, 8081: status };
      const started = await runPod(directory(), { pod, objects: all, ports, ...more });
      running = started;
      const numbers = new Map(
        container.ports.map(({ name, containerPort }) => [
          name,
          ({ 8080: store, 8081: status } as Readonly<Record<number, number>>)[containerPort],
        ]),
      );
      for (const role of ROLES) {
        const { path, port, scheme } = container[role].httpGet;
        await eventually(async () => {
          const { exitCode, stderr } = started.background;
          if (exitCode() !== undefined) return assert.fail(`it has ended: ${stderr()}`);
          const answer = await ask(scheme, numbers.get(port) ?? 0, path);
          return assert.equal(answer.status, 200, stderr());
        }, 120_000);
      }
      // Where Prometheus and operators ask.
      assert.equal((await ask('HTTP', status, '/metrics')).status, 200);
      const { scheme } = container.readinessProbe.httpGet;
      return { store, scheme, end: () => process.kill(started.init, 'SIGTERM') };
    };
    const keys = async (): Promise<Readonly<Record<string, Buffer>>> => ({
      'release.asc': await readFile(join(EXAMPLE, 'keys/release.asc')),
      'security.asc': await readFile(join(EXAMPLE, 'keys/security.asc')),
    });

    it('has no rights, and nowhere to write but its state', async () => {
      const { pod } = readContainer(await render({}));
      const script =
        'id -u; grep -E "CapEff|NoNewPrivs" /proc/self/status; touch /etc/lookaside/keys/a; touch /opt/a; touch /var/lib/lookaside/a && echo wrote';
      const objects = { 'lookaside-keys': await keys(), 'lookaside-config': {} };
      const config = { 'lookaside.yaml': '' };
      const started = await runPod(directory(), {
        pod,
        objects: { ...objects, 'lookaside-config': config },
        ports: {},
        command: ['sh', '-c', script],
      });
      await started.background.ended();
      const { stdout, stderr } = started.background;
      assert.equal(stdout(), '1001\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nwrote\n');
      assert.match(stderr(), /keys\/a.*Read-only file system\n.*\/opt\/a.*Read-only file system/);
    });

    it('follows its repository and its webhook, and drains', async () => {
      const http = await remote.serveHttp();
      const values = {
        ...LEAST,
        source: http.url,
        webhook: { secret: 'hook' },
        config: { poll: '0s' },
        drainSeconds: 2,
      };
      const objects = { 'lookaside-keys': await keys(), hook: { 'webhook-secret': `${SECRET}\n` } };
      const { store, end } = await start({ values }, objects);
      const first = await ask('HTTP', store, `/${FIRST}`);
      assert.deepEqual(first.body, await readFile(join(EXAMPLE, FIRST)));
      assert.equal((await ask('HTTP', store, `/${SECOND}`)).status, 404);
      const after = await remote.publish({ [SECOND]: await readFile(join(EXAMPLE, SECOND)) });
      const baseUrl = `http://127.0.0.1:${store}`;
      const { status } = await sendPush({ baseUrl, secret: SECRET, after });
      assert.equal(status, 202);
      await eventually(async () => {
        assert.equal((await ask('HTTP', store, `/${SECOND}`)).status, 200);
      });
      end();
      assert.equal(await running?.background.ended(), 0);
      assert.match(running?.background.stderr() ?? '', /drain/);
    });

    it('clones over ssh, and serves TLS with a certificate from a Secret', async () => {
      const ssh = await startGitSsh();
      const tls = await makeCertificate(directory());
      const values = {
        source: ssh.urlOf(remote.path),
        keys: { secrets: ['keys'] },
        git: { ssh: { secret: 'git' } },
        tls: { secret: 'tls' },
      };
      const git = {
        'ssh-privatekey': await readFile(ssh.keyFile),
        known_hosts: await readFile(ssh.knownHostsFile),
      };
      const pair = { 'tls.crt': await readFile(tls.cert), 'tls.key': await readFile(tls.key) };
      const { store, scheme } = await start({ values }, { keys: await keys(), git, tls: pair });
      assert.equal(scheme, 'HTTPS');
      assert.equal((await ask(scheme, store, `/${FIRST}`)).status, 200);
      await ssh.stop();
    });

    it('runs as whichever user OpenShift chooses, with scopes from its configuration file', async () => {
      const ssh = await startGitSsh();
      const values = {
        source: ssh.urlOf(remote.path),
        keys: { configMaps: ['keys'] },
        git: { ssh: { secret: 'git' } },
        config: {
          scopes: {
            'registry.example.com/team': { keys: ['keys/release.asc', 'keys/security.asc'] },
          },
        },
        expose: { kind: 'Route', host: 'lookaside.apps.example.com' },
      };
      const git = {
        'ssh-privatekey': await readFile(ssh.keyFile),
        known_hosts: await readFile(ssh.knownHostsFile),
      };
      const rendering = { values, apis: OPENSHIFT };
      const objects = { keys: await keys(), git };
      const { store } = await start(rendering, objects, { openShiftUser: OPENSHIFT_USER });
      assert.equal((await ask('HTTP', store, `/${FIRST}`)).status, 200);
      const page = await ask('HTTP', store, '/');
      assert.match(page.body.toString(), /https:\/\/lookaside\.apps\.example\.com/);
      const { stdout } = await run('ps', ['-o', 'uid=,gid=', '-p', String(running?.init)]);
      assert.equal(stdout.trim().replaceAll(/\s+/g, ' '), `${OPENSHIFT_USER} 0`);
      await ssh.stop();
    });
  },
);
