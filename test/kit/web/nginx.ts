import { readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { toolPath } from '../../with-tools.ts';
import { startBackground } from '../process/background.ts';
import { freePort } from '../process/free-port.ts';
import type { StaticServer } from './static-server.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

/** Lines of nginx's configuration. */
interface NginxLines {
  /** Beside the server. */
  readonly http?: string;
  /** Of the server, beside the location `/`. */
  readonly server?: string;
  /** Of the location `/`. */
  readonly location?: string;
}

/** Serves a directory with nginx, following symlinks. Throws with its words if it won't start. */
export async function startNginx(
  directory: string,
  { http = '', server = '', location = '' }: NginxLines = {},
): Promise<StaticServer> {
  const own = await makeTemporary();
  const port = await freePort();
  const accessLog = join(own, 'access.log');
  const temporaryPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(own, name)};`,
  );
  const config = `
    daemon off;
    ${process.getuid?.() === 0 ? `user ${userInfo().username};` : ''}
    worker_processes 1;
    pid ${join(own, 'nginx.pid')};
    error_log stderr;
    events {}
    http {
      ${temporaryPaths.join('\n')}
      access_log ${accessLog};
      default_type application/octet-stream;
      ${http}
      server {
        listen 127.0.0.1:${port};
        root "${directory}";
        ${server}
        location / { ${location} }
      }
    }`;
  const configFile = join(own, 'nginx.conf');
  await writeFile(configFile, config);
  const args = ['-e', 'stderr', '-p', own, '-c', configFile];
  const background = await startBackground(toolPath('nginx'), args);
  await background.waitForPort(port);

  return {
    baseUrl: `http://127.0.0.1:${port}`,
    accessLog: () => readFile(accessLog, 'utf8'),
    async stop() {
      await background.stop();
      await removeTemporary(own);
    },
  };
}
