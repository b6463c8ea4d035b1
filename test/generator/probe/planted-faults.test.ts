// A store made wrong in one way, a row a code: the probe finds this and nothing else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TlsFiles } from '../../../server/listen/listener.ts';
import {
  PROBE_FINDINGS,
  type ProbeFindingCode,
  type ProbeSeverity,
} from '../../../generator/probe/probe-finding.ts';
import type { ProbeOptions } from '../../../generator/probe/probe-store.ts';
import { freePort } from '../../kit/process/free-port.ts';
import { Authority } from '../../kit/web/authority.ts';
import {
  type Plant,
  type PlantedStoreOptions,
  startPlantedStore,
} from '../../kit/web/planted-store.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { IMAGE, at, probeAt, signFor } from './probe-world.ts';

/** What is wrong, and what the probe is told. */
interface Planted {
  readonly store?: PlantedStoreOptions;
  /** The address of the store unless told. */
  readonly url?: (baseUrl: string, port: number) => string;
  readonly options?: Partial<ProbeOptions>;
  /** Beside the first. */
  readonly others?: (port: number) => readonly PlantedStoreOptions[];
  readonly severity?: ProbeSeverity;
}

const ARMORED = Buffer.from('-----BEGIN PGP MESSAGE-----\n\n=abcd\n-----END PGP MESSAGE-----\n');
const HTML = '<!doctype html><title>Welcome</title>';
const images = [IMAGE];

/** The numbers from 1 on, each a good signature unless told. */
const files = (...all: readonly (Uint8Array | undefined)[]): ReadonlyMap<string, Uint8Array> =>
  new Map(all.flatMap((bytes, index) => (bytes ? [[at(index + 1), bytes] as const] : [])));

const good = signFor();
const one = files(good);

const isMissing = (url = ''): boolean => url.includes('lookaside-probe');

/** Answers all questions for what is not there with a status and a body. */
const missingWith =
  (status: number, body = '', headers: Readonly<Record<string, string>> = {}): Plant =>
  (request, response, right) => {
    if (!isMissing(request.url)) return right();
    response.writeHead(status, { 'Content-Length': body.length, ...headers });
    response.end(request.method === 'HEAD' ? '' : body);
  };

/** Answers a signature in another way. */
const servedWith =
  (headers: Readonly<Record<string, string>>, body: Uint8Array = good): Plant =>
  (request, response, right) => {
    if (request.url !== `/${at(1)}`) return right();
    response.writeHead(200, headers);
    response.end(body);
  };

const redirectTo =
  (location: (url: string) => string): Plant =>
  (request, response, right) => {
    const { url = '' } = request;
    if (url.startsWith('/login')) {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(HTML);
    } else if (url.startsWith('/moved')) {
      request.url = url.slice('/moved'.length);
      right();
    } else {
      response.writeHead(302, { Location: location(url), 'Content-Length': '0' }).end();
    }
  };

