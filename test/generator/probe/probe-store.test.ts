import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { MAX_BLOB_BYTES } from '../../../generator/openpgp/signature-file.ts';
import type { ProbeOptions, ProbeReport } from '../../../generator/probe/probe-store.ts';
import {
  type Plant,
  type PlantedStore,
  type PlantedStoreOptions,
  startPlantedStore,
} from '../../kit/web/planted-store.ts';
import { IMAGE, at, probeAt, signFor } from './probe-world.ts';

const good = signFor();
const images = [IMAGE];
const one = new Map([[at(1), good]]);

/** For a server that never answers; the machine may have much to do. Milliseconds. */
const PATIENCE = 3000;

const codesOf = ({ findings }: ProbeReport): readonly string[] =>
  findings.map(({ code, severity }) => `${severity} ${code}`);

/** What is answered for everything but the first signature is right. */
const firstWith =
  (answer: (...args: Parameters<Plant>) => void): Plant =>
  (request, response, right) => {
    if (request.url === `/${at(1)}`) answer(request, response, right);
    else right();
  };

/** Answers everything with this, and nothing behind it. */
const answerWith =
  (status: number, headers: Readonly<Record<string, string>> = {}): Plant =>
  (_request, response) => {
    response.writeHead(status, { 'Content-Length': '0', ...headers }).end();
  };

/** Answers paths that begin with two slashes with a status. */
const withoutDouble =
  (status: number): Plant =>
  (request, response, right) => {
    if (request.url?.startsWith('//')) answerWith(status)(request, response, right);
    else right();
  };

/** Redirects a number of times, each with a secret in the query. */
const redirecting =
  (last: number): Plant =>
  (request, response, right) => {
    const url = new URL(request.url ?? '', 'http://store.example');
    const turn = Number(url.searchParams.get('turn') ?? 0);
    const Location = `${url.pathname}?turn=${turn + 1}&secret=s`;
    if (turn === last) right();
    else answerWith(307, { Location })(request, response, right);
  };

/** Gives no answer for the image. */
const silentForImages: Plant = (request, _response, right) => {
  if (!request.url?.includes('team/app')) right();
};

const atThree = async (): Promise<readonly string[]> => ['127.0.0.1', '127.0.0.2', '127.0.0.3'];

const changeProtocol: Plant = ({ socket }) =>
  void socket.write('HTTP/1.1 101 Changed\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n');

