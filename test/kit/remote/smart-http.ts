/**
 * A git host on the loopback that behaves well or, from one request to the next, in any other way.
 * Well means git's own CGI program. All else is written here by hand, in the first version of the
 * protocol (gitprotocol-http(5), gitprotocol-pack(5)), which every client speaks.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gunzipSync } from 'node:zlib';
import { runGitBackend } from './git-backend.ts';

/** One request, and what can be done about it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the client asks for: the list of refs, a pack, or something else. */
  readonly asks: 'refs' | 'pack' | 'other';
  /** Has git answer. */
  readonly pass: () => void;
  /** Writes a part of the answer and waits until it is taken; false once the client has gone. */
  readonly write: (part: Uint8Array | string) => Promise<boolean>;
}

/** A way to answer. What it throws ends the connection. */
export type Behaviour = (exchange: Exchange) => Promise<void> | void;

/** A line of the list of refs. The name may hold whatever a name must not. */
export interface Ref {
  readonly id: string;
  readonly name: string | Uint8Array;
}

const BRANCH = 'refs/heads/main';
const CAPABILITIES =
  'multi_ack_detailed side-band-64k thin-pack ofs-delta no-progress include-tag object-format=sha1';
const FLUSH = '0000';
/** Of a packet line, its four digits counted. Bytes. */
const MAX_LINE = 65_520;
const BAND = { pack: 1, progress: 2, error: 3 } as const;
/** Lists and packs without an end are sent in parts of about so many bytes. */
const PART = 60_000;

export class SmartHttp {
  readonly #repository: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #requests: string[] = [];
  #bytesOnClosed = 0;
  #behaviour: Behaviour = serveWell;