const PLAIN: Partial<Record<ProbeFindingCode, Planted>> = {
  'no-address': {
    options: { lookup: async () => Promise.reject(new Error('getaddrinfo ENOTFOUND')) },
  },
  unreachable: { options: { lookup: async () => ['127.0.0.1', '127.0.0.2'] }, severity: 'risk' },
  'no-answer': { store: { plant: (request) => void request.socket.destroy() } },
  slow: { options: { slowAfter: -1 } },
  'not-http': { store: { plant: (request) => void request.socket.end('220 mail ready\r\n') } },
  'agent-refused': {
    store: {
      plant(request, response, right) {
        const isGo = request.headers['user-agent']?.startsWith('Go-') ?? false;
        if (isGo) response.writeHead(403, { 'Content-Length': '0' }).end();
        else right();
      },
    },
  },
  'at-sign-refused': {
    store: {
      plant({ url = '' }, response, right) {
        if (url.includes('@')) response.writeHead(400, { 'Content-Length': '0' }).end();
        else right();
      },
    },
  },
  'missing-forbidden': { store: { plant: missingWith(403) } },
  'missing-needs-login': { store: { plant: missingWith(401) } },
  'missing-gone': { store: { plant: missingWith(410) } },
  'missing-is-page': { store: { plant: missingWith(200, HTML, { 'Content-Type': 'text/html' }) } },
  'server-error': { store: { plant: missingWith(503) } },
  'rate-limited': {
    store: {
      get plant(): Plant {
        let requests = 0;
        return (_request, response, right) => {
          requests++;
          if (requests > 5 && requests < 15) {
            response.writeHead(429, { 'Content-Length': '0' }).end();
          } else right();
        };
      },
    },
  },
  'unexpected-status': { store: { plant: missingWith(418) } },
  'redirect-to-page': { store: { plant: redirectTo(() => '/login') } },
  'redirect-loop': { store: { plant: redirectTo((url) => url) } },
  redirect: { store: { plant: redirectTo((url) => `/moved${url}`) } },
  'missing-kept': {
    store: { plant: missingWith(404, '', { 'Cache-Control': 'public, max-age=3600' }) },
  },
  'missing-has-body': { store: { plant: missingWith(404, 'not found') } },
  'no-keep-alive': { store: { plant: missingWith(404, '', { Connection: 'close' }) } },
  'keep-alive-broken': {
    store: {
      get plant(): Plant {
        const seen = new WeakSet();
        return (request, _response, right) => {
          if (seen.has(request.socket)) request.socket.destroy();
          else right();
          seen.add(request.socket);
        };
      },
    },
  },
  'double-slash': {
    store: {
      files: one,
      plant(request, _response, right) {
        if (request.url?.includes('//')) request.url = '/none';
        right();
      },
    },
    options: { images },
  },
  escapes: {
    store: {
      files: one,
      plant(request, _response, right) {
        request.url = request.url?.replaceAll('%', '_') ?? '';
        right();
      },
    },
    options: { images },
  },
  'decoded-twice': {
    store: {
      files: one,
      plant(request, _response, right) {
        request.url = decodeURIComponent(request.url ?? '');
        right();
      },
    },
    options: { images },
  },
  'head-differs': {
    store: {
      plant({ method }, response, right) {
        if (method === 'HEAD') response.writeHead(405, { 'Content-Length': '0' }).end();
        else right();
      },
    },
  },
  listing: {
    store: {
      plant({ url }, response, right) {
        if (url === '/') response.end('<html><head><title>Index of /</title></head></html>');
        else right();
      },
    },
  },
  'trailing-slash': { url: (baseUrl) => `${baseUrl}/` },
  'http-store': {
    url: (_baseUrl, port) => `http://store.example:${port}`,
    options: { lookup: async () => ['127.0.0.1'] },
  },
  'secret-in-url': { url: (baseUrl) => `${baseUrl}?token=secret` },
  'image-unsigned': { options: { images } },
  'unreadable-signature': { store: { files: files(ARMORED) }, options: { images } },
  'wrong-length': {
    store: {
      files: one,
      plant(request, response, right) {
        if (request.url !== `/${at(1)}`) return right();
        response.writeHead(200, { 'Content-Length': good.length + 10 });
        response.write(good, () => request.socket.end());
      },
    },
    options: { images },
  },
  encoding: {
    store: { files: one, plant: servedWith({ 'Content-Encoding': 'br' }) },
    options: { images },
  },
  'no-good-signature': { store: { files: files(signFor('cd'.repeat(32))) }, options: { images } },
  'useless-signature': {
    store: { files: files(good, signFor('cd'.repeat(32))) },
    options: { images },
  },
  gap: { store: { files: files(good, undefined, good) }, options: { images } },
  'too-many': {
    store: { files: files(...Array.from({ length: 128 }, () => good)) },
    options: { images },
  },
  'replicas-differ': {
    store: { files: one },
    others: (port) => [{ files: files(good, good), host: '127.0.0.2', port }],
    url: (_baseUrl, port) => `http://localhost:${port}`,
    options: { images, lookup: async () => ['127.0.0.1', '127.0.0.2'] },
  },
  unfinished: { store: { plant: () => undefined }, options: { timeLimit: 100 } },
};

