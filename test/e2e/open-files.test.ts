import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { EXAMPLE, TWICE } from '../kit/server/example-server.ts';
import { ask, open } from '../kit/web/raw-http.ts';
import { type Background, startBackground } from '../kit/process/background.ts';
import { useTemporary } from '../kit/temporary.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TARGET = `/${TWICE}/signature-1`;
/** Node needs a hundred to load the program. */
const FILES = 200;

describe('a server that may open few files', () => {
  const directory = useTemporary('suite');
  let server: Background;
  let url = '';
  before('start', async () => {
    const listen = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
    const serve = ['serve', EXAMPLE, '--poll', '0s', '--state-dir', directory(), ...listen];
    const limited = [`--nofile=${FILES}:${FILES}`, process.execPath, MAIN, ...serve];
    server = await startBackground('prlimit', limited);
    const [, shown = ''] = await server.waitForLine(/^lookaside: serving .* on (http:\S+)$/);
    url = shown;
  });
  after('stop', async () => server.stop());

  it('says so, and goes on with lookups on all connections that there can be', async () => {
    assert.match(server.stderr(), /the limit of open files allows fewer connections/);
    const early = await open(url);
    const idle: Socket[] = [early];
    const lookUp = async (): Promise<void> => {
      early.write(`GET ${TARGET} HTTP/1.1\r\nHost: x\r\n\r\n`);
      const [chunk]: unknown[] = await once(early, 'data');
      assert.match(String(chunk), /^HTTP\/1\.1 200 /);
    };
    for (let index = 0; index < 2 * FILES; index++) {
      const socket = await open(url);
      idle.push(socket.resume());
      if (index % 20 !== 0) continue;
      await lookUp();
      assert.equal((await ask(url, 'GET', TARGET)).status, 200);
    }
    for (const socket of idle) socket.destroy();
  });
});
