import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../kit/eventually.ts';
import { run } from '../kit/process/run.ts';
import type { Listening, Lookaside } from '../kit/program/lookaside.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { EXAMPLE, TWICE } from '../kit/server/example-server.ts';
import { useTemporary } from '../kit/temporary.ts';
import { makeCertificate } from '../kit/web/certificate-files.ts';
import { type Haproxy, startHaproxy } from '../kit/web/haproxy.ts';
import { startNginx } from '../kit/web/nginx.ts';
import { describeWith } from '../with-tools.ts';

/** What a node asks for one image, and what it gets. */
const PULL = [200, 200, 404];
/** How often the balancer looks. Milliseconds. */
const INTERVAL = 300;
const DRAIN = '4s';

/** Clients that pull one after the other, each on connections of its own. */
class Pulls {
  readonly #url: string;
  readonly #clients: Promise<void>[];
  readonly failed: string[] = [];
  good = 0;
  #isOver = false;

  constructor(url: string, clients: number) {
    this.#url = url;
    this.#clients = Array.from({ length: clients }, async () => this.#pull());
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #pull(): Promise<void> {
    while (!this.#isOver) {
      const got: string[] = [];
      for (const number of PULL.keys()) got.push(await this.#ask(number + 1));
      if (got.join() === PULL.join()) this.good++;
      else this.failed.push(got.join());
      // The machine has others to serve.
      await sleep(5);
    }
  }

  async #ask(number: number): Promise<string> {
    const agent = new Agent();
    return new Promise((resolve) => {
      get(`${this.#url}/${TWICE}/signature-${number}`, { agent }, (response) => {
        response.resume().once('end', () => resolve(String(response.statusCode)));
      }).once('error', ({ message }) => resolve(message));
    });
  }
}

const hostOf = ({ baseUrl }: Listening): string => new URL(baseUrl).host;

/** Stops one of two servers while clients pull; gives the pulls that failed. */
async function stopUnderLoad(
  url: string,
  [first, second]: readonly [Lookaside, Lookaside],
): Promise<readonly string[]> {
  const pulls = new Pulls(url, 8);
  await eventually(() => {
    for (const server of [first, second]) assert.match(server.stdout(), /signature-3/);
  });
  assert.deepEqual(pulls.failed, []);
  assert.equal(await first.stop('SIGTERM', 20_000), 0);
  const { good } = pulls;
  await sleep(2 * INTERVAL);
  await pulls.stop();
  assert.ok(pulls.good > good, 'the other one serves');
  return pulls.failed;
}

/** Lines of a HAProxy that looks whether they are ready. */
function toServers(servers: readonly Listening[]): readonly string[] {
  return servers.map((server, index) => {
    const check = `check inter ${INTERVAL}ms fall 1 rise 1`;
    return `server s${index} ${hostOf(server)} ${check}`;
  });
}

