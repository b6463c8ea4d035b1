import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../kit/process/free-port.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { EXAMPLE } from '../kit/server/example-server.ts';
import { useTemporary } from '../kit/temporary.ts';
import { makeCertificate } from '../kit/web/certificate.ts';

const HINT =
  'hint: is it running? Give its address as URL, or --listen or --config as the server has it\n';

const answerPath: RequestListener = ({ url }, response) => void response.end(`${url}\n`);

describe('lookaside health', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  const open: Server[] = [];
  afterEach(() => {
    for (const server of open.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  /** Gives the port. */
  const answer = async (handle: RequestListener, secure = false): Promise<number> => {
    const tls = secure ? await makeCertificate(directory(), 'store.example') : undefined;
    const options = tls && { cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) };
    const server = options ? createSecureServer(options, handle) : createServer(handle);
    open.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    return address.port;
  };

  it('says that a server is ready, asked at either listener', async () => {
    const args = ['--keys', join(EXAMPLE, 'keys'), '--state-dir', join(directory(), 'state')];
    const server = await servers.startHere(EXAMPLE, args);
    const { port } = new URL(server.baseUrl);
    const own = await runLookaside(['health', `--listen=127.0.0.1:${port}`]);
    assert.deepEqual(own, {
      code: 0,
      stdout: `http://127.0.0.1:${port}/readyz: 200 ok\n`,
      stderr: '',
    });
    const status = await runLookaside(['health', server.statusUrl]);
    assert.deepEqual(status, {
      code: 0,
      stdout: `${server.statusUrl}/readyz: 200 ok\n`,
      stderr: '',
    });
  });

  it('asks where serve listens, by its configuration file or its variables', async () => {
    const port = await answer(answerPath);
    const file = join(directory(), 'config.yaml');
    await writeFile(file, `source: https://git.example/x.git\nlisten: localhost:${port}\n`);
    const said = { code: 0, stdout: `http://localhost:${port}/readyz: 200 /readyz\n`, stderr: '' };
    assert.deepEqual(await runLookaside(['health', '--config', file]), said);
    const env = { LOOKASIDE_LISTEN: `:${port}` };
    assert.deepEqual(await runLookaside(['health'], { env }), said);
  });

  it('asks for another path, if it is given one', async () => {
    const port = await answer(answerPath);
    const { stdout } = await runLookaside(['health', `http://127.0.0.1:${port}/livez`]);
    assert.equal(stdout, `http://127.0.0.1:${port}/livez: 200 /livez\n`);
  });

  it('takes any certificate on this host: it is for another name', async () => {
    const port = await answer(answerPath, true);
    const args = [`--listen=:${port}`, '--tls-cert=of-the-server.pem'];
    const { code, stdout } = await runLookaside(['health', ...args]);
    assert.deepEqual([code, stdout], [0, `https://localhost:${port}/readyz: 200 /readyz\n`]);
  });

  it('says that a server is not ready, and what it answers', async () => {
    const port = await answer((_request, response) => {
      response.writeHead(503).end(`loading\n${'x'.repeat(500)}`);
    });
    const { code, stderr } = await runLookaside(['health', `http://127.0.0.1:${port}`]);
    assert.equal(code, 1);
    const start = `lookaside: not ready: http://127.0.0.1:${port}/readyz: 503 loading`;
    assert.ok(stderr.startsWith(start) && stderr.length < start.length + 100, stderr);
  });

  it('fails where nobody listens, or nobody answers', async () => {
    const port = await freePort();
    assert.deepEqual(await runLookaside(['health', `http://127.0.0.1:${port}`]), {
      code: 2,
      stdout: '',
      stderr: `lookaside: cannot ask http://127.0.0.1:${port}/readyz: connect ECONNREFUSED 127.0.0.1:${port}\n${HINT}`,
    });
    const other = await answer((_request, response) => {
      response.writeHead(101, { connection: 'upgrade', upgrade: 'websocket' }).end();
    });
    assert.match(
      (await runLookaside(['health', `http://127.0.0.1:${other}`])).stderr,
      /: it closes the connection without an answer\nhint: /,
    );
    const silent = await answer(() => undefined);
    const { code, stderr } = await runLookaside(['health', `http://127.0.0.1:${silent}`]);
    assert.equal(code, 2);
    assert.equal(
      stderr,
      `lookaside: cannot ask http://127.0.0.1:${silent}/readyz: no answer within 5 s\n${HINT}`,
    );
  });

  for (const [args, message] of [
    [['localhost:8080'], 'expected the URL of a server, got "localhost:8080"'],
    [['ftp://localhost'], 'expected the URL of a server, got "ftp://localhost"'],
    [['--listen=:0'], '--listen names no port that could be asked'],
  ] as const) {
    it(`does not take ${args.join(' ')}`, async () => {
      const { code, stderr } = await runLookaside(['health', ...args]);
      assert.equal(code, 2);
      assert.ok(stderr.startsWith(`lookaside: ${message}\nhint: `), stderr);
    });
  }
});
