import assert from 'node:assert/strict';
import { createGate } from '../kit/server/gate.ts';
import { startExample } from '../kit/server/example-server.ts';
import { createMemorySource } from '../kit/server/memory-source.ts';

describe('a server', () => {
  it('does not say that it serves once it was told to stop', async () => {
    const source = createMemorySource({ commit: 'a', files: {} });
    const [asked, gate] = [createGate(), createGate()];
    source.onRefresh = async () => {
      asked.open();
      await gate.wait();
    };
    const told: string[] = [];
    const server = await startExample({ source, onServing: (url) => void told.push(url) });
    await asked.wait();
    const stopped = server.stop();
    gate.open();
    await stopped;
    assert.deepEqual(told, []);
  });
});
