// Pages of other sites may send a browser here. They may not make it do anything, and, where only
// this machine is meant to read, not read under a name of their own that leads here.
import { isIP } from 'node:net';
import type { RequestHandler } from 'express';
import { sendJson } from './json/send-json.ts';

/** Answers 403 to what a page of another site asks for; programs send none of these headers. */
export const refuseCrossSite: RequestHandler = (request, response, next) => {
  const { origin, host, 'sec-fetch-site': site = 'none' } = request.headers;
  const isOwn = origin === undefined || hostOf(origin) === host;
  if (isOwn && (site === 'none' || site === 'same-origin')) next();
  else sendJson(response.status(403), { message: 'a page of another site may not ask for this' });
};

/** Over the loopback, answers 403 to requests by a name that anybody may have made lead there. */
export const refuseOtherHosts: RequestHandler = (request, response, next) => {
  const { localAddress = '' } = request.socket;
  if (!LOOPBACK.test(localAddress) || isLocal(request.headers.host ?? '')) next();
  else response.status(403).type('text').send('ask by the address, or by localhost\n');
};

const LOOPBACK = /^(?:(?:::ffff:)?127\..*|::1)$/;

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function isLocal(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === '' || name.toLowerCase() === 'localhost' || isIP(name) !== 0;
}
