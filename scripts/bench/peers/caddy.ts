import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../test/kit/process/free-port.ts';
import type { Server } from '../process/serve-lookaside.ts';
import { toolPath } from '../tools.ts';
import { startPeer } from './peer.ts';

/** Caddy's file server. Its log is JSON, the only form that it writes without a plugin. */
export async function startCaddy(tree: string, home: string): Promise<Server> {
  const port = await freePort();
  const config = `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  bind 127.0.0.1
  root * "${tree}"
  file_server
  log {
    output file ${join(home, 'access.log')} {
      roll_disabled
    }
  }
}
`;
  const file = join(home, 'Caddyfile');
  await writeFile(file, config);
  const args = ['run', '--config', file, '--adapter', 'caddyfile'];
  const env = { HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home };
  return startPeer({ name: 'Caddy', command: toolPath('caddy'), args, port, env });
}
