import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../test/kit/process/free-port.ts';
import type { Server } from '../process/serve-lookaside.ts';
import { toolPath } from '../tools.ts';
import { startPeer } from './peer.ts';

const MODULES = '/usr/lib/apache2/modules';
/** The numbers of nobody and nogroup: Apache declines to serve as root. */
const NOBODY = '#65534';

/** Apache with the event MPM and its settings as Debian ships them, without `.htaccess` files. */
export async function startApache(tree: string, home: string): Promise<Server> {
  const port = await freePort();
  const config = `
    ServerName 127.0.0.1
    ServerRoot "${home}"
    DefaultRuntimeDir "${home}"
    PidFile "${join(home, 'apache.pid')}"
    Listen 127.0.0.1:${port}
    LoadModule mpm_event_module ${MODULES}/mod_mpm_event.so
    LoadModule authz_core_module ${MODULES}/mod_authz_core.so
    ${process.getuid?.() === 0 ? `User ${NOBODY}\nGroup ${NOBODY}` : ''}
    StartServers 2
    MinSpareThreads 25
    MaxSpareThreads 75
    ThreadLimit 64
    ThreadsPerChild 25
    MaxRequestWorkers 150
    MaxConnectionsPerChild 0
    KeepAlive On
    MaxKeepAliveRequests 0
    KeepAliveTimeout 65
    ErrorLog "${join(home, 'error.log')}"
    CustomLog "${join(home, 'access.log')}" "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\""
    DocumentRoot "${tree}"
    <Directory "/">
      AllowOverride None
      Options FollowSymLinks
      Require all granted
    </Directory>`;
  const file = join(home, 'apache.conf');
  await writeFile(file, config);
  const args = ['-DFOREGROUND', '-f', file];
  return startPeer({ name: 'Apache', command: toolPath('apache2'), args, port });
}
