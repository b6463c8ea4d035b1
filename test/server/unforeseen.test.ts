// What throws where nobody expects it fails that work alone, which is tried again.
import assert from 'node:assert/strict';
import { eventually } from '../kit/eventually.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { SignatureStore } from '../../generator/store/store.ts';
import { Failures } from '../../server/troubles/failures.ts';
import { Troubles } from '../../server/troubles/troubles.ts';
import { createProgramLog } from '../../generator/system/program-log.ts';
import { Lane } from '../../server/search/lane.ts';
import { captureLines } from '../kit/server/captured-lines.ts';
import { type ExampleServer, startExample } from '../kit/server/example-server.ts';
import { createGate } from '../kit/server/gate.ts';
import { type MemorySource, createMemorySource } from '../kit/server/memory-source.ts';
import { makeWorld, startStatus } from './status/page-server.ts';

const breaks = (): never => {
  throw new TypeError('nobody foresaw this');
};

describe('something that throws', () => {
  let source: MemorySource;
  let server: ExampleServer;
  const start = async (options: Parameters<typeof startExample>[0] = {}): Promise<void> => {
    source = createMemorySource({ commit: 'a'.repeat(40), files: {} });
    const loaded = createGate();
    server = await startExample({ source, onServing: loaded.open, ...options });
    await loaded.wait();
  };
  const refresh = async (): Promise<void> => {
    await fetch(`${server.statusUrl}/refresh`, { method: 'POST' });
  };
  const failures = async (): Promise<number> => {
    const text = await (await fetch(`${server.statusUrl}/metrics`)).text();
    return Number(/^lookaside_background_failures_total (\d+)$/m.exec(text)?.[1]);
  };
  const isServed = async (commit: string): Promise<void> =>
    eventually(async () => assert.equal((await readStatus(server)).generation?.commit, commit));

  for (const where of ['onRefresh', 'onList'] as const) {
    it(`in a refresh (${where}) fails it, and the next one is served`, async () => {
      await start();
      source[where] = breaks;
      source.state = { commit: 'b'.repeat(40), files: {} };
      await refresh();
      await eventually(async () => assert.ok((await failures()) > 0, 'not yet'));
      const { troubles, runningSince } = await readStatus(server);
      assert.deepEqual(
        new Set(troubles.map(({ kind }) => kind)),
        new Set(['background-failure', 'refresh-failed']),
      );
      assert.equal(runningSince, null);
      source[where] = () => undefined;
      await isServed(source.state.commit);
      await server.stop();
    });
  }

  it('behind a refresh leaves none running for ever', async () => {
    const log = createProgramLog(captureLines().stream);
    let broken = 3;
    await start({
      log: {
        info: (fields: object) => {
          // What comes after the refresh itself.
          if ('durationMs' in fields && broken-- > 0) breaks();
        },
        warn: log.warn.bind(log),
        error: log.error.bind(log),
      },
    });
    for (const commit of ['b', 'c', 'd', 'e']) {
      source.state = { commit: commit.repeat(40), files: {} };
      await refresh();
      await isServed(source.state.commit);
    }
    await eventually(async () => assert.equal(await failures(), 3));
    assert.equal((await readStatus(server)).runningSince, null);
    await server.stop();
  });

  it('while a state comes into force ends the process', async () => {
    const ends: string[] = [];
    const troubles = new Troubles(() => new Date());
    const log = createProgramLog(captureLines().stream);
    const end = (why: string): void => void ends.push(why);
    await start({ failures: new Failures({ troubles, log, end, elapsed: () => 0 }) });
    const prepare = Object.getOwnPropertyDescriptor(SignatureStore.prototype, 'prepare');
    assert.ok(prepare);
    Object.defineProperty(SignatureStore.prototype, 'prepare', {
      ...prepare,
      value(...args: readonly unknown[]) {
        const prepared: object = Reflect.apply(prepare.value, this, args);
        return Object.assign(prepared, { apply: breaks });
      },
    });
    try {
      source.state = { commit: 'b'.repeat(40), files: { 'README.md': 'x' } };
      await refresh();
      await eventually(() =>
        assert.deepEqual(ends, ['a lookup failed unexpectedly: TypeError: nobody foresaw this']),
      );
    } finally {
      Object.defineProperty(SignatureStore.prototype, 'prepare', prepare);
      await server.stop();
    }
  });

  it('in a page fails that page alone', async () => {
    const world = await makeWorld();
    const { url, stop } = await startStatus({
      ...world,
      get location(): string {
        return world.troubles.list().length === 0 ? breaks() : 'here';
      },
    });
    try {
      assert.equal((await fetch(url)).status, 500);
      assert.equal(world.troubles.list()[0]?.kind, 'background-failure');
      const page = await fetch(url);
      assert.equal(page.status, 200);
      assert.match(await page.text(), /a status page failed unexpectedly: TypeError/);
    } finally {
      await stop();
    }
  });

  it('in a search lets the next one have its turn', async () => {
    const lane = new Lane(4);
    // As what is no asynchronous function would throw.
    const broken = lane.take(breaks);
    const next = lane.take(async () => 'found');
    await assert.rejects(broken.answer, /nobody foresaw/);
    assert.equal(await next.answer, 'found');
    assert.equal(await lane.take(async () => 'again').answer, 'again');
  });
});
