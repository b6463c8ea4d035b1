// A store made wrong in one way, a row a code: for the probe, and for real clients.
import { brotliCompressSync } from 'node:zlib';
import type { ProbeFindingCode, ProbeSeverity } from '../../../generator/probe/probe-finding.ts';
import type { ProbedImage } from '../../../generator/probe/probe-image.ts';
import type { ProbeOptions } from '../../../generator/probe/probe-store.ts';
import type { Plant, PlantedStoreOptions } from '../../kit/web/planted-store.ts';

/** What is wrong, and what the probe is told. */
export interface Planted {
  readonly store?: PlantedStoreOptions;
  /** The address of the store unless told. */
  readonly url?: (baseUrl: string, port: number) => string;
  readonly options?: Partial<ProbeOptions>;
  /** Beside the first. */
  readonly others?: (port: number) => readonly PlantedStoreOptions[];
  readonly severity?: ProbeSeverity;
}

/** What a store has. */
export interface PlantedWorld {
  readonly images: readonly ProbedImage[];
  /** The location of a signature of the image. */
  readonly at: (number: number) => string;
  readonly good: Uint8Array;
  /** A signature of another image. */
  readonly stranger: Uint8Array;
}

const ARMORED = Buffer.from('-----BEGIN PGP MESSAGE-----\n\n=abcd\n-----END PGP MESSAGE-----\n');
const HTML = '<!doctype html><title>Welcome</title>';

/** Answers all questions for what is not there with a status and a body. */
const missingWith =
  (status: number, body = '', headers: Readonly<Record<string, string>> = {}): Plant =>
  (request, response, right) => {
    if (!request.url?.includes('/signature-') || request.url.endsWith('/signature-1')) {
      right();
      return;
    }
    response.writeHead(status, { 'Content-Length': body.length, ...headers });
    response.end(request.method === 'HEAD' ? '' : body);
  };

/** Redirects everything but a login and what has moved. */
export const redirectTo =
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

/** A row for each code that needs no certificate. */
export function plantFaults({
  images,
  at,
  good,
  stranger,
}: PlantedWorld): Partial<Record<ProbeFindingCode, Planted>> {
  /** The numbers from 1 on. */
  const files = (...all: readonly (Uint8Array | undefined)[]): ReadonlyMap<string, Uint8Array> =>
    new Map(all.flatMap((bytes, index) => (bytes ? [[at(index + 1), bytes] as const] : [])));
  const one = files(good);
  return {
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
          const isBrowser = request.headers['user-agent']?.startsWith('Mozilla/') ?? false;
          if (!isBrowser) response.writeHead(403, { 'Content-Length': '0' }).end();
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
    'missing-is-page': {
      store: { plant: missingWith(200, HTML, { 'Content-Type': 'text/html' }) },
    },
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
      store: {
        files: one,
        plant(request, response, right) {
          if (request.url !== `/${at(1)}`) return right();
          response.writeHead(200, { 'Content-Encoding': 'br' }).end(brotliCompressSync(good));
        },
      },
      options: { images },
    },
    'no-good-signature': { store: { files: files(stranger) }, options: { images } },
    'useless-signature': {
      store: { files: files(good, stranger) },
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
}
