import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { type Server, type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { assertServed } from '../kit/program/assert-served.ts';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/process/free-port.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { Replicas } from '../kit/program/replicas.ts';
import { BUNDLED_MAIN } from '../kit/program/served.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { type Delivery, formatPush } from '../kit/program/send-push.ts';
import { SteadyLookups } from '../kit/program/steady-lookups.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Publisher, type SignedFile, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { Authority } from '../kit/web/authority.ts';
import { type Haproxy, startHaproxy } from '../kit/web/haproxy.ts';
import { readMetrics, sumsOf } from '../server/metrics/read-metrics.ts';
import { describeWith } from '../with-tools.ts';

const COUNT = 4;
/** How often the balancer looks. Milliseconds. */
const INTERVAL = 300;
const DRAIN = '4s';
/** Nobody listens there, and somebody who never answers. */
const [DEAD, HANGING] = ['127.0.0.60', '127.0.0.61'];

/** Takes connections, and reads what comes, but says nothing. */
class SilentServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  constructor() {
    this.#server = createServer((socket) => {
      this.#connections++;
      this.#sockets.add(socket);
      socket.on('error', () => undefined).resume();
    });
  }

  get connections(): number {
    return this.#connections;
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, HANGING);
    await once(this.#server, 'listening');
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

describeWith(['gpg', 'git', 'haproxy', 'unshare'], 'servers that are peers', () => {
  const silent = new SilentServer();
  let publisher: Publisher;
  let remote: GitRemote;
  let replicas: Replicas;
  let balancer: Haproxy;
  let signed: SignedFile;

  before('start four of them behind a HAProxy', async () => {
    publisher = await makePublisher();
    remote = await makeGitRemote();
    signed = await publisher.sign();
    await remote.publish({ [signed.location]: signed.bytes });
    replicas = await Replicas.start({
      main: BUNDLED_MAIN,
      source: remote.fileUrl,
      count: COUNT,
      others: [DEAD, HANGING],
      args: [
        `--keys=${publisher.keyFile}`,
        `--webhook-secret-file=${publisher.secretFile}`,
        '--poll=0s',
        `--drain=${DRAIN}`,
      ],
    });
    await silent.listen(replicas.port);
    balancer = await startHaproxy([
      'option httpchk GET /readyz',
      `default-server check inter ${INTERVAL}ms fall 1 rise 1`,
      ...replicas.all.map(({ baseUrl }, index) => `server s${index} ${new URL(baseUrl).host}`),
    ]);
  });
  after('stop', async () => {
    silent.stop();
    await balancer?.stop();
    await replicas?.stop();
    await remote?.remove();
    await publisher?.stop();
  });

  const url = (): string => balancer.urls[0] ?? '';
  const push = async (): Promise<SignedFile> => {
    const file = await publisher.sign();
    const commit = await remote.publish({ [file.location]: file.bytes });
    assert.equal((await publisher.announce({ baseUrl: url() }, commit)).status, 202);
    return file;
  };
  const assertFresh = async (file: SignedFile): Promise<void> => {
    await eventually(async () => Promise.all(replicas.all.map((one) => assertServed(one, file))));
  };
  /** The value of a metric for a result, of each server. */
  const countOf = async (name: string, result: string): Promise<readonly number[]> => {
    const metrics = await Promise.all(replicas.all.map(async (one) => readMetrics(one)));
    return metrics.map((read) => sumsOf(read, name, 'result')[result] ?? 0);
  };
  const acceptedBy = async () => countOf('lookaside_webhook_deliveries_total', 'accepted');
  const passedOn = async (result: string): Promise<number> => {
    const counts = await countOf('lookaside_peer_deliveries_total', result);
    return counts.reduce((sum, count) => sum + count, 0);
  };

  it('all serve what one of them is told of, though one peer is dead and another hangs', async () => {
    const pushes = 5;
    for (let count = 1; count <= pushes; count++) {
      await assertFresh(await push());
      assert.deepEqual(await acceptedBy(), Array<number>(COUNT).fill(count));
    }
    // The dead one has had all its tries, the hanging one some, and nothing was passed on twice.
    await eventually(async () => {
      assert.ok((await passedOn('failed')) > 0, 'still trying');
      assert.ok(silent.connections > 1, 'not tried again yet');
      assert.equal(await passedOn('delivered'), pushes * (COUNT - 1));
    });
    assert.deepEqual(await acceptedBy(), Array<number>(COUNT).fill(pushes));
    for (const one of replicas.all) {
      const { samples } = await readMetrics(one);
      const others = samples.get('lookaside_peers');
      assert.equal(others, COUNT - 1 + 2, 'all but itself, and the two that do not answer');
      assert.doesNotMatch(
        one.process.stderr(),
        new RegExp(`"peer":"${new URL(one.baseUrl).host}"`),
      );
    }
  });

  it('none takes a forged relay', async () => {
    const before = await acceptedBy();
    const headers = { 'X-Lookaside-Relayed': '1' };
    for (const { baseUrl } of replicas.all) {
      const forged = { headers, secret: 'another secret' };
      const { status } = await publisher.announce({ baseUrl }, 'a'.repeat(40), forged);
      assert.equal(status, 401);
    }
    assert.deepEqual(await acceptedBy(), before);
  });

  it('no lookup fails while all are restarted, one after the other, and then two by two', async () => {
    const lookups = await SteadyLookups.start({
      baseUrl: url(),
      files: [signed],
      clients: 50,
      every: 500,
    });
    try {
      for (const atOnce of [1, 2]) {
        const codes = await replicas.restartInTurn(balancer, atOnce);
        assert.deepEqual(codes, Array<number>(COUNT).fill(0));
        await assertFresh(await push());
      }
      const { right, wrong } = await lookups.take();
      assert.deepEqual(wrong, []);
      assert.ok(right > 1000, `only ${right} lookups`);
    } finally {
      lookups.stop();
    }
    const commits = await Promise.all(replicas.all.map(async (one) => readStatus(one)));
    assert.equal(new Set(commits.map(({ generation }) => generation?.commit)).size, 1);
  });
});

describeWith(['gpg', 'git', 'openssl'], 'peers with TLS', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;

  before(async () => {
    publisher = await makePublisher();
    remote = await makeGitRemote();
    await remote.publish({ 'README.md': 'signatures' });
  });
  after(async () => {
    await remote?.remove();
    await publisher?.stop();
  });

  it('are trusted by their name and an authority, and not with another name', async () => {
    const authority = await Authority.make(directory());
    /** Those of `serve`, with a certificate for these names. */
    const issue = async (names: string, file: string): Promise<readonly string[]> => {
      const { cert, key } = await authority.issue(names);
      const path = join(directory(), file);
      await writeFile(`${path}.pem`, cert);
      await writeFile(`${path}.key`, key);
      return [`--tls-cert=${path}.pem`, `--tls-key=${path}.key`];
    };
    const [port, elsewhere] = [await freePort(), await freePort()];
    const peer = await servers.startHere(remote.fileUrl, [
      ...publisher.serveArgs(`${directory()}/peer`),
      ...(await issue('DNS:localhost', 'peer')),
      `--listen=127.0.0.1:${port}`,
    ]);
    const stranger = await servers.startHere(remote.fileUrl, [
      ...publisher.serveArgs(`${directory()}/stranger`),
      ...(await issue('DNS:other.example', 'stranger')),
      `--listen=127.0.0.1:${elsewhere}`,
    ]);
    const own = await issue('DNS:own.example', 'own');
    const start = async (name: string, to: number): Promise<Lookaside> =>
      servers.start(
        remote.fileUrl,
        [...publisher.serveArgs(`${directory()}/${name}`), ...own, `--peers=localhost:${to}`],
        { main: BUNDLED_MAIN, env: { NODE_EXTRA_CA_CERTS: authority.file } },
      );
    const [toPeer, toStranger] = [await start('a', port), await start('b', elsewhere)];
    const head = await remote.gitBare('rev-parse', 'main');
    for (const from of [toPeer, toStranger]) {
      const { status } = await sendPushOver(from, formatPush({ ...publisher, after: head }));
      assert.equal(status, 202);
    }
    await eventually(async () => assert.equal(await countAccepted(peer), 1));
    await toStranger.waitForLine(
      new RegExp(
        `"peer":"127.0.0.1:${elsewhere}","why":"its certificate cannot be trusted: ERR_TLS_CERT_ALTNAME_INVALID"`,
      ),
    );
    assert.equal(await countAccepted(stranger), 0);
  });
});

/** How many deliveries have led to a refresh. */
async function countAccepted(server: Lookaside): Promise<number | undefined> {
  const metrics = await readMetrics(server);
  return sumsOf(metrics, 'lookaside_webhook_deliveries_total', 'result')['accepted'];
}

/** Posts a delivery over TLS, whoever the server is. */
async function sendPushOver(
  { baseUrl }: Lookaside,
  { headers, body }: Delivery,
): Promise<{ readonly status: number | undefined }> {
  const sent = request(`${baseUrl}/webhook`, {
    method: 'POST',
    headers: { ...headers },
    rejectUnauthorized: false,
  });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.resume();
  return { status: answer.statusCode };
}
