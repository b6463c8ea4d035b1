// The built program, when something throws that nobody foresaw. Alone: what is stopped because of it
// has a second to clean up.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, mkdir, readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { EXAMPLE, TWICE } from '../kit/server/example-server.ts';
import { eventually } from '../kit/eventually.ts';
import { type Lookaside, runLookasideProcess } from '../kit/program/lookaside.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useTemporary } from '../kit/temporary.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';

const SABOTAGE = new URL('sabotage.mjs', import.meta.url).href;

const sabotaged = (name: string) => ({
  NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${SABOTAGE}`,
  SABOTAGE: name,
});

const lookUp = async ({ baseUrl }: Lookaside): Promise<number> =>
  (await fetch(`${baseUrl}/${TWICE}/signature-1`)).status;
const jsonLines = ({ stderr }: Lookaside): readonly string[] =>
  stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'));

describe('an exception that nobody foresaw', () => {
  const directory = useTemporary();
  const servers = useLookaside();

  const serve = async (name: string): Promise<Lookaside> => {
    const source = join(directory(), 'source');
    await cp(EXAMPLE, source, { recursive: true });
    const args = ['--state-dir', join(directory(), 'state'), '--poll', '0s'];
    return servers.start(source, args, { env: sabotaged(name) });
  };

  for (const name of ['callback', 'promise']) {
    it(`in the background (a ${name}) is counted and told, and lookups go on`, async () => {
      const server = await serve(name);
      server.signal('SIGUSR2');
      const status = await eventually(async () => {
        const read = await readStatus(server);
        assert.equal(read.troubles.length, 1);
        return read;
      });
      assert.equal(status.troubles[0]?.kind, 'background-failure');
      assert.match(status.troubles[0].message, /(?:Type|Range)Error: sabotage/);
      assert.equal(await lookUp(server), 200);
      const metrics = await (await fetch(`${server.statusUrl}/metrics`)).text();
      assert.match(metrics, /^lookaside_background_failures_total 1$/m);
      assert.match(metrics, /^lookaside_trouble\{kind="background-failure"\} 1$/m);
      assert.match(metrics, /^lookaside_trouble\{kind="reload-failed"\} 0$/m);
      const line = jsonLines(server).find((text) => text.includes('failed unexpectedly')) ?? '';
      assert.match(line, /"stack":\["at .*sabotage\.mjs/);
      assert.doesNotMatch(server.stderr(), /[\u009b\u202e]/);
      assert.equal((await fetch(`${server.statusUrl}/readyz`)).status, 200);
      assert.equal(await server.stop(), 0);
    });
  }

  it('in the way of a lookup ends the process, which says why', async () => {
    const server = await serve('lookup');
    assert.equal(await lookUp(server), 200);
    server.signal('SIGUSR2');
    await eventually(async () => {
      await assert.rejects(lookUp(server));
      assert.equal(server.exitCode(), 2, server.stderr());
    });
    const plain = server.stderr().split('\n');
    const said = plain.filter((line) => /^lookaside: (?!serving)/.test(line));
    assert.deepEqual(said, [
      'lookaside: a lookup failed unexpectedly: TypeError: sabotage \\u{9b}31m\\u{202e}',
    ]);
  });

  it('in the way of a lookup behind node:http ends the process too', async () => {
    const server = await serve('lookup');
    server.signal('SIGUSR2');
    const headers = { 'If-None-Match': '"x"' };
    await eventually(async () => {
      await assert.rejects(fetch(`${server.baseUrl}/${TWICE}/signature-1`, { headers }));
      assert.equal(server.exitCode(), 2, server.stderr());
    });
    assert.match(server.stderr(), /^lookaside: a lookup failed unexpectedly: TypeError/m);
  });

  it('again and again ends the process: it is not what it says it is', async () => {
    const server = await serve('storm');
    server.signal('SIGUSR2');
    await eventually(() => assert.equal(server.exitCode(), 2, server.stderr()));
    assert.match(
      server.stderr(),
      /^lookaside: more than 10 unexpected failures in a minute, the last of them: TypeError/m,
    );
  });

  for (const name of ['callback-in-work', 'promise-in-work', 'callback-early']) {
    it(`ends other commands with one line and exit code 2 (${name})`, async () => {
      // A git host that never says a word.
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const address = silent.address();
      assert.ok(address !== null && typeof address === 'object');
      const temporary = join(directory(), 'tmp');
      await mkdir(temporary);
      const args = ['check', `http://127.0.0.1:${address.port}/x.git`];
      const env = { ...sabotaged(name), TMPDIR: temporary };
      const [result, traced] = await Promise.all([
        runLookasideProcess(args, { env }),
        runLookasideProcess(args, { env: { ...env, NODE_DEBUG: 'lookaside' } }),
      ]);
      silent.close();
      assert.deepEqual([result.code, traced.code], [2, 2]);
      assert.match(result.stderr, /^lookaside: sabotage.*\n$/);
      assert.match(traced.stderr, /^lookaside: sabotage.*\n +at .*sabotage\.mjs/);
      assert.deepEqual(await readdir(temporary), []);
    });
  }
});
