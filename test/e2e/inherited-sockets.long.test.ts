// A server that is given its sockets.
import assert from 'node:assert/strict';
import { readFile, readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../kit/eventually.ts';
import { type Background, startBackground } from '../kit/process/background.ts';
import { freePort } from '../kit/process/free-port.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { SERVING } from '../kit/program/lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { EXAMPLE, TWICE } from '../kit/server/example-server.ts';
import { useTemporary } from '../kit/temporary.ts';
import { open } from '../kit/web/raw-http.ts';
import { describeWith } from '../with-tools.ts';

const PASS = fileURLToPath(new URL('../kit/process/pass-sockets.pl', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const LOCATION = `${TWICE}/signature-1`;
/** Tells who is asked, and hangs. */
const SHOW_AND_HANG =
  '#!/bin/sh\nls -l /proc/self/fd >"$0.seen"\nenv >>"$0.seen"\nexec sleep 600\n';

describeWith(['perl', 'git'], 'a server with inherited sockets', () => {
  const directory = useTemporary();
  let servers: Background[] = [];
  let remote: GitRemote | undefined;
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.stop('SIGKILL')));
    servers = [];
    await remote?.remove();
    remote = undefined;
  });

  const serve = async (
    sockets: readonly string[],
    source: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Background> => {
    const command = [process.execPath, MAIN, 'serve', source, '--keys', join(EXAMPLE, 'keys')];
    const more = ['--state-dir', join(directory(), 'state'), ...args];
    const server = await startBackground('perl', [PASS, ...sockets, '--', ...command, ...more], {
      env,
    });
    servers.push(server);
    return server;
  };

  it('takes connections from all of them, and says where they are', async () => {
    const ports = [await freePort(), await freePort(), await freePort()];
    const [first, second, status] = ports;
    const sockets = [`store=tcp:${first}`, `status=tcp:${status}`, `store=tcp:${second}`];
    const server = await serve(sockets, EXAMPLE, ['--listen=127.0.0.1:1']);
    const [, baseUrl] = /on (\S+)$/.exec((await server.waitForLine(SERVING))[0]) ?? [];
    assert.equal(baseUrl, `http://127.0.0.1:${first}`);
    await server.waitForLine(/"msg":"--listen has no effect: a socket was inherited"/);
    const bytes = await readFile(join(EXAMPLE, LOCATION));
    for (const port of [first, second]) {
      const answer = await lookUp({ baseUrl: `http://127.0.0.1:${port}` }, LOCATION);
      assert.deepEqual([answer.status, answer.bytes.equals(bytes)], [200, true]);
    }
    assert.equal((await fetch(`http://127.0.0.1:${status}/readyz`)).status, 200);
    assert.equal(await server.stop(), 0);
  });

  it('lets connections wait until there is a state, as many as systemd allows', async () => {
    remote = await makeGitRemote();
    const port = await freePort();
    const status = await freePort();
    const args = [`--status-listen=127.0.0.1:${status}`];
    const server = await serve([`store=tcp:${port}`], remote.fileUrl, args);
    await server.waitForLine(/"msg":"connections wait until there is a state to serve"/);
    const baseUrl = `http://127.0.0.1:${port}`;
    const waiting = await Promise.all(Array.from({ length: 600 }, async () => open(baseUrl)));
    const answer = lookUp({ baseUrl }, LOCATION);
    await eventually(async () => {
      assert.match(await (await fetch(`http://127.0.0.1:${status}/readyz`)).text(), /loading/);
    });
    await remote.publish({ [LOCATION]: await readFile(join(EXAMPLE, LOCATION)) });
    await fetch(`http://127.0.0.1:${status}/refresh`, { method: 'POST' });
    assert.equal((await answer).status, 200);
    for (const socket of waiting) socket.destroy();
    assert.equal(await server.stop(), 0);
  });

  it('is no peer of itself', async () => {
    const port = await freePort();
    const secret = join(directory(), 'secret');
    await writeFile(secret, 'correct horse\n');
    const args = ['--status-listen=:0', '--peers=127.0.0.1', `--webhook-secret-file=${secret}`];
    const server = await serve([`store=tcp:${port}`], EXAMPLE, args);
    await server.waitForLine(new RegExp(`"port":${port},"peers":0,"msg":"peers found"`));
    assert.equal(await server.stop(), 0);
  });

  it('stops while connections wait', async () => {
    remote = await makeGitRemote();
    const port = await freePort();
    const server = await serve([`store=tcp:${port}`], remote.fileUrl, ['--status-listen=:0']);
    await server.waitForLine(/"msg":"connections wait until there is a state to serve"/);
    assert.equal(await server.stop(), 0);
  });

  it('hands neither them nor what they are called on to git', async () => {
    const git = join(directory(), 'git');
    await writeFile(git, SHOW_AND_HANG, { mode: 0o755 });
    const env = {
      PATH: `${directory()}:${process.env['PATH']}`,
      NOTIFY_SOCKET: '/nowhere',
      WATCHDOG_USEC: '1000000000',
    };
    const port = await freePort();
    const server = await serve([`store=tcp:${port}`], 'https://git.invalid/x.git', [], env);
    const seen = await eventually(async () => {
      const text = await readFile(`${git}.seen`, 'utf8');
      assert.match(text, /^PATH=/m, 'it is not written yet');
      return text;
    });
    const socket = await readlink(`/proc/${server.pid}/fd/3`);
    assert.match(socket, /^socket:/);
    assert.ok((await readdir(`/proc/${server.pid}/fd`)).includes('3'));
    assert.ok(!seen.includes(socket), seen);
    assert.doesNotMatch(seen, /^(?:LISTEN_|NOTIFY_SOCKET|WATCHDOG_)/m);
  });

  it('does not start with one that nobody could connect to', async () => {
    for (const [kind, said] of [
      ['udp', 'the inherited socket 3 (store) is one for datagrams'],
      [
        'idle',
        'cannot take connections from the inherited socket of the store: nobody listened on it',
      ],
    ]) {
      const server = await serve([`store=${kind}`], EXAMPLE, ['--status-listen=127.0.0.1:0']);
      assert.equal(await server.ended(), 2, kind);
      const lines = server.stderr().split('\n');
      assert.ok(lines.includes(`lookaside: ${said}`), server.stderr());
      assert.match(server.stderr(), /^hint: .*ListenStream=/m);
    }
  });
});
