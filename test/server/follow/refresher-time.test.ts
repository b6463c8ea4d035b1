import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Refresher } from '../../../server/follow/refresher.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { eventually } from '../../kit/eventually.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { at, createFakeJudge } from '../../kit/server/fake-judge.ts';
import { createGate } from '../../kit/server/gate.ts';
import {
  type MemorySource,
  type State,
  createMemorySource,
} from '../../kit/server/memory-source.ts';
import { countFailures } from '../../kit/server/no-failures.ts';

const FIRST = { commit: 'a', files: { [at(1)]: 'one' } };
const SECOND = { commit: 'b', files: { [at(1)]: 'one', [at(2)]: 'two' } };

const fail = (): never => {
  throw new Error('down');
};

/** Two signatures, of which one expires after that many milliseconds. */
function createExpiring(milliseconds: number): State {
  const files = { [at(1)]: 'one', [at(2)]: `until ${Date.now() + milliseconds}` };
  return { commit: 'a', files };
}

describe('the refresher, as things happen at the wrong time', () => {
  let source: MemorySource;
  let refresher: Refresher;
  const log = captureLines();

  beforeEach('create', () => {
    source = createMemorySource(FIRST);
    refresher = new Refresher({
      source,
      judge: createFakeJudge(),
      onInvalid: 'quarantine',
      log: createProgramLog(log.stream),
      troubles: new Troubles(() => new Date()),
      failures: countFailures(),
      now: () => new Date(),
      elapsed: () => performance.now(),
      tried: undefined,
      older: undefined,
      numbers: undefined,
      cachedFor: 60_000,
      lookForGpgv: async () => undefined,
      hasGpgv: async () => true,
      onFirstLoad: () => undefined,
      onPublish: () => undefined,
      onRefresh: () => undefined,
    });
  });
  afterEach('every snapshot was closed', async () => {
    await refresher.stop();
    assert.equal(source.count.open, 0);
  });

  const reached = async (result: string): Promise<void> =>
    eventually(() => assert.equal(refresher.status().lastRefresh?.result, result));
  const refresh = async (): Promise<string | undefined> => {
    const before = refresher.status().lastRefresh;
    refresher.request('request');
    await eventually(() => assert.notEqual(refresher.status().lastRefresh, before));
    return refresher.status().lastRefresh?.result;
  };
  const statuses = (): readonly string[] =>
    [...(refresher.store()?.files() ?? [])].flatMap((file) =>
      'servedAs' in file ? file.status : [],
    );
  const commit = (): string | null | undefined => refresher.status().generation?.commit;

  describe('a pushed commit', () => {
    beforeEach('start', async () => {
      refresher.start();
      await reached('changed');
    });

    it('is waited for until the remote shows it', async () => {
      refresher.request('webhook', 'b');
      await eventually(() => assert.ok(source.count.refreshes >= 3, 'not yet'));
      assert.equal(commit(), 'a');
      source.state = SECOND;
      await eventually(() => assert.equal(commit(), 'b'));
      const { refreshes } = source.count;
      await sleep(550);
      assert.equal(source.count.refreshes, refreshes);
    });

    it('is not waited for when it is there', async () => {
      source.state = SECOND;
      refresher.request('webhook', 'b');
      await eventually(() => assert.equal(commit(), 'b'));
      await sleep(300);
      assert.equal(source.count.refreshes, 2);
    });

    it('gives way to a later one', async () => {
      refresher.request('webhook', 'lost');
      refresher.request('webhook', 'b');
      source.state = SECOND;
      await eventually(() => assert.equal(commit(), 'b'));
      await sleep(300);
      assert.equal(source.count.refreshes, 3);
    });

    it('is waited for over a failure', async () => {
      source.onRefresh = () => {
        if (source.count.refreshes < 4) throw new Error('down');
        source.state = SECOND;
      };
      refresher.request('webhook', 'b');
      await eventually(() => assert.equal(commit(), 'b'));
    });

    it('that cannot be looked for is no crash', async () => {
      source.onHasCommit = () => {
        throw new Error('the clone is broken');
      };
      refresher.request('webhook', 'b');
      await eventually(() => assert.ok(source.count.refreshes >= 3, 'not yet'));
      source.onHasCommit = () => true;
      source.state = SECOND;
      await eventually(() => assert.equal(commit(), 'b'));
      assert.match(log.text(), /"error":"the clone is broken"/);
    });
  });

  describe('a start', () => {
    it('that fails serves what was published before, then follows', async () => {
      source.recalled = FIRST;
      source.onRefresh = fail;
      refresher.start();
      await reached('failed');
      assert.deepEqual([statuses(), commit()], [['accepted'], 'a']);
      assert.equal(refresher.status().lastError?.message, 'refresh failed: down');
      source.state = SECOND;
      source.onRefresh = () => undefined;
      await eventually(() => assert.equal(commit(), 'b'));
      assert.equal(statuses().length, 2);
      assert.equal(refresher.status().lastError, null);
    });
    it('that fails without anything published goes on trying', async () => {
      source.onRefresh = fail;
      refresher.start();
      await reached('failed');
      assert.equal(refresher.store(), undefined);
      source.onRefresh = () => undefined;
      await eventually(() => assert.equal(commit(), 'a'));
    });
    it('that cannot even read what was published goes on trying', async () => {
      source.recalled = FIRST;
      source.onRefresh = fail;
      source.onList = fail;
      refresher.start();
      await reached('failed');
      assert.equal(refresher.store(), undefined);
      source.onRefresh = () => undefined;
      source.onList = () => undefined;
      await eventually(() => assert.equal(commit(), 'a'));
    });
  });

  describe('an expired signature', () => {
    it('is judged again, though nothing was pushed', async () => {
      source.state = createExpiring(150);
      refresher.start();
      await reached('changed');
      assert.equal(statuses().length, 2);
      assert.equal(await refresh(), 'unchanged');
      await sleep(200);
      assert.equal(await refresh(), 'changed');
      assert.equal(statuses().length, 1);
      assert.deepEqual(
        [...refresher.rejected()].map(({ code }) => code),
        ['signature-expired'],
      );
      assert.equal(await refresh(), 'unchanged');
    });
    it('is served on when nobody can say any more whether it is good', async () => {
      source.state = { commit: 'a', files: { [at(1)]: `until ${Date.now() + 100} unsure` } };
      refresher.start();
      await reached('changed');
      await sleep(150);
      assert.equal(await refresh(), 'unchanged');
      assert.equal(statuses().length, 1);
    });
    it('is not forgotten when that refresh fails', async () => {
      source.state = createExpiring(100);
      refresher.start();
      await reached('changed');
      await sleep(150);
      source.onList = fail;
      assert.equal(await refresh(), 'failed');
      source.onList = () => undefined;
      assert.equal(await refresh(), 'changed');
      assert.equal(statuses().length, 1);
    });
  });

  describe('another judge', () => {
    it('judges everything anew, in one step', async () => {
      source.state = SECOND;
      refresher.start();
      await reached('changed');
      const before = refresher.store();
      refresher.replaceJudge(createFakeJudge('unverified'));
      assert.deepEqual(statuses(), ['accepted', 'accepted']);
      assert.equal(await refresh(), 'changed');
      assert.deepEqual(statuses(), ['unverified', 'unverified']);
      assert.notEqual(refresher.store(), before);
      assert.equal(await refresh(), 'unchanged');
    });
    it('is kept in mind when the refresh fails', async () => {
      refresher.start();
      await reached('changed');
      refresher.replaceJudge(createFakeJudge('unverified'));
      source.onList = fail;
      assert.equal(await refresh(), 'failed');
      source.onList = () => undefined;
      assert.equal(await refresh(), 'changed');
      assert.deepEqual(statuses(), ['unverified']);
    });
    it('that comes while the old one loads judges after it', async () => {
      const gate = createGate();
      source.onList = gate.wait;
      refresher.start();
      await eventually(() => assert.equal(source.count.open, 1));
      refresher.replaceJudge(createFakeJudge('unverified'));
      refresher.request('signal');
      gate.open();
      await eventually(() => assert.deepEqual(statuses(), ['unverified']));
    });
  });

  describe('stop', () => {
    it('waits for the refresh that runs, and nothing follows', async () => {
      const gate = createGate();
      source.onRefresh = gate.wait;
      refresher.start();
      refresher.request('webhook', 'never');
      await eventually(() => assert.equal(source.count.running, 1));
      let stopped = false;
      const stopping = refresher.stop().then(() => (stopped = true));
      await sleep(50);
      assert.equal(stopped, false);
      gate.open();
      await stopping;
      assert.equal(commit(), 'a');
      refresher.request('signal');
      refresher.start();
      await sleep(300);
      assert.equal(source.count.refreshes, 1);
    });
    it('ends the waiting for the next try', async () => {
      source.onRefresh = fail;
      refresher.start();
      await reached('failed');
      await refresher.stop();
      await sleep(300);
      assert.equal(source.count.refreshes, 1);
    });
  });
});
