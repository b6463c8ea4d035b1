import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toolPath } from '../../with-tools.ts';
import { startBackground } from '../process/background.ts';
import { freePort } from '../process/free-port.ts';
import { runOrThrow } from '../process/run.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

const MODULES = '/usr/lib/apache2/modules';
const NEEDED = [
  'mpm_event',
  'authn_core',
  'authn_file',
  'authz_core',
  'authz_user',
  'auth_basic',
  'proxy',
  'proxy_connect',
  'proxy_http',
];

export interface ForwardProxy {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly stop: () => Promise<void>;
}

/** Apache as a proxy to `port` of 127.0.0.1, for who gives this name and password. */
export async function startForwardProxy(
  port: number,
  user: string,
  password: string,
): Promise<ForwardProxy> {
  const own = await makeTemporary();
  const listen = await freePort();
  const users = join(own, 'users');
  const { stdout } = await runOrThrow('openssl', ['passwd', '-apr1', password]);
  await writeFile(users, `${user}:${stdout}`);
  const config = `
    ServerName 127.0.0.1
    ServerRoot "${own}"
    DefaultRuntimeDir "${own}"
    PidFile "${join(own, 'apache.pid')}"
    Listen 127.0.0.1:${listen}
    ${NEEDED.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
    ${process.getuid?.() === 0 ? 'User #65534\nGroup #65534' : ''}
    ErrorLog "|/bin/cat"
    ProxyRequests On
    AllowCONNECT ${port}
    <Proxy "*">
      AuthType Basic
      AuthName proxy
      AuthUserFile "${users}"
      Require valid-user
    </Proxy>`;
  const file = join(own, 'apache.conf');
  await writeFile(file, config);
  const background = await startBackground(toolPath('apache2'), ['-DFOREGROUND', '-f', file]);
  await background.waitForPort(listen);
  return {
    address: `127.0.0.1:${listen}`,
    async stop() {
      await background.stop();
      await removeTemporary(own);
    },
  };
}
