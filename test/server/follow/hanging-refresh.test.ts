import assert from 'node:assert/strict';
import { HANGING_AFTER, HangingRefresh } from '../../../server/follow/hanging-refresh.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { eventually } from '../../kit/eventually.ts';
import { readStatus } from '../../kit/program/read-status.ts';
import { startExample } from '../../kit/server/example-server.ts';
import { createGate } from '../../kit/server/gate.ts';
import { createMemorySource } from '../../kit/server/memory-source.ts';

describe('a refresh that does not end', () => {
  it('is told of after ten minutes by a clock that never jumps, until it ends', () => {
    const troubles = new Troubles(() => new Date());
    let [now, runningSince]: [number, string | null] = [0, null];
    const hanging = new HangingRefresh({
      status: () => ({ runningSince }),
      troubles,
      elapsed: () => now,
    });
    const kindsAt = (time: number, since: string | null): readonly string[] => {
      [now, runningSince] = [time, since];
      hanging.check();
      return troubles.list().map(({ kind }) => kind);
    };
    const first = '2026-01-01T00:00:00Z';
    assert.deepEqual(kindsAt(0, first), []);
    assert.deepEqual(kindsAt(HANGING_AFTER - 1, first), []);
    assert.deepEqual(kindsAt(HANGING_AFTER, first), ['refresh-hanging']);
    assert.match(troubles.list()[0]?.message ?? '', /00:00:00Z has not ended after 10 minutes/);
    assert.deepEqual(kindsAt(HANGING_AFTER + 1, '2026-01-01T01:00:00Z'), []);
    assert.deepEqual(kindsAt(2 * HANGING_AFTER + 1, '2026-01-01T01:00:00Z'), ['refresh-hanging']);
    assert.deepEqual(kindsAt(2 * HANGING_AFTER + 2, null), []);
  });

  it('is told of by a server that stays ready', async () => {
    const source = createMemorySource({ commit: 'a', files: {} });
    const gate = createGate();
    const loaded = createGate();
    const server = await startExample({ source, hangingAfter: 30, onServing: loaded.open });
    try {
      await loaded.wait();
      source.onRefresh = async () => gate.wait();
      await fetch(`${server.statusUrl}/refresh`, { method: 'POST' });
      const kinds = async () => (await readStatus(server)).troubles.map(({ kind }) => kind);
      await eventually(async () => assert.deepEqual(await kinds(), ['refresh-hanging']));
      assert.equal((await fetch(`${server.statusUrl}/readyz`)).status, 200);
      const page = await (await fetch(server.statusUrl)).text();
      assert.match(page, /A refresh does not end/);
      gate.open();
      await eventually(async () => assert.deepEqual(await kinds(), []));
    } finally {
      await server.stop();
    }
  });
});