describeWith(['haproxy', 'nginx', 'openssl'], 'behind a load balancer', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let stops: (() => Promise<void>)[] = [];
  afterEach('stop', async () => {
    await Promise.all(stops.map(async (stop) => stop()));
    stops = [];
  });

  const serve = async (name: string, ...args: readonly string[]): Promise<Lookaside> =>
    servers.start(EXAMPLE, ['--poll=0s', `--state-dir=${directory()}/${name}`, ...args]);
  const balance = async (...backends: readonly (readonly string[])[]): Promise<Haproxy> => {
    const haproxy = await startHaproxy(...backends);
    stops.push(haproxy.stop);
    return haproxy;
  };

  const settings: Readonly<Record<string, readonly string[]>> = {
    'that asks /readyz': ['option httpchk GET /readyz', 'option http-server-close'],
    'that asks as it does by default': ['option httpchk', 'option http-server-close'],
    'that keeps its connections': ['option httpchk GET /readyz', 'http-reuse always'],
  };
  it('no pull fails while one of two servers stops: a HAProxy as in docs/operations.md', async () => {
    const pair = await Promise.all([serve('a', '--drain=10s'), serve('b')] as const);
    const page = await readFile('docs/operations.md', 'utf8');
    const [, backend = ''] = /^backend lookaside\n([^`]+)/m.exec(page) ?? [];
    const lines = backend
      .replace('192.0.2.11:8080', hostOf(pair[0]))
      .replace('192.0.2.12:8080', hostOf(pair[1]))
      .split('\n');
    const { urls } = await balance(lines);
    assert.deepEqual(await stopUnderLoad(urls[0] ?? '', pair), []);
  });

  for (const [name, lines] of Object.entries(settings)) {
    it(`no pull fails while one of two servers stops with --drain: a HAProxy ${name}`, async () => {
      const pair = await Promise.all([serve('a', `--drain=${DRAIN}`), serve('b')] as const);
      const { urls } = await balance([...lines, ...toServers(pair)]);
      assert.deepEqual(await stopUnderLoad(urls[0] ?? '', pair), []);
    });
  }

  it('pulls fail without --drain', async () => {
    const pair = await Promise.all([serve('a'), serve('b')] as const);
    const lines = settings['that asks /readyz'] ?? [];
    const { urls } = await balance([...lines, ...toServers(pair)]);
    const failed = await stopUnderLoad(urls[0] ?? '', pair);
    assert.ok(failed.length > 0);
    assert.ok(
      failed.every((statuses) => /50[23]/.test(statuses)),
      failed.join(' '),
    );
  });

  it('no pull is sent to a server that has no state yet', async () => {
    const ready = await serve('a');
    const loading = await servers.startListening('http://127.0.0.1:1/none.git', [
      `--state-dir=${directory()}/b`,
    ]);
    const { urls } = await balance(['option httpchk', ...toServers([ready, loading])]);
    // Until it has looked, it takes a server for good.
    await sleep(2 * INTERVAL);
    const pulls = new Pulls(urls[0] ?? '', 4);
    await eventually(() => assert.ok(pulls.good > 50));
    await pulls.stop();
    assert.deepEqual(pulls.failed, []);
  });

  it('no pull fails while one of two servers stops behind nginx, which keeps connections', async () => {
    const pair = await Promise.all([serve('a', `--drain=${DRAIN}`), serve('b')] as const);
    const members = pair.map((server) => `server ${hostOf(server)};`).join(' ');
    const nginx = await startNginx(directory(), {
      http: `upstream store { ${members} keepalive 16; }`,
      location: 'proxy_pass http://store; proxy_http_version 1.1; proxy_set_header Connection "";',
    });
    stops.push(nginx.stop);
    assert.deepEqual(await stopUnderLoad(nginx.baseUrl, pair), []);
  });

  const foreign: Readonly<Record<string, string>> = {
    'send-proxy': 'a PROXY protocol header came',
    'send-proxy-v2': 'a PROXY protocol header came',
    'ssl verify none': 'a TLS handshake came on a port without TLS',
    'proto h2': 'HTTP/2 without TLS came',
  };
  for (const [option, said] of Object.entries(foreign)) {
    it(`a HAProxy with ${option} is told of in the log`, async () => {
      const server = await serve('a');
      const { urls } = await balance([`server s ${hostOf(server)} ${option}`]);
      assert.ok((await fetch(`${urls[0]}/livez`)).status >= 400);
      await server.waitForLine(
        new RegExp(`"client":"127.0.0.1","hint":".+","msg":"the store: ${said}`),
      );
    });
  }

  it('TLS on the plain port and anything else on the port with TLS are told of', async () => {
    const { cert, key } = await makeCertificate(directory());
    const plain = await serve('a');
    await run('openssl', ['s_client', '-connect', hostOf(plain)], { input: '' });
    await plain.waitForLine(/the store: a TLS handshake came on a port without TLS/);
    const secure = await serve('b', `--tls-cert=${cert}`, `--tls-key=${key}`);
    const { urls } = await balance(
      [`server s ${hostOf(secure)}`],
      [`server s ${hostOf(secure)} ssl verify none send-proxy`],
      [`server s ${hostOf(secure)} ssl verify none`],
    );
    const statuses = await Promise.all(
      urls.map(async (url) => (await fetch(`${url}/readyz`)).status),
    );
    assert.deepEqual(statuses, [502, 503, 200]);
    await secure.waitForLine(/the store: what came on the port with TLS is not TLS/);
  });
});