/** Those that need certificates; `own` is a good one. */
const TLS: Partial<Record<ProbeFindingCode, (world: TlsWorld) => Promise<Planted>>> = {
  'tls-handshake': async ({ own }) => ({
    store: { tls: { ...own, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-CCM' } },
  }),
  'tls-untrusted': async ({ own }) => ({ store: { tls: own }, options: { trusted: undefined } }),
  'tls-name': async ({ authority }) => ({ store: { tls: await authority.issue('DNS:a.example') } }),
  'tls-expired': async ({ authority }) => ({
    store: { tls: await authority.issue('IP:127.0.0.1', '2020-01-01') },
  }),
  'tls-expires-soon': async ({ own }) => ({
    store: { tls: own },
    options: { expiryWarning: 30 * 86_400_000 },
  }),
  'redirect-to-http': async ({ own, plainUrl }) => ({
    store: { tls: own, plant: redirectTo((url) => `${plainUrl}${url}`) },
  }),
};

interface TlsWorld {
  readonly authority: Authority;
  readonly own: TlsFiles;
  /** A right store without TLS. */
  readonly plainUrl: string;
}

async function assertOnly(code: ProbeFindingCode, planted: Planted): Promise<void> {
  const { store, url, options, others, severity = PROBE_FINDINGS[code].severity } = planted;
  const first = await startPlantedStore(store);
  const more = await Promise.all((others?.(first.port) ?? []).map(startPlantedStore));
  try {
    const { findings } = await probeAt(url?.(first.baseUrl, first.port) ?? first.baseUrl, options);
    const found = findings.map((finding) => `${finding.severity} ${finding.code}`);
    assert.deepEqual(found, [`${severity} ${code}`], JSON.stringify(findings, undefined, 2));
  } finally {
    await Promise.all([first, ...more].map(async ({ stop }) => stop()));
  }
}

describe('of a store that is wrong in one way, the probe tells', () => {
  for (const [code, planted] of Object.entries(PLAIN)) {
    it(code, async () => assertOnly(code as ProbeFindingCode, planted));
  }

  it('unreachable for a port where nobody listens', async () => {
    const report = await probeAt(`http://127.0.0.1:${await freePort()}`);
    assert.deepEqual(
      report.findings.map(({ code, severity }) => [code, severity]),
      [['unreachable', 'fails']],
    );
    assert.equal(report.verdict, 'unreachable');
  });

  it('all codes that there are', () => {
    const all = [...Object.keys(PLAIN), ...Object.keys(TLS), 'http2-only'];
    assert.deepEqual(all.toSorted(), Object.keys(PROBE_FINDINGS).toSorted());
  });
});

describeWith(
  ['openssl', 'faketime'],
  'of a store with TLS that is wrong in one way, the probe tells',
  () => {
    const directory = useTemporary('suite');
    let world: TlsWorld;
    let plain: Awaited<ReturnType<typeof startPlantedStore>>;
    before(async () => {
      const authority = await Authority.make(directory());
      plain = await startPlantedStore();
      world = { authority, own: await authority.issue('IP:127.0.0.1'), plainUrl: plain.baseUrl };
    });
    after(async () => plain.stop());

    const trust = async (): Promise<Partial<ProbeOptions>> => ({
      trusted: [await readFile(world.authority.file, 'utf8')],
    });
    for (const [code, plant] of Object.entries(TLS)) {
      it(code, async () => {
        const planted = await plant(world);
        const options = { ...(await trust()), ...planted.options };
        await assertOnly(code as ProbeFindingCode, { ...planted, options });
      });
    }

    it('http2-only', async () => {
      const { cert, key } = world.own;
      const server = createSecureServer({
        cert: Buffer.from(cert),
        key: Buffer.from(key),
        allowHTTP1: false,
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const { findings } = await probeAt(`https://127.0.0.1:${port}`, await trust());
      server.close();
      assert.deepEqual(
        findings.map(({ code }) => code),
        ['http2-only'],
      );
    });

    it('nothing where nothing is wrong', async () => {
      const store = await startPlantedStore({ tls: world.own, files: one });
      const report = await probeAt(store.baseUrl, { images, ...(await trust()) });
      await store.stop();
      assert.deepEqual(report.findings, []);
    });
  },
);
