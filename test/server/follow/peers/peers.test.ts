import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, type RequestListener, createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createProgramLog } from '../../../../generator/system/program-log.ts';
import type { TlsFiles } from '../../../../server/listen/listener.ts';
import type { PeerResult } from '../../../../server/follow/peers/peer.ts';
import {
  PEER_LIMITS,
  Peers,
  type PeersOptions,
  resolveName,
} from '../../../../server/follow/peers/peers.ts';
import type { KeptDelivery } from '../../../../server/follow/webhook/kept-delivery.ts';
import { Troubles } from '../../../../server/troubles/troubles.ts';
import { eventually } from '../../../kit/eventually.ts';
import { freePort } from '../../../kit/process/free-port.ts';
import { captureLines } from '../../../kit/server/captured-lines.ts';
import { createGate } from '../../../kit/server/gate.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { makeCertificate } from '../../../kit/web/certificate.ts';
import { describeWith } from '../../../with-tools.ts';

const NAME = 'peers.example';
const [FIRST, SECOND, THIRD] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
/** Long enough for a machine with much to do, for those that answer. Milliseconds. */
const PATIENT = { ...PEER_LIMITS, patience: 20_000, pauses: [1, 1] };
const HASTY = { ...PATIENT, patience: 200 };

interface Received {
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A peer that answers 202, or as it is told. */
class PeerServer {
  readonly received: Received[] = [];
  readonly #server;
  readonly #sockets = new Set<Socket>();
  connections = 0;
  answer: RequestListener = (_request, response) => void response.writeHead(202).end();

  constructor(tls?: TlsFiles) {
    const handle: RequestListener = (request, response) => void this.#take(request, response);
    this.#server = tls
      ? createSecureServer({ cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) }, handle)
      : createServer(handle);
    this.#server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  async #take(...[request, response]: Parameters<RequestListener>): Promise<void> {
    const { url, headers } = request;
    // A client may go before it has sent all.
    const body = await buffer(request).catch(() => undefined);
    if (!body) return;
    this.received.push({ url, headers, body: body.toString() });
    this.answer(request, response);
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size;
  }

  get bodies(): readonly string[] {
    return this.received.map(({ body }) => body);
  }

  async listen(port: number, host: string): Promise<void> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  stop(): void {
    this.#server.close();
    this.hangUp();
  }
}

const deliver = (body: string, headers: KeptDelivery['headers'] = {}): KeptDelivery => ({
  bytes: Buffer.from(body),
  headers,
});