describe('the probe', () => {
  let started: PlantedStore[] = [];
  afterEach('stop the stores', async () => {
    await Promise.all(started.map(async ({ stop }) => stop()));
    started = [];
  });

  async function start(options: PlantedStoreOptions): Promise<PlantedStore> {
    const store = await startPlantedStore(options);
    started.push(store);
    return store;
  }

  async function probeOf(
    options: PlantedStoreOptions,
    probing: Partial<ProbeOptions> = {},
    behind = '',
  ): Promise<ProbeReport> {
    const { baseUrl } = await start(options);
    return probeAt(`${baseUrl}${behind}`, probing);
  }

  it('sends what the client of nodes sends, byte for byte', async () => {
    const asked: string[] = [];
    const server = createServer((socket) => {
      socket.setEncoding('latin1').on('data', (text: string) => {
        asked.push(text);
        socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      });
      socket.on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await probeAt(`http://user:pa%3Ass@127.0.0.1:${port}/a%20b?token=t`, { images });
    server.close();
    const [first = ''] = asked;
    const digest = /@sha256=([0-9a-f]{64})/.exec(first)?.[1];
    assert.equal(
      first,
      [
        `GET /a%20b/lookaside-probe/missing@sha256=${digest}/signature-2?token=t HTTP/1.1`,
        `Host: 127.0.0.1:${port}`,
        'User-Agent: Go-http-client/1.1',
        `Authorization: Basic ${Buffer.from('user:pa:ss').toString('base64')}`,
        'Accept-Encoding: gzip',
        '\r\n',
      ].join('\r\n'),
    );
    assert.ok(asked.some((text) => text.startsWith(`GET /a%20b/${at(1)}?token=t HTTP/1.1\r\n`)));
    assert.ok(asked.every((text) => !/^connection:/im.test(text)));
    // A lookup of the first number of what is not there would be one of a missing signature.
    assert.ok(asked.every((text) => !/lookaside-probe\/.*\/signature-1[ ?]/.test(text)));
  });

  it('finds nothing wrong with a right store, however many signatures it has', async () => {
    const files = new Map(Array.from({ length: 127 }, (_, index) => [at(index + 1), good]));
    const report = await probeOf({ files }, { images });
    assert.deepEqual(report.findings, []);
    assert.equal(report.verdict, 'good');
    assert.deepEqual(report.images, [{ image: IMAGE.name, signatures: 127 }]);
    assert.deepEqual(report.addresses, [{ address: '127.0.0.1', isReachable: true }]);
  });

  it('finds nothing wrong with a store below a path, or one that compresses with gzip', async () => {
    const below = new Map([[`sigs/${at(1)}`, good]]);
    assert.deepEqual(codesOf(await probeOf({ files: below }, { images }, '/sigs')), []);
    const plant = firstWith((_request, response) => {
      response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(good));
    });
    const report = await probeOf({ plant, files: one }, { images });
    assert.deepEqual(codesOf(report), []);
  });

  it('says that the slash at the end of an address is what fails', async () => {
    const expected = ['fails double-slash', 'note trailing-slash'];
    const found = await probeOf({ files: one, plant: withoutDouble(404) }, { images }, '/');
    assert.deepEqual(codesOf(found), expected);
    assert.deepEqual(codesOf(await probeOf({ plant: withoutDouble(400) }, {}, '/')), expected);
  });

  const kept: Readonly<Record<string, readonly [Readonly<Record<string, string>>, boolean]>> = {
    'for five seconds': [{ 'Cache-Control': 'public, max-age=5', Age: '3' }, false],
    'not at all': [{ 'Cache-Control': 'no-store' }, false],
    'for longer by shared caches': [{ 'Cache-Control': 'max-age=5, s-maxage=600' }, true],
    'for long while it is fetched again': [
      { 'Cache-Control': 'max-age=5, stale-while-revalidate=600' },
      true,
    ],
    'until a date': [{ Expires: new Date(Date.now() + 3_600_000).toUTCString() }, true],
    'until a date that is over': [{ Expires: '0' }, false],
    'by a cache, although it must not': [{ 'Cache-Control': 'no-store', Age: '30' }, true],
    'by a cache, and nobody says how long': [{ 'X-Cache': 'Hit from cloudfront' }, true],
    'by Varnish, and nobody says how long': [{ 'X-Varnish': '32770 5' }, true],
    'by no cache': [{ 'X-Cache': 'MISS', 'X-Varnish': '5' }, false],
  };
  for (const [how, [headers, isTold]] of Object.entries(kept)) {
    it(`${isTold ? 'tells of' : 'does not mind'} a 404 that is kept ${how}`, async () => {
      const report = await probeOf({ plant: answerWith(404, headers) });
      assert.deepEqual(codesOf(report), isTold ? ['risk missing-kept'] : []);
    });
  }

  const bodies: Readonly<Record<string, readonly [string, RegExp, Plant]>> = {
    'an empty one': ['unreadable-signature', /^empty: /, (_q, response) => response.end()],
    'a page': [
      'unreadable-signature',
      /^html: /,
      (_q, response) => response.end('<!doctype html>'),
    ],
    'one above 4 MiB': [
      'unreadable-signature',
      /^too-large: /,
      (_q, response) => response.end(Buffer.alloc(MAX_BLOB_BYTES + 1, 0xa3)),
    ],
    'one that has 4 MiB of nothing in it': [
      'unreadable-signature',
      /^too-large: /,
      (_q, response) => {
        response.setHeader('Content-Encoding', 'gzip');
        response.end(gzipSync(Buffer.alloc(2 * MAX_BLOB_BYTES)));
      },
    ],
    'one that is no gzip': [
      'encoding',
      /gzip/,
      (_q, response) => response.setHeader('Content-Encoding', 'gzip').end(good),
    ],
    'chunks without an end': [
      'wrong-length',
      /bytes, expected more$/,
      ({ socket }, response) => response.write(good, () => socket.end()),
    ],
    'more than its length': [
      'wrong-length',
      /^more than 10 bytes, expected 10$/,
      ({ socket }) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n${'x'.repeat(20)}`),
    ],
    'chunks that are none': [
      'not-http',
      /not HTTP/,
      ({ socket }) =>
        socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n\r\n'),
    ],
    'another status': [
      'unexpected-status',
      /^206/,
      (_q, response) => response.writeHead(206).end(good),
    ],
  };
  for (const [what, [code, got, plant]] of Object.entries(bodies)) {
    it(`tells of a signature that is ${what}`, async () => {
      const report = await probeOf({ files: one, plant: firstWith(plant) }, { images });
      assert.deepEqual(codesOf(report), [`fails ${code}`]);
      const [finding] = report.findings;
      assert.match(finding?.got ?? '', got);
      assert.equal(finding?.asked, `GET /${at(1)}`);
      assert.equal(finding?.image, IMAGE.name);
    });
  }

  it('takes a gap before all signatures for one that fails pulls', async () => {
    const report = await probeOf({ files: new Map([[at(2), good]]) }, { images });
    assert.deepEqual(codesOf(report), ['fails gap']);
  });

  it('follows ten redirects and no more, and shows no secret of them', async () => {
    const ten = await probeOf({ plant: redirecting(10) });
    assert.deepEqual(codesOf(ten), ['note redirect']);
    assert.doesNotMatch(JSON.stringify(ten), /secret=/);
    assert.deepEqual(codesOf(await probeOf({ plant: redirecting(11) })), ['fails redirect-loop']);
    const nowhere = answerWith(302, { Location: 'ftp://a.example/' });
    assert.deepEqual(codesOf(await probeOf({ plant: nowhere })), ['fails redirect-loop']);
    const without = await probeOf({ plant: answerWith(302) });
    assert.deepEqual(codesOf(without), ['fails unexpected-status']);
  });

  it('shows neither the password nor the query of an address', async () => {
    const { port } = await start({ plant: answerWith(404) });
    const report = await probeAt(`http://user:hidden@127.0.0.1:${port}/?token=hidden`, { images });
    assert.equal(report.url, `http://127.0.0.1:${port}/?…`);
    assert.doesNotMatch(JSON.stringify(report), /hidden/);
  });

  it('waits for an answer as long as it is told', async () => {
    const report = await probeOf({ plant: () => undefined }, { patience: PATIENCE });
    assert.deepEqual(codesOf(report), ['fails no-answer']);
    assert.equal(report.findings[0]?.got, 'nothing within 3 s');
  });

  it('asks every address of the name, and names those that are wrong', async () => {
    const { port } = await start({ files: one });
    await start({ plant: answerWith(503), host: '127.0.0.2', port });
    const report = await probeAt(`http://localhost:${port}`, { lookup: atThree });
    assert.deepEqual(
      report.findings.map(({ code, severity, addresses }) => [code, severity, addresses]),
      [
        ['server-error', 'fails', ['127.0.0.2']],
        ['unreachable', 'risk', ['127.0.0.3']],
      ],
    );
    assert.deepEqual(
      report.addresses.map(({ isReachable }) => isReachable),
      [true, true, false],
    );
  });

  it('takes an address of IPv6 that cannot be reached for a risk', async () => {
    const { port } = await start({ files: one });
    const report = await probeAt(`http://localhost:${port}`, {
      lookup: async () => ['::1', '127.0.0.1'],
    });
    assert.deepEqual(codesOf(report), ['risk unreachable']);
    assert.deepEqual(report.findings[0]?.addresses, ['::1']);
    assert.equal(report.verdict, 'good');
  });

  it('ends where a store changes to another protocol that nobody asked for', async () => {
    const report = await probeOf({ plant: changeProtocol }, {});
    assert.deepEqual(codesOf(report), ['fails unexpected-status']);
    assert.equal(report.findings[0]?.got, '101, expected 404');
  });

  it('only notes an address to which this machine has no way, beside one that answers', async () => {
    const { port } = await start({ files: one });
    // The system lets nobody connect to a group of machines.
    const report = await probeAt(`http://localhost:${port}`, {
      lookup: async () => ['224.0.0.1', '127.0.0.1'],
    });
    assert.deepEqual(codesOf(report), ['note unreachable']);
    assert.deepEqual(report.findings[0]?.addresses, ['224.0.0.1']);
    const alone = await probeAt(`http://localhost:${port}`, {
      lookup: async () => ['224.0.0.1'],
    });
    assert.deepEqual([alone.verdict, codesOf(alone)], ['unreachable', ['fails unreachable']]);
  });

  it('ends when it is told to', async () => {
    const ending = new AbortController();
    const plant: Plant = () => ending.abort(new Error('stopped'));
    await assert.rejects(probeOf({ plant }, { ending: ending.signal }), /stopped/);
  });

  it('keeps what it has found when its time is over', async () => {
    const report = await probeOf({ plant: silentForImages }, { images, timeLimit: 2000 }, '/');
    assert.deepEqual(codesOf(report), ['risk unfinished', 'note trailing-slash']);
    assert.equal(report.verdict, 'unfinished');
  });
});
