import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toolPath } from '../../with-tools.ts';
import { startBackground } from '../process/background.ts';
import { freePort } from '../process/free-port.ts';
import type { StaticServer } from './static-server.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export const MODULES = '/usr/lib/apache2/modules';
/** The numbers of nobody and nogroup: Apache declines to serve as root. */
const NOBODY = '#65534';

/**
 * Serves a directory with Apache, following symlinks. As root it serves as nobody, who must be able
 * to read the directory. `lines` are further ones of its configuration. Throws with its words if it won't start.
 */
export async function startApache(directory: string, lines = ''): Promise<StaticServer> {
  const own = await makeTemporary();
  const port = await freePort();
  const accessLog = join(own, 'access.log');
  const config = `
    ServerName 127.0.0.1
    ServerRoot "${own}"
    DefaultRuntimeDir "${own}"
    PidFile "${join(own, 'apache.pid')}"
    Listen 127.0.0.1:${port}
    LoadModule mpm_event_module ${MODULES}/mod_mpm_event.so
    LoadModule authz_core_module ${MODULES}/mod_authz_core.so
    ${process.getuid?.() === 0 ? `User ${NOBODY}\nGroup ${NOBODY}` : ''}
    ErrorLog "|/bin/cat"
    CustomLog "${accessLog}" "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\""
    DocumentRoot "${directory}"
    ${lines}
    <Directory "/">
      AllowOverride None
      Options FollowSymLinks
      Require all granted
    </Directory>`;
  const configFile = join(own, 'apache.conf');
  await writeFile(configFile, config);
  const background = await startBackground(toolPath('apache2'), ['-DFOREGROUND', '-f', configFile]);
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