  private constructor(repository: string) {
    this.#repository = repository;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#bytesOnClosed += socket.bytesWritten;
      });
    });
  }

  /** Serves one bare repository, well. */
  static async start(repository: string): Promise<SmartHttp> {
    const host = new SmartHttp(repository);
    host.#server.listen(0, '127.0.0.1');
    await once(host.#server, 'listening');
    return host;
  }

  /** `http://127.0.0.1:PORT/NAME.git` */
  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it does not listen');
    return `http://127.0.0.1:${address.port}/${basename(this.#repository)}`;
  }

  /** `METHOD PATH` of every request so far. */
  get requests(): readonly string[] {
    return this.#requests;
  }

  /** What it has sent so far, in bytes. */
  get bytesSent(): number {
    const open = Array.from(this.#sockets, ({ bytesWritten }) => bytesWritten);
    return open.reduce((sum, bytes) => sum + bytes, this.#bytesOnClosed);
  }

  /** How many connections are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** From now on requests are answered so; those that run go on as they began. */
  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
  }

  /** Breaks all connections. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.drop();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests.push(`${request.method} ${request.url}`);
    response.on('error', () => undefined);
    request.on('error', () => undefined);
    const exchange: Exchange = {
      request,
      response,
      asks: whatIsAsked(request),
      pass: () => runGitBackend(dirname(this.#repository), request, response),
      write: (part) => writeTo(response, part),
    };
    try {
      await this.#behaviour(exchange);
    } catch {
      response.destroy();
    }
  }
}

/** As git does it. */
export const serveWell: Behaviour = ({ pass }) => pass();

/** A line of progress every so many milliseconds, and never a pack. */
export function progressForEver(everyMilliseconds: number): Behaviour {
  return newCommit(async ({ write }) => {
    for (let count = 0; await write(band(BAND.progress, `Counting objects: ${count}\r`)); count++) {
      await sleep(everyMilliseconds);
    }
  });
}

/** So many bytes of progress in long lines, as fast as they are taken, and then an error. */
export function progressFlood(bytes: number): Behaviour {
  const said = band(BAND.progress, `${'remote says '.repeat(PART / 12)}\n`);
  return newCommit(async ({ write, response }) => {
    for (let sent = 0; sent < bytes && (await write(said)); sent += said.length);
    response.end(Buffer.concat([band(BAND.error, 'enough\n'), Buffer.from(FLUSH)]));
  });
}

/** Refuses to send a pack with these words, which may hold control characters. */
export function refuseWith(words: string): Behaviour {
  return newCommit(({ response }) => {
    const parts = cut(Buffer.from(words), PART).map((part) => band(BAND.progress, part));
    response.end(Buffer.concat([...parts, band(BAND.error, 'no\n'), Buffer.from(FLUSH)]));
  });
}

/** Refs that are not there, or cannot be; packs as git gives them. */
export function lyingRefs(refs: readonly Ref[]): Behaviour {
  return ({ asks, response, pass }) => {
    if (asks !== 'refs') return pass();
    sendRefs(response, refs);
  };
}

/**
 * Tells of a commit that nobody has. Asked for it, the host sends a pack that is whole and empty,
 * so that git itself must find that what it wanted is not there.
 */
export const missingCommit: Behaviour = newCommit(({ response }) => {
  const content = packHead(0);
  const pack = Buffer.concat([content, createHash('sha1').update(content).digest()]);
  response.end(Buffer.concat([band(BAND.pack, pack), Buffer.from(FLUSH)]));
});

/** Whatever is asked for, all of a repository but one object, as if that were too large. */
export function withholding(repository: string, id: string): Behaviour {
  return async ({ asks, request, response, pass }) => {
    // In the second version of the protocol refs are asked for only.
    if (asks !== 'pack' || request.headers['git-protocol'] !== undefined) return pass();
    const isDone = (await readBody(request)).includes('0009done');
    response.writeHead(200, { 'Content-Type': contentTypeOf(request) });
    if (!isDone) return void response.end(line('NAK\n'));
    const parts = cut(packWithout(repository, id), PART).map((part) => band(BAND.pack, part));
    response.end(Buffer.concat([line('NAK\n'), ...parts, Buffer.from(FLUSH)]));
  };
}

function packWithout(repository: string, id: string): Buffer {
  const git = (args: readonly string[], input = ''): Buffer =>
    execFileSync('git', ['--git-dir', repository, ...args], { input, stdio: 'pipe' });
  const all = git(['rev-list', '--objects', '--no-object-names', '--all']).toString();
  return git(['pack-objects', '--stdout', '-q'], all.replace(`${id}\n`, ''));
}

/**
 * A list of refs without an end, so many bytes a second at most: git keeps all of it in memory, and
 * the machine of the test is to live on.
 */
export function endlessRefs(bytesPerSecond = 2_000_000): Behaviour {
  return async ({ asks, response, write, pass }) => {
    if (asks !== 'refs') return pass();
    const id = madeUpId();
    beginRefs(response);
    let isTaken = await write(refLine({ id, name: BRANCH }, true));
    for (let part = 0; isTaken; part++) {
      const lines = Array.from({ length: 1000 }, (_, index) =>
        refLine({ id, name: `refs/tags/t${part}-${index}` }, false),
      );
      const bytes = Buffer.concat(lines);
      isTaken = await write(bytes);
      await sleep((bytes.length / bytesPerSecond) * 1000);
    }
  };
}

/** A pack with practically no end (60 GB), of blobs that compress badly, so many bytes a second at most. */
export function endlessPack(bytesPerSecond = 10_000_000): Behaviour {
  return newCommit(async ({ write }) => {
    let isTaken = await write(band(BAND.pack, packHead(1_000_000)));
    while (isTaken) {
      const rest = PART >> 4;
      const head = Buffer.from([(3 << 4) | (PART & 0xf) | 0x80, (rest & 0x7f) | 0x80, rest >> 7]);
      const blob = Buffer.concat([head, deflateSync(randomBytes(PART), { level: 0 })]);
      for (const part of cut(blob, PART)) isTaken = await write(band(BAND.pack, part));
      await sleep((blob.length / bytesPerSecond) * 1000);
    }
  });
}

/** A pack that begins as one, and goes on with random bytes. */
export function garbagePack(bytes: number): Behaviour {
  return newCommit(({ response }) => {
    const content = Buffer.concat([packHead(1000), randomBytes(bytes)]);
    const parts = cut(content, PART).map((part) => band(BAND.pack, part));
    response.end(Buffer.concat([...parts, Buffer.from(FLUSH)]));
  });
}

/** What git gives, and the connection broken after so many bytes of a pack. */
export function cutPack(bytes: number): Behaviour {
  return ({ asks, response, pass }) => {
    if (asks === 'pack') throttle(response, bytes, () => response.destroy());
    pass();
  };
}

/** What git gives, one byte every so many milliseconds. */
export function drip(everyMilliseconds: number): Behaviour {
  return async ({ request, response, write }) => {
    await buffer(request);
    response.writeHead(200, { 'Content-Type': contentTypeOf(request) });
    const text = Buffer.concat([serviceLine(), refLine({ id: madeUpId(), name: BRANCH }, true)]);
    const endless = Buffer.concat([text, ...Array.from({ length: 1000 }, () => text)]);
    for (const byte of endless) {
      if (!(await write(Buffer.from([byte])))) return;
      await sleep(everyMilliseconds);
    }
  };
}

/** Takes requests and never answers. */
export const silence: Behaviour = ({ request }) => void request.resume();

/** Begins an answer, and says no more. */
export const silenceAfterHead: Behaviour = ({ request, response }) => {
  request.resume();
  response.writeHead(200, { 'Content-Type': contentTypeOf(request) }).flushHeaders();
};

/** Breaks each connection. */
export const breakOff: Behaviour = ({ request }) => void request.socket.destroy();

/** This status, and as many bytes of text. */
export function answerStatus(status: number, bytes = 0): Behaviour {
  return ({ request, response }) => {
    request.resume();
    response.writeHead(status, { 'Content-Type': 'text/plain' }).end(Buffer.alloc(bytes, 'error '));
  };
}

/** Refs as they are, under a wrong content type. */
export const wrongContentType: Behaviour = ({ request, response }) => {
  request.resume();
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(Buffer.concat([serviceLine(), refLine({ id: madeUpId(), name: BRANCH }, true)]));
};

/** Sends everybody elsewhere. */
export function redirectTo(location: string): Behaviour {
  return ({ request, response }) => {
    request.resume();
    response.writeHead(302, { Location: location }).end();
  };
}

/** What a proxy answers that wants people to log in: a page, and 200. */
export const loginPage: Behaviour = ({ request, response }) => {
  request.resume();
  const page = '<!DOCTYPE html><title>Log in</title><form action="/login"></form>\n';
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page);
};

