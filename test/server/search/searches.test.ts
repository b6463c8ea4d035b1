import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { RejectedFile } from '../../../generator/store/report.ts';
import { TooBusyError } from '../../../server/search/lane.ts';
import { Searches } from '../../../server/search/searches.ts';
import { createGate } from '../../kit/server/gate.ts';
import { makeWorld } from '../status/page-server.ts';
import { directoryOf, faulty, hexOf, signed } from '../status/sample-worlds.ts';

const ALWAYS = new AbortController().signal;

/** Searches in a store that counts its passes, and may keep them waiting. */
async function makeSearches(): Promise<{
  readonly searches: Searches;
  readonly passes: () => number;
  readonly begin: (change: { number?: number; visit?: () => void }) => void;
}> {
  const bad = faulty(`${directoryOf('team/app', 3)}/signature-1`);
  const { store, status } = await makeWorld(signed(directoryOf('team/app', 1), 1, 'A'), bad);
  assert.ok(store && status.generation);
  let { generation } = status;
  let visit: (() => void) | undefined;
  let passes = 0;
  const search = store.signedDirectories.bind(store);
  store.signedDirectories = function* () {
    passes++;
    visit?.();
    yield* search();
  };
  const searches = new Searches({
    store: () => store,
    status: () => ({ ...status, generation }),
    rejectedOf: () => [],
    rejected: (): Iterable<RejectedFile> => store.rejectedFiles(),
  });
  const begin: Awaited<ReturnType<typeof makeSearches>>['begin'] = (change) => {
    if (change.number !== undefined) generation = { ...generation, number: change.number };
    visit = change.visit;
  };
  return { searches, passes: () => passes, begin };
}

const partOf = (index: number): string => hexOf(index).slice(0, 20);

describe('searches for the status pages', () => {
  it('let few wait, but for the overview', async () => {
    const { searches, passes } = await makeSearches();
    const asked = Array.from({ length: 12 }, async (_, index) =>
      searches.digests(partOf(index), new AbortController().signal),
    );
    assert.deepEqual(await searches.newest(ALWAYS), [directoryOf('team/app', 1)]);
    assert.equal((await searches.rejected('', '', ALWAYS)).total, 1);
    const settled = await Promise.allSettled(asked);
    const refused = settled.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 12 - 9);
    for (const { reason } of refused as readonly PromiseRejectedResult[]) {
      assert.ok(reason instanceof TooBusyError);
    }
    assert.equal(passes(), 1 + 9);
  });

  it('share what is equal', async () => {
    const { searches, passes } = await makeSearches();
    const all = Array.from({ length: 50 }, async () =>
      searches.digests(partOf(1), new AbortController().signal),
    );
    assert.equal(new Set(await Promise.all(all)).size, 1);
    assert.equal(passes(), 1);
  });

  it('drop what nobody waits for any more, and only that', async () => {
    const { searches, passes } = await makeSearches();
    const [one, other] = [new AbortController(), new AbortController()];
    const running = searches.digests(partOf(1), ALWAYS);
    const shared = [one, other].map(async ({ signal }) => searches.digests(partOf(2), signal));
    const alone = searches.digests(partOf(3), one.signal);
    one.abort();
    await assert.rejects(alone, /nobody waits/);
    await Promise.all([running, ...shared]);
    assert.equal(passes(), 2);
    await assert.rejects(searches.digests(partOf(4), one.signal), /aborted/);
    await searches.digests(partOf(3), ALWAYS);
    assert.equal(passes(), 3);
  });

  it('remember the last few answers', async () => {
    const { searches, passes } = await makeSearches();
    for (let index = 0; index < 17; index++) await searches.digests(partOf(index), ALWAYS);
    for (let index = 1; index < 17; index++) await searches.digests(partOf(index), ALWAYS);
    assert.equal(passes(), 17);
    await searches.digests(partOf(0), ALWAYS);
    assert.equal(passes(), 18);
  });

  it('try again what failed', async () => {
    const { searches, begin } = await makeSearches();
    begin({
      visit: () => {
        throw new Error('no');
      },
    });
    await assert.rejects(searches.newest(ALWAYS), /no/);
    begin({});
    assert.equal((await searches.newest(ALWAYS)).length, 1);
  });

  it('remember nothing beyond a generation, also one that comes meanwhile', async () => {
    const { searches, passes, begin } = await makeSearches();
    const gate = createGate();
    begin({
      visit: () => {
        begin({ number: 2 });
        gate.open();
      },
    });
    const first = searches.newest(ALWAYS);
    await gate.wait();
    await setImmediate();
    await Promise.all([first, searches.newest(ALWAYS)]);
    assert.equal(passes(), 2);
    await searches.newest(ALWAYS);
    assert.equal(passes(), 2);
  });
});
