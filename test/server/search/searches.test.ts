import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { RejectedFile } from '../../../generator/store/report.ts';
import { TooBusyError } from '../../../server/search/lane.ts';
import { type SearchesOf, createSearches } from '../../../server/search/searches.ts';
import { createGate } from '../gate.ts';
import { makeWorld } from '../status/page-server.ts';
import { directoryOf, faulty, hexOf, signed } from '../status/sample-worlds.ts';

const ALWAYS = new AbortController().signal;

/** Searches in a store that counts its passes, and may keep them waiting. */
async function makeSearches(): Promise<{
  readonly searchesOf: SearchesOf;
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
  const searchesOf = createSearches({
    store: () => store,
    status: () => ({ ...status, generation }),
    rejectedOf: () => [],
    rejected: (): Iterable<RejectedFile> => store.rejectedFiles(),
  });
  const begin: Awaited<ReturnType<typeof makeSearches>>['begin'] = (change) => {
    if (change.number !== undefined) generation = { ...generation, number: change.number };
    visit = change.visit;
  };
  return { searchesOf, passes: () => passes, begin };
}

const partOf = (index: number): string => hexOf(index).slice(0, 20);

describe('searches for the status pages', () => {
  it('let few wait, but for the overview', async () => {
    const { searchesOf, passes } = await makeSearches();
    const searches = searchesOf(ALWAYS);
    const asked = Array.from({ length: 12 }, async (_, index) =>
      searchesOf(new AbortController().signal).digests(partOf(index)),
    );
    assert.deepEqual(await searches.newest(), [directoryOf('team/app', 1)]);
    assert.equal((await searches.rejected('')).total, 1);
    const settled = await Promise.allSettled(asked);
    const refused = settled.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 12 - 9);
    for (const { reason } of refused as readonly PromiseRejectedResult[]) {
      assert.ok(reason instanceof TooBusyError);
    }
    assert.equal(passes(), 1 + 9);
  });

  it('share what is equal', async () => {
    const { searchesOf, passes } = await makeSearches();
    const all = Array.from({ length: 50 }, async () =>
      searchesOf(new AbortController().signal).digests(partOf(1)),
    );
    assert.equal(new Set(await Promise.all(all)).size, 1);
    assert.equal(passes(), 1);
  });

  it('drop what nobody waits for any more, and only that', async () => {
    const { searchesOf, passes } = await makeSearches();
    const [one, other] = [new AbortController(), new AbortController()];
    const running = searchesOf(ALWAYS).digests(partOf(1));
    const shared = [one, other].map(async ({ signal }) => searchesOf(signal).digests(partOf(2)));
    const alone = searchesOf(one.signal).digests(partOf(3));
    one.abort();
    await assert.rejects(alone, /nobody waits/);
    await Promise.all([running, ...shared]);
    assert.equal(passes(), 2);
    await assert.rejects(searchesOf(one.signal).digests(partOf(4)), /aborted/);
    await searchesOf(ALWAYS).digests(partOf(3));
    assert.equal(passes(), 3);
  });

  it('remember the last few answers', async () => {
    const { searchesOf, passes } = await makeSearches();
    const searches = searchesOf(ALWAYS);
    for (let index = 0; index < 17; index++) await searches.digests(partOf(index));
    for (let index = 1; index < 17; index++) await searches.digests(partOf(index));
    assert.equal(passes(), 17);
    await searches.digests(partOf(0));
    assert.equal(passes(), 18);
  });

  it('try again what failed', async () => {
    const { searchesOf, begin } = await makeSearches();
    const searches = searchesOf(ALWAYS);
    begin({
      visit: () => {
        throw new Error('no');
      },
    });
    await assert.rejects(searches.newest(), /no/);
    begin({});
    assert.equal((await searches.newest()).length, 1);
  });

  it('remember nothing beyond a generation, also one that comes meanwhile', async () => {
    const { searchesOf, passes, begin } = await makeSearches();
    const searches = searchesOf(ALWAYS);
    const gate = createGate();
    begin({
      visit: () => {
        begin({ number: 2 });
        gate.open();
      },
    });
    const first = searches.newest();
    await gate.wait();
    await setImmediate();
    await Promise.all([first, searches.newest()]);
    assert.equal(passes(), 2);
    await searches.newest();
    assert.equal(passes(), 2);
  });
});
