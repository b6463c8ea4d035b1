import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../test/kit/process/free-port.ts';
import type { Server } from '../process/serve-lookaside.ts';
import { toolPath } from '../tools.ts';
import { startPeer } from './peer.ts';

export interface NginxOptions {
  readonly name: string;
  /** What it serves. */
  readonly tree: string;
  /** For its configuration and logs. */
  readonly home: string;
  /** `32k`; every line at once unless told. */
  readonly logBuffer?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/**
 * nginx as it is recommended for static files, with one worker. `open_file_cache` is left out: it
 * keeps a descriptor for each file, and runs out of them with stores of this size.
 */
export async function startNginx(options: NginxOptions): Promise<Server> {
  const { name, tree, home, logBuffer, tls } = options;
  const port = await freePort();
  const temporaryPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(home, kind)};`,
  );
  const buffer = logBuffer === undefined ? '' : ` buffer=${logBuffer} flush=1s`;
  const secure = tls
    ? `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key}; ssl_protocols TLSv1.2 TLSv1.3;`
    : '';
  const config = `
    daemon off;
    ${process.getuid?.() === 0 ? `user ${userInfo().username};` : ''}
    worker_processes 1;
    pid ${join(home, 'nginx.pid')};
    error_log ${join(home, 'error.log')};
    events { worker_connections 16384; }
    http {
      ${temporaryPaths.join('\n')}
      access_log ${join(home, 'access.log')} combined${buffer};
      default_type application/octet-stream;
      sendfile on;
      tcp_nopush on;
      keepalive_requests 100000000;
      keepalive_timeout 65s;
      server {
        listen 127.0.0.1:${port}${tls ? ' ssl' : ''};
        ${secure}
        root "${tree}";
      }
    }`;
  const file = join(home, 'nginx.conf');
  await writeFile(file, config);
  const args = ['-e', join(home, 'error.log'), '-p', home, '-c', file];
  const command = toolPath('nginx');
  return startPeer({ name, command, args, port, scheme: tls ? 'https' : 'http' });
}