/** Names that forge lines of what git's helper for HTTP says of refs and packs. */
export function forgedRefs(id: string, path: string): readonly Ref[] {
  return [
    { id, name: BRANCH },
    { id, name: `refs/heads/x\nlock ${path}` },
    { id, name: `refs/heads/y\n\nlock ${path}\n` },
    { id, name: `refs/heads/z\nconnectivity-ok\nlock ${path}\n\n` },
    { id, name: Buffer.from([0x72, 0x65, 0x66, 0x73, 0x2f, 0x9b, 0x33, 0x31, 0x6d, 0xff]) },
  ];
}

/** An id that nothing has. */
function madeUpId(): string {
  return randomBytes(20).toString('hex');
}

/** Tells of a new commit on the branch; `send` goes on behind the head of what brings it. */
function newCommit(send: (exchange: Exchange) => Promise<void> | void): Behaviour {
  const id = madeUpId();
  return async (exchange) => {
    const { asks, request, response } = exchange;
    if (asks === 'refs') {
      request.resume();
      return sendRefs(response, [{ id, name: BRANCH }]);
    }
    if (asks !== 'pack') return exchange.pass();
    const isDone = (await readBody(request)).includes('0009done');
    response.writeHead(200, { 'Content-Type': contentTypeOf(request) });
    if (!isDone) return void response.end(line('NAK\n'));
    if (await exchange.write(line('NAK\n'))) await send(exchange);
  };
}

function whatIsAsked({ method, url }: IncomingMessage): Exchange['asks'] {
  const path = url ?? '';
  if (method === 'GET' && path.includes('/info/refs?')) return 'refs';
  return method === 'POST' && path.endsWith('/git-upload-pack') ? 'pack' : 'other';
}

function contentTypeOf(request: IncomingMessage): string {
  const what = whatIsAsked(request) === 'refs' ? 'advertisement' : 'result';
  return `application/x-git-upload-pack-${what}`;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const body = await buffer(request);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}

function beginRefs(response: ServerResponse): void {
  response.writeHead(200, {
    'Content-Type': 'application/x-git-upload-pack-advertisement',
    'Cache-Control': 'no-cache',
  });
  response.write(serviceLine());
}

function sendRefs(response: ServerResponse, refs: readonly Ref[]): void {
  const [first] = refs;
  const head = first === undefined ? [] : [refLine({ ...first, name: 'HEAD' }, true)];
  beginRefs(response);
  const lines = refs.map((ref) => refLine(ref, false));
  response.end(Buffer.concat([...head, ...lines, Buffer.from(FLUSH)]));
}

function refLine({ id, name }: Ref, isFirst: boolean): Buffer {
  const capabilities = isFirst ? `\0${CAPABILITIES} symref=HEAD:${BRANCH}` : '';
  return line(
    Buffer.concat([Buffer.from(`${id} `), Buffer.from(name), Buffer.from(`${capabilities}\n`)]),
  );
}

function serviceLine(): Buffer {
  return Buffer.concat([line('# service=git-upload-pack\n'), Buffer.from(FLUSH)]);
}

/** A packet line: four hex digits of its length, these counted, and the content. */
function line(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  const length = bytes.length + FLUSH.length;
  if (length > MAX_LINE) throw new Error(`a packet line of ${length} bytes`);
  return Buffer.concat([Buffer.from(length.toString(16).padStart(FLUSH.length, '0')), bytes]);
}

function band(number: number, content: string | Uint8Array): Buffer {
  return line(Buffer.concat([Buffer.from([number]), Buffer.from(content)]));
}

function packHead(objects: number): Buffer {
  const head = Buffer.alloc(12);
  head.write('PACK');
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(objects, 8);
  return head;
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

/** Waits until a part of an answer is taken; false once the client has gone. */
async function writeTo(response: ServerResponse, part: Uint8Array | string): Promise<boolean> {
  if (response.destroyed || response.closed) return false;
  if (response.write(part)) return true;
  return new Promise((resolve) => {
    const done = (isTaken: boolean) => (): void => {
      response.off('drain', taken).off('close', gone);
      resolve(isTaken);
    };
    const [taken, gone] = [done(true), done(false)];
    response.once('drain', taken).once('close', gone);
  });
}

/** Lets so many bytes of an answer through, and then does `onLimit`. */
function throttle(response: ServerResponse, bytes: number, onLimit: () => void): void {
  const write = response.write.bind(response);
  let left = bytes;
  response.write = (part: Uint8Array | string): boolean => {
    const content = Buffer.from(part);
    const through = content.subarray(0, left);
    left -= through.length;
    const isTaken = write(through);
    if (left === 0) setImmediate(onLimit);
    return isTaken;
  };
}