describe('peers', () => {
  let servers: PeerServer[] = [];
  let made: Peers[] = [];
  let results: PeerResult[] = [];
  let found: readonly string[] = [];
  let log = captureLines();
  let troubles: Troubles;
  let port: number;

  beforeEach('reset', async () => {
    [servers, made, results, found, log] = [[], [], [], [], captureLines()];
    troubles = new Troubles(() => new Date());
    port = await freePort();
  });
  afterEach('stop', async () => {
    await Promise.all(made.map(async (peers) => peers.stop()));
    for (const server of servers) server.stop();
  });

  const listen = async (host: string, tls?: TlsFiles): Promise<PeerServer> => {
    const server = new PeerServer(tls);
    servers.push(server);
    await server.listen(port, host);
    return server;
  };
  const create = (options: Partial<PeersOptions> = {}): Peers => {
    const peers = new Peers({
      name: NAME,
      port,
      places: () => [{ host: '127.0.0.1', port }],
      certificate: () => undefined,
      onResult: (result) => void results.push(result),
      troubles,
      log: createProgramLog(log.stream),
      limits: PATIENT,
      resolve: async () => found,
      ...options,
    });
    made.push(peers);
    return peers;
  };
  /** Waits until so many results are there, and gives how often there was each. */
  const counted = async (count: number): Promise<Readonly<Record<string, number>>> => {
    await eventually(() => assert.ok(results.length >= count, `only ${results.length}`));
    return count === results.length
      ? Object.fromEntries(
          [...new Set(results)].map((one) => [one, results.filter((each) => each === one).length]),
        )
      : assert.fail(results.join());
  };

  it('get the bytes and headers of a push, without those of the connection', async () => {
    found = ['127.0.0.1', FIRST, SECOND];
    const [first, second] = await Promise.all([listen(FIRST), listen(SECOND)]);
    const headers = {
      host: 'store.example',
      'content-type': 'application/json',
      'content-length': '999',
      'x-hub-signature-256': 'sha256=ab',
      authorization: 'Basic YTpi',
      connection: 'keep-alive, X-Of-The-Connection',
      'x-of-the-connection': '1',
      'keep-alive': 'timeout=5',
      'transfer-encoding': 'chunked',
      te: 'trailers',
      expect: '100-continue',
      'proxy-authorization': 'Basic c2VjcmV0',
    };
    const peers = create();
    peers.relay(deliver('{"ref":"é"}', headers));
    assert.deepEqual(await counted(2), { delivered: 2 });
    assert.equal(peers.count(), 2);
    for (const { received } of [first, second]) {
      assert.deepEqual(received, [
        {
          url: '/webhook',
          body: '{"ref":"é"}',
          headers: {
            host: `${NAME}:${port}`,
            'content-type': 'application/json',
            'content-length': '12',
            'x-hub-signature-256': 'sha256=ab',
            authorization: 'Basic YTpi',
            connection: 'close',
            'x-lookaside-relayed': '1',
          },
        },
      ]);
    }
  });

  it('get nothing that a peer has passed on', async () => {
    found = [FIRST];
    const first = await listen(FIRST);
    const peers = create();
    peers.relay(deliver('relayed', { 'x-lookaside-relayed': '1' }));
    peers.relay(deliver('from outside'));
    assert.deepEqual(await counted(1), { delivered: 1 });
    assert.deepEqual(first.bodies, ['from outside']);
  });

  it('are found by an address in place of a name, of IPv6 too, on the port of the own listener', async () => {
    const first = await listen('::1');
    const peers = create({ name: '::1', port: undefined, resolve: resolveName });
    await peers.look();
    peers.relay(deliver('push'));
    assert.deepEqual(await counted(1), { delivered: 1 });
    assert.equal(first.received[0]?.headers.host, `[::1]:${port}`);
    assert.match(log.text(), /"name":"::1","port":\d+,"peers":1,"msg":"peers found"/);
  });

  it('are tried again when they do not answer, or with a fault, and not when they refuse', async () => {
    found = [FIRST, SECOND, THIRD];
    const [first, second] = await Promise.all([listen(FIRST), listen(SECOND)]);
    first.answer = (request, response) => {
      if (first.received.length === 1) request.socket.destroy();
      else response.writeHead(first.received.length === 2 ? 503 : 202).end();
    };
    second.answer = (_request, response) => void response.writeHead(401).end();
    create().relay(deliver('push'));
    assert.deepEqual(await counted(3), { delivered: 1, refused: 1, failed: 1 });
    assert.deepEqual([first.received.length, second.received.length], [3, 1]);
    assert.match(log.text(), new RegExp(`"peer":"${SECOND}:${port}","why":"it answered with 401"`));
    assert.match(log.text(), new RegExp(`"peer":"${THIRD}:${port}","why":"connect ECONNREFUSED`));
  });

  const answers: Readonly<Record<number, PeerResult>> = {
    200: 'delivered',
    204: 'delivered',
    302: 'refused',
    404: 'refused',
    408: 'failed',
    413: 'refused',
    429: 'failed',
    500: 'failed',
  };
  for (const [status, result] of Object.entries(answers)) {
    it(`have ${result === 'delivered' ? 'a push' : `${result} it`} when they answer ${status}`, async () => {
      found = [FIRST];
      const first = await listen(FIRST);
      first.answer = (_request, response) =>
        void response.writeHead(Number(status), { Location: '/elsewhere' }).end();
      create().relay(deliver('push'));
      assert.deepEqual(await counted(1), { [result]: 1 });
      assert.equal(first.received.length, result === 'failed' ? 3 : 1);
    });
  }

  it('are all addresses of the name where those of the own host cannot be seen', async () => {
    found = ['192.0.2.1', FIRST];
    const peers = create({
      places: () => [{ host: '::', port }],
      hostAddresses: () => {
        throw new Error('uv_interface_addresses returned Unknown system error 97');
      },
    });
    await peers.look();
    assert.equal(peers.count(), 1, 'those of loopback are known');
    assert.match(log.text(), /"peers":1,"msg":"peers found"/);
  });

  it('that go on in another protocol are tried again', async () => {
    found = [FIRST];
    const first = await listen(FIRST);
    first.answer = (_request, response) => {
      const isFirst = first.received.length === 1;
      if (isFirst) response.writeHead(101, { connection: 'upgrade', upgrade: 'websocket' }).end();
      else response.writeHead(202).end();
    };
    create().relay(deliver('push'));
    assert.deepEqual(await counted(1), { delivered: 1 });
  });

  it('have failed, and get the next push, when they answer with another protocol', async () => {
    found = [FIRST];
    const first = await listen(FIRST);
    const { answer } = first;
    first.answer = ({ socket }) =>
      void socket.write('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
    const peers = create();
    peers.relay(deliver('one'));
    assert.deepEqual(await counted(1), { failed: 1 });
    first.answer = answer;
    peers.relay(deliver('two'));
    assert.deepEqual(await counted(2), { failed: 1, delivered: 1 });
    assert.deepEqual(first.bodies, ['one', 'one', 'one', 'two']);
  });

  it('that answer without end hold no connection', async () => {
    found = [FIRST];
    const first = await listen(FIRST);
    first.answer = (_request, response) => {
      response.writeHead(202);
      const more = setInterval(() => response.write('and so on'), 1);
      response.once('close', () => clearInterval(more));
    };
    create().relay(deliver('push'));
    assert.deepEqual(await counted(1), { delivered: 1 });
    await eventually(() => assert.equal(first.open, 0));
  });

  it('that hang get the newest push only, and do not hold up others', async () => {
    found = [FIRST, SECOND];
    const [first, second] = await Promise.all([listen(FIRST), listen(SECOND)]);
    const answer = first.answer;
    first.answer = () => undefined;
    const peers = create();
    peers.relay(deliver('one'));
    await eventually(() => assert.deepEqual(first.bodies, ['one']));
    for (const body of ['two', 'three', 'four']) {
      peers.relay(deliver(body));
      await eventually(() => assert.equal(second.bodies.at(-1), body));
    }
    first.answer = answer;
    first.hangUp();
    assert.deepEqual(await counted(8), { delivered: 5, replaced: 3 });
    assert.deepEqual(first.bodies, ['one', 'four']);
  });

  it('that hang for good are given up', async () => {
    found = [FIRST];
    const first = await listen(FIRST);
    first.answer = () => undefined;
    create({ limits: HASTY }).relay(deliver('push'));
    assert.deepEqual(await counted(1), { failed: 1 });
    // On a busy machine a try may be over before its connection is taken.
    await eventually(() => assert.equal(first.connections, 3));
    assert.match(log.text(), /"why":"no answer within 0.2 s"/);
    await eventually(() => assert.equal(first.open, 0));
  });

  it('share bounded memory: the oldest push is given up for the newest', async () => {
    found = [FIRST];
    const [first, second] = await Promise.all([listen(FIRST), listen(SECOND)]);
    first.answer = () => undefined;
    const peers = create({ limits: { ...PATIENT, bytes: 10 } });
    peers.relay(deliver('123456'));
    await eventually(() => assert.equal(first.received.length, 1));
    found = [FIRST, SECOND];
    peers.relay(deliver('abcdef'));
    await eventually(() => assert.deepEqual(first.bodies, ['123456', 'abcdef']));
    assert.deepEqual(second.bodies, ['abcdef']);
    assert.deepEqual(await counted(2), { failed: 1, delivered: 1 });
    assert.match(log.text(), /newer pushes need the memory/);
  });

  it('are not waited for once their address is gone', async () => {
    found = [FIRST];
    const [first, second] = await Promise.all([listen(FIRST), listen(SECOND)]);
    first.answer = () => undefined;
    const peers = create();
    peers.relay(deliver('one'));
    await eventually(() => assert.equal(first.received.length, 1));
    found = [SECOND];
    peers.relay(deliver('two'));
    assert.deepEqual(await counted(2), { failed: 1, delivered: 1 });
    assert.deepEqual([first.bodies, second.bodies], [['one'], ['two']]);
    assert.match(log.text(), /its address is gone/);
  });

  it('that have too many addresses are left out beyond the most', async () => {
    found = [FIRST, SECOND, THIRD];
    const [first, second] = await Promise.all([listen(FIRST), listen(SECOND)]);
    create({ limits: { ...PATIENT, peers: 2 } }).relay(deliver('push'));
    assert.deepEqual(await counted(3), { skipped: 1, delivered: 2 });
    assert.deepEqual([first.bodies, second.bodies], [['push'], ['push']]);
    assert.match(log.text(), /too many addresses/);
  });

  it('are looked up for each push, one lookup at a time, for the newest push', async () => {
    found = [FIRST];
    const first = await listen(FIRST);
    const gate = createGate();
    let lookups = 0;
    const resolve = async (): Promise<readonly string[]> => {
      if (lookups++ > 0) return found;
      await gate.wait();
      throw new Error(`getaddrinfo ENOTFOUND ${NAME}`);
    };
    const peers = create({ resolve });
    for (const body of ['one', 'two', 'three']) peers.relay(deliver(body));
    await eventually(() => assert.equal(lookups, 1));
    gate.open();
    assert.deepEqual(await counted(3), { replaced: 2, unresolved: 1 });
    assert.match(log.text(), /the name of the peers cannot be looked up: getaddrinfo ENOTFOUND/);
    peers.relay(deliver('four'));
    assert.deepEqual(await counted(4), { replaced: 2, unresolved: 1, delivered: 1 });
    assert.deepEqual(first.bodies, ['four']);
  });

  it('are a trouble when they miss three pushes in a row, until one arrives', async () => {
    found = [FIRST];
    const peers = create();
    for (let push = 1; push <= 3; push++) {
      assert.deepEqual(troubles.list(), []);
      peers.relay(deliver('push'));
      await counted(push);
    }
    const [trouble] = troubles.list();
    assert.equal(trouble?.kind, 'peers-failing');
    assert.match(trouble.message, new RegExp(`^the peer ${FIRST}:${port} did not take the last`));
    assert.match(trouble.hint ?? '', /NetworkPolicy/);
    const first = await listen(FIRST);
    peers.relay(deliver('push'));
    await counted(4);
    assert.deepEqual(troubles.list(), []);
    first.answer = (_request, response) => void response.writeHead(401).end();
    for (let push = 5; push <= 7; push++) {
      peers.relay(deliver('push'));
      await counted(push);
    }
    assert.match(troubles.list()[0]?.hint ?? '', /secrets in --webhook-secret-file/);
    found = [];
    peers.relay(deliver('push'));
    await eventually(() => assert.deepEqual(troubles.list(), []));
  });

  it('are no trouble any more when nobody has missed a push for long, until somebody does', async () => {
    found = [FIRST];
    const raised: string[] = [];
    const told: PeersOptions['troubles'] = {
      raise: (kind, words, part) => {
        raised.push(kind);
        troubles.raise(kind, words, part);
      },
      clear: (kind, part) => troubles.clear(kind, part),
    };
    const peers = create({ troubles: told, limits: { ...PATIENT, quiet: 20 } });
    for (let push = 1; push <= 4; push++) {
      peers.relay(deliver('push'));
      await counted(push);
      await eventually(() => assert.deepEqual(troubles.list(), []));
      assert.equal(raised.length, Math.max(0, push - 2));
    }
  });

  it('are a trouble when their name cannot be looked up, until it can', async () => {
    let isThere = false;
    const resolve = async (): Promise<readonly string[]> => {
      if (!isThere) throw new Error('queryA ESERVFAIL');
      return [];
    };
    const peers = create({ resolve });
    await peers.look();
    peers.relay(deliver('push'));
    await counted(1);
    assert.deepEqual(troubles.list(), []);
    peers.relay(deliver('push'));
    await counted(2);
    assert.match(troubles.list()[0]?.message ?? '', /cannot be looked up: queryA ESERVFAIL/);
    isThere = true;
    await peers.look();
    assert.deepEqual(troubles.list(), []);
  });

  it('do not keep a server from its stop for long, and get nothing after it', async () => {
    found = [FIRST];
    const first = await listen(FIRST);
    first.answer = () => undefined;
    const peers = create({ limits: { ...PATIENT, stop: 100 } });
    peers.relay(deliver('push'));
    await eventually(() => assert.equal(first.received.length, 1));
    await peers.stop();
    assert.deepEqual(await counted(1), { failed: 1 });
    await eventually(() => assert.equal(first.open, 0));
    peers.relay(deliver('late'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(first.bodies, ['push']);
  });

  it('get what came last before the stop, also where their name is being looked up', async () => {
    found = [FIRST];
    const first = await listen(FIRST);
    const gate = createGate();
    const resolve = async (): Promise<readonly string[]> => {
      await gate.wait();
      return found;
    };
    const peers = create({ resolve, limits: { ...PATIENT, stop: 20_000 } });
    peers.relay(deliver('before'));
    const stopped = peers.stop();
    peers.relay(deliver('answered last'));
    gate.open();
    await stopped;
    assert.deepEqual(await counted(2), { replaced: 1, delivered: 1 });
    assert.deepEqual(first.bodies, ['answered last']);
  });

  it('are told apart from a server that does not listen yet, or no more', async () => {
    found = ['127.0.0.1', FIRST];
    const first = await listen(FIRST);
    let places: readonly { host: string; port: number }[] = [];
    const peers = create({ port: undefined, places: () => places });
    await peers.look();
    assert.equal(peers.count(), undefined);
    places = [{ host: '127.0.0.1', port }];
    await peers.look();
    assert.equal(peers.count(), 1);
    places = [];
    peers.relay(deliver('while it stops'));
    assert.deepEqual(await counted(1), { delivered: 1 });
    assert.deepEqual(first.bodies, ['while it stops']);
  });

  describeWith(['openssl'], 'with TLS', () => {
    const directory = useTemporary();

    it('are those that have our certificate, whatever its name', async () => {
      found = [FIRST];
      const own = await makeCertificate(directory(), 'store.example');
      const first = await listen(FIRST, own);
      create({ name: `${NAME}.`, certificate: () => own.cert }).relay(deliver('push'));
      assert.deepEqual(await counted(1), { delivered: 1 });
      assert.equal(first.received[0]?.headers.host, `${NAME}:${port}`);
    });

    it('are sent nothing by a server that does not trust their certificate', async () => {
      found = [FIRST];
      const [own, other] = [
        await makeCertificate(directory(), 'store.example'),
        await makeCertificate(directory(), NAME),
      ];
      const first = await listen(FIRST, other);
      create({ certificate: () => own.cert }).relay(deliver('push'));
      assert.deepEqual(await counted(1), { failed: 1 });
      assert.deepEqual(first.received, []);
      assert.match(log.text(), /its certificate cannot be trusted: DEPTH_ZERO_SELF_SIGNED_CERT/);
    });

    it('have failed when they speak no TLS', async () => {
      found = [FIRST];
      const own = await makeCertificate(directory(), 'store.example');
      const first = await listen(FIRST);
      create({ certificate: () => own.cert }).relay(deliver('push'));
      assert.deepEqual(await counted(1), { failed: 1 });
      assert.deepEqual(first.received, []);
      assert.match(log.text(), /"why":"no TLS with it: [a-z ]+"/);
    });
  });
});
