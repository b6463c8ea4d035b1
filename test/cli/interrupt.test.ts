import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { withTemporaryState } from '../../cli/inputs/open-source.ts';
import { startBackground } from '../kit/process/background.ts';
import { useTemporary } from '../kit/temporary.ts';

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

  describe('in the program', () => {
    let before: string | undefined;
    beforeEach(() => {
      before = process.env['TMPDIR'];
      process.env['TMPDIR'] = directory();
    });
    afterEach(() => {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    });

    it('leaves nothing behind when the signal comes while its directory is being made', async () => {
      const signals = new EventEmitter();
      let hasRun = false;
      const run = withTemporaryState(signals, async () => void (hasRun = true));
      assert.ok(signals.emit('SIGTERM'));
      await assert.rejects(run, { message: 'interrupted' });
      assert.equal(hasRun, false);
      assert.deepEqual(await readdir(directory()), []);
    });

    it('leaves nothing behind when what is told to stop still writes', async () => {
      const signals = new EventEmitter();
      const run = withTemporaryState(signals, async (below, ending) => {
        signals.emit('SIGINT');
        assert.ok(ending.aborted);
        for (let count = 0; count < 100; count++) {
          await turn();
          await mkdir(join(below, 'clone', String(count)), { recursive: true });
        }
        ending.throwIfAborted();
      });
      await assert.rejects(run, { message: 'interrupted' });
      assert.deepEqual(await readdir(directory()), []);
    });
  });

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
