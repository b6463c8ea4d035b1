import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toolPath } from '../../with-tools.ts';
import { startBackground } from '../process/background.ts';
import { freePort } from '../process/free-port.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export interface Haproxy {
  /** Of each way in, without a slash at the end. */
  readonly urls: readonly string[];
  /** The servers to which it sends nothing now, by their names. */
  readonly listDown: () => Promise<readonly string[]>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a HAProxy that fails a request rather than try it again, with a way in for each list of lines of a
 * backend. Throws with its words if it won't start.
 */
export async function startHaproxy(...backends: readonly (readonly string[])[]): Promise<Haproxy> {
  const own = await makeTemporary();
  const ports = await Promise.all(backends.map(freePort));
  const statistics = await freePort();
  const config = [
    'defaults',
    '  mode http',
    '  retries 0',
    '  timeout connect 2s',
    '  timeout client 10s',
    '  timeout server 10s',
    '  timeout check 5s',
    ...backends.map((lines, index) =>
      [`listen in${index}`, `bind 127.0.0.1:${ports[index]}`].concat(lines).join('\n  '),
    ),
    'listen statistics',
    `  bind 127.0.0.1:${statistics}`,
    '  stats enable',
    '  stats uri /',
    '',
  ];
  const file = join(own, 'haproxy.cfg');
  await writeFile(file, config.join('\n'));
  const background = await startBackground(toolPath('haproxy'), ['-db', '-f', file]);
  for (const port of [...ports, statistics]) await background.waitForPort(port);
  return {
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    async listDown() {
      const response = await fetch(`http://127.0.0.1:${statistics}/;csv`);
      const [head = '', ...lines] = (await response.text()).trim().split('\n');
      const status = head.split(',').indexOf('status');
      const rows = lines.map((line) => line.split(','));
      return rows.flatMap(({ 1: name = '', [status]: is = '' }) =>
        is === 'UP' || is === 'OPEN' || is === 'no check' ? [] : [name],
      );
    },
    async stop() {
      await background.stop('SIGKILL');
      await removeTemporary(own);
    },
  };
}
