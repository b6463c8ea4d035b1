import { once } from 'node:events';
import { type IncomingMessage, createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { freePort } from '../process/free-port.ts';

export interface RewritingProxy {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** The lines of git's protocol in an answer; null is a flush. */
export type PacketLines = readonly (string | null)[];

/** Stands before a smart HTTP server, and has lists of refs say what it likes. */
export async function rewriteRefs(
  target: string,
  rewrite: (lines: PacketLines) => PacketLines,
): Promise<RewritingProxy> {
  const { origin, pathname } = new URL(target);
  const port = await freePort();
  const forward = async (request: IncomingMessage, body: Buffer): Promise<Response> => {
    const headers = new Headers();
    for (const name of ['content-type', 'git-protocol', 'accept', 'content-encoding']) {
      const value = request.headers[name];
      if (typeof value === 'string') headers.set(name, value);
    }
    const { method = 'GET', url = '/' } = request;
    const sent = method === 'POST' ? { body: new Uint8Array(body) } : {};
    return fetch(`${origin}${url}`, { method, headers, ...sent });
  };
  const server = createServer((request, response) => {
    void (async () => {
      const body = await buffer(request);
      const answer = await forward(request, body);
      const bytes = Buffer.from(await answer.arrayBuffer());
      const listsRefs = request.url?.includes('/info/refs') || body.includes('command=ls-refs');
      const type = answer.headers.get('content-type') ?? '';
      response.writeHead(answer.status, { 'Content-Type': type });
      response.end(listsRefs ? format(rewrite(parse(bytes))) : bytes);
    })().catch(() => response.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${port}${pathname}`,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function parse(bytes: Buffer): PacketLines {
  const lines: (string | null)[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number.parseInt(bytes.toString('latin1', at, at + 4), 16);
    lines.push(length < 4 ? null : bytes.toString('latin1', at + 4, at + length));
    at += Math.max(length, 4);
  }
  return lines;
}

function format(lines: PacketLines): Buffer {
  const packets = lines.map((line) =>
    line === null ? '0000' : `${(line.length + 4).toString(16).padStart(4, '0')}${line}`,
  );
  return Buffer.from(packets.join(''), 'latin1');
}
