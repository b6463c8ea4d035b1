/** Real caches with the configuration in deploy/cache/, in front of a server on the loopback. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toolPath } from '../../with-tools.ts';
import { startBackground } from '../process/background.ts';
import { freePort } from '../process/free-port.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

const DEPLOYED = fileURLToPath(new URL('../../../deploy/cache/', import.meta.url));

export interface Cache {
  /** `http://127.0.0.1:PORT` */
  readonly baseUrl: string;
  readonly stop: () => Promise<void>;
}

/** Starts nginx; `origin` is `http://127.0.0.1:PORT`. Throws with its words if it won't start. */
export async function startNginxCache(origin: string): Promise<Cache> {
  const own = await makeTemporary();
  const port = await freePort();
  const deployed = await deployedAt('nginx.conf', {
    'server 127.0.0.1:8080;': `server ${new URL(origin).host};`,
    'listen 8090;': `listen 127.0.0.1:${port};`,
    '/var/cache/nginx/lookaside': join(own, 'cache'),
  });
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
      access_log off;
      ${deployed}
    }`;
  const configFile = join(own, 'nginx.conf');
  await writeFile(configFile, config);
  return startCache('nginx', ['-e', 'stderr', '-p', own, '-c', configFile], port, own);
}

/** Starts Varnish, as `startNginxCache`; with a configuration of its own it is not as we give it. */
export async function startVarnish(origin: string, configuration?: string): Promise<Cache> {
  const own = await makeTemporary();
  const port = await freePort();
  const deployed =
    configuration ??
    (await deployedAt('varnish.vcl', {
      '.port = "8080"': `.port = "${new URL(origin).port}"`,
    }));
  const configFile = join(own, 'varnish.vcl');
  await writeFile(configFile, deployed);
  const state = join(own, 'state');
  await mkdir(state);
  const listen = ['-a', `127.0.0.1:${port}`, '-n', state, '-s', 'malloc,64m'];
  return startCache('varnishd', ['-F', '-j', 'none', ...listen, '-f', configFile], port, own);
}

async function startCache(
  tool: 'nginx' | 'varnishd',
  args: readonly string[],
  port: number,
  own: string,
): Promise<Cache> {
  const background = await startBackground(toolPath(tool), args);
  await background.waitForPort(port);
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    async stop() {
      await background.stop();
      await removeTemporary(own);
    },
  };
}

/** A file of deploy/cache/ with other addresses; each of those must be in it. */
async function deployedAt(name: string, addresses: Readonly<Record<string, string>>) {
  let text = await readFile(join(DEPLOYED, name), 'utf8');
  for (const [before, after] of Object.entries(addresses)) {
    if (!text.includes(before)) throw new Error(`${name} does not say ${before}`);
    text = text.replaceAll(before, after);
  }
  return text;
}
