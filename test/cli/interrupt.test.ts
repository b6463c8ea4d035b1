import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { withTemporaryState } from '../../cli/inputs/open-source.ts';
import { startBackground } from '../e2e/background.ts';
import { useTemporary } from '../e2e/temporary.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

describe('a check that is interrupted', () => {
  const directory = useTemporary();
  let host: Server;

  before('a git host that takes connections and never answers', async () => {
    host = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(host, 'listening');
  });
  after(() => host.close());

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`leaves nothing behind on ${signal}, and says so`, async () => {
      const { port } = host.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}/signatures.git`;
      const asked = once(host, 'connection');
      const program = await startBackground(process.execPath, [MAIN, 'check', url], {
        env: { TMPDIR: directory() },
      });
      await asked;
      assert.equal((await readdir(directory())).length, 1);
      assert.equal(await program.stop(signal), 2);
      assert.equal(program.stderr(), 'lookaside: interrupted\n');
      assert.deepEqual(await readdir(directory()), []);
    });
  }

  it('leaves the signals to what follows once it is done', async () => {
    const signals = new EventEmitter();
    await withTemporaryState(signals, async () => {
      assert.equal(signals.listenerCount('SIGTERM'), 1);
    });
    await assert.rejects(
      withTemporaryState(signals, async () => {
        throw new Error('no');
      }),
    );
    assert.deepEqual(signals.eventNames(), []);
  });
});
