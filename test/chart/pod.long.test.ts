// The program runs as the rendered pod says, and answers the probes of the pod. As root of this machine only,
// who alone may make what a container runtime makes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/process/free-port.ts';
import { run } from '../kit/process/run.ts';
import type { PidNamespace } from '../kit/process/pid-namespace.ts';
import { sendPush } from '../kit/program/send-push.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type GitSsh, startGitSsh } from '../kit/remote/git-ssh.ts';
import { EXAMPLE, TWICE } from '../kit/server/example-server.ts';
import { ListeningReceiver } from '../kit/server/listening-receiver.ts';
import { useTemporary } from '../kit/temporary.ts';
import { makeCertificate } from '../kit/web/certificate-files.ts';
import { LEAST, OPENSHIFT, type Rendering, render } from '../kit/kubernetes/render.ts';
import { type PodRun, runPod } from '../kit/kubernetes/pod-runner.ts';
import { describeWith } from '../with-tools.ts';
import { pick, readContainer } from './rendered.ts';

const [FIRST, SECOND] = [`${TWICE}/signature-1`, `${TWICE}/signature-2`];
const SECRET = 's3cret';
const EVENT_SECRET = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;
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

async function readKeys(): Promise<Readonly<Record<string, Buffer>>> {
  return {
    'release.asc': await readFile(join(EXAMPLE, 'keys/release.asc')),
    'security.asc': await readFile(join(EXAMPLE, 'keys/security.asc')),
  };
}

/** The Secret of a source that is reached over ssh. */
async function readSecret(ssh: GitSsh): Promise<Readonly<Record<string, Buffer>>> {
  return {
    'ssh-privatekey': await readFile(ssh.keyFile),
    known_hosts: await readFile(ssh.knownHostsFile),
  };
}

const isRoot = process.geteuid?.() === 0;
/** The ConfigMap with the configuration file. */
const configSchema = z.looseObject({ data: z.record(z.string(), z.string()) });

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
      const { data } = configSchema.parse(pick(rendered, 'ConfigMap', '-config'));
      const all = { ...objects, 'lookaside-config': data };
      const ports: Readonly<Record<number, number>> = { 8080: store, 8081: status };
      const started = await runPod(directory(), { pod, objects: all, ports, ...more });
      running = started;
      const numbers = new Map(
        container.ports.map(({ name, containerPort }) => [name, ports[containerPort]]),
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

    it('has no rights, and nowhere to write but its state', async () => {
      const { pod } = readContainer(await render({}));
      const script =
        'id -u; grep -E "CapEff|NoNewPrivs" /proc/self/status; touch /etc/lookaside/keys/a; touch /opt/a; touch /var/lib/lookaside/a && echo wrote';
      const config = { 'lookaside.yaml': '' };
      const objects = { 'lookaside-keys': await readKeys(), 'lookaside-config': config };
      const command = ['sh', '-c', script];
      const started = await runPod(directory(), { pod, objects, ports: {}, command });
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
      const objects = {
        'lookaside-keys': await readKeys(),
        hook: { 'webhook-secret': `${SECRET}\n` },
      };
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

    it('tells receivers from a Secret of what it publishes, signed, and its log of the same', async () => {
      const http = await remote.serveHttp();
      const receiver = await ListeningReceiver.listen();
      const values = {
        ...LEAST,
        source: http.url,
        notify: { url: { secret: 'receivers' }, signing: { secret: 'events' } },
        config: { 'audit-log': '-', 'access-log': 'json' },
      };
      await start(
        { values },
        {
          'lookaside-keys': await readKeys(),
          // As `kubectl create secret --from-file` makes them of files with a last line.
          receivers: { 'notify-url': `${receiver.url}\n` },
          events: { 'notify-secret': `${EVENT_SECRET}\n` },
        },
      );
      const { body, headers } = await eventually(() => receiver.posts[0] ?? assert.fail());
      assert.deepEqual(
        new Webhook(EVENT_SECRET).verify(body, headers as Record<string, string>),
        JSON.parse(body),
      );
      await eventually(() =>
        assert.match(running?.background.stdout() ?? '', /"event":"publication"/),
      );
      await receiver.close();
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
      const pair = { 'tls.crt': await readFile(tls.cert), 'tls.key': await readFile(tls.key) };
      const { store, scheme } = await start(
        { values },
        { keys: await readKeys(), git: await readSecret(ssh), tls: pair },
      );
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
      const rendering = { values, apis: OPENSHIFT };
      const objects = { keys: await readKeys(), git: await readSecret(ssh) };
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
