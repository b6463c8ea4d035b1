import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { SourceError } from '../../../generator/sources/source.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Refresher, type RefresherOptions } from '../../../server/follow/refresher.ts';
import { eventually } from '../../kit/eventually.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { HEX, DIRECTORY, at, createFakeJudge } from '../../kit/server/fake-judge.ts';
import { createGate } from '../../kit/server/gate.ts';
import { type MemorySource, createMemorySource } from '../../kit/server/memory-source.ts';
import { countFailures } from '../../kit/server/no-failures.ts';
import { signaturesAt } from '../../kit/samples/signatures-at.ts';

const FIRST = { commit: 'a', files: { [at(1)]: 'one' } };
const SECOND = { commit: 'b', files: { [at(1)]: 'one', [at(2)]: 'two' } };
const BAD = { commit: 'b', files: { [at(1)]: 'one', [at(2)]: 'bad' } };

/** What a log says of rejected files and refused states, in its order. */
function refusalsIn(text: string): readonly string[] {
  return text
    .split('\n')
    .flatMap((line) => /"msg":"((?:commit|rejected).*?)[:;"]/.exec(line)?.[1] ?? []);
}

async function failToKeep(): Promise<void> {
  throw new Error('the disk is full');
}

describe('the refresher', () => {
  let source: MemorySource;
  let refresher: Refresher;
  let log = captureLines();

  const create = (options: Partial<RefresherOptions> = {}): void => {
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
      random: () => 0,
      ...options,
    });
  };
  const start = async (options?: Partial<RefresherOptions>): Promise<void> => {
    create(options);
    refresher.start();
    await eventually(() => assert.notEqual(refresher.status().lastRefresh, null));
  };
  /** Asks for a refresh and waits until it is done. */
  const refresh = async (): Promise<string | undefined> => {
    const before = refresher.status().lastRefresh;
    refresher.request('request');
    await eventually(() => assert.notEqual(refresher.status().lastRefresh, before));
    return refresher.status().lastRefresh?.result;
  };
  const served = (): readonly string[] =>
    (signaturesAt(refresher.store(), DIRECTORY) ?? []).map(({ bytes }) =>
      Buffer.from(bytes).toString(),
    );
  const commit = (): string | null | undefined => refresher.status().generation?.commit;

  beforeEach('make a source', () => {
    source = createMemorySource(FIRST);
    log = captureLines();
  });
  afterEach('every snapshot was closed', async () => {
    await refresher.stop();
    assert.equal(source.count.open, 0);
    assert.ok(source.count.mostRunning <= 1);
  });

  it('does nothing before it is started', async () => {
    create();
    assert.equal(refresher.store(), undefined);
    assert.deepEqual(refresher.status(), {
      generation: null,
      lastRefresh: null,
      lastError: null,
      runningSince: null,
    });
    assert.deepEqual([...refresher.rejected()], []);
    await refresher.stop();
    assert.equal(source.count.refreshes, 0);
  });

  it('loads, and then follows what changes', async () => {
    let loads = 0;
    await start({ onFirstLoad: () => loads++ });
    assert.deepEqual(served(), ['one']);
    source.state = SECOND;
    assert.equal(await refresh(), 'changed');
    assert.deepEqual([served(), commit()], [['one', 'two'], 'b']);
    source.state = { commit: 'c', files: { [at(2)]: 'two' } };
    assert.equal(await refresh(), 'changed');
    assert.deepEqual(served(), ['two', 'two']);
    assert.equal(await refresh(), 'unchanged');
    assert.equal(refresher.status().generation?.number, 3);
    assert.deepEqual(source.kept, ['a', 'b', 'c']);
    assert.equal(loads, 1);
  });

  it('makes one more refresh of all requests that come meanwhile, for the last of them', async () => {
    const gate = createGate();
    source.onRefresh = gate.wait;
    create();
    refresher.start();
    for (const reason of ['poll', 'webhook', 'poll', 'signal'] as const) refresher.request(reason);
    source.state = SECOND;
    source.onRefresh = () => undefined;
    gate.open();
    await eventually(() => assert.equal(refresher.status().lastRefresh?.reason, 'signal'));
    await sleep(50);
    assert.equal(source.count.refreshes, 2);
    assert.equal(commit(), 'b');
  });

  it('tries again with back-off when the source fails, and serves on', async () => {
    await start();
    const tries: number[] = [];
    source.onRefresh = () => {
      tries.push(Date.now());
      if (tries.length <= 3) throw new SourceError('no route', { hint: 'look at the network' });
    };
    source.state = SECOND;
    assert.equal(await refresh(), 'failed');
    assert.equal(refresher.status().lastError?.message, 'refresh failed: no route');
    assert.deepEqual([served(), commit()], [['one'], 'a']);
    await eventually(() => {
      assert.equal(commit(), 'b');
      assert.equal(refresher.status().lastRefresh?.reason, 'retry');
      assert.equal(refresher.status().lastError, null);
    });
    const pauses = tries.slice(1).map((time, index) => time - (tries[index] ?? 0));
    for (const [index, least] of [250, 500, 1000].entries()) {
      const pause = pauses[index] ?? 0;
      assert.ok(pause >= least - 5 && pause < least + 240, pauses.join(' '));
    }
    assert.ok(log.text().includes('look at the network'));
  });

  it('tries again a little later than others may', async () => {
    await start({ random: () => 0.9 });
    const tries: number[] = [];
    source.onRefresh = () => {
      tries.push(performance.now());
      if (tries.length === 1) throw new SourceError('no route');
    };
    assert.equal(await refresh(), 'failed');
    await eventually(() => assert.equal(tries.length, 2));
    const [first = 0, second = 0] = tries;
    assert.ok(second - first >= 250 * 1.45 - 5, String(second - first));
  });

  it('is told by a push, and by nothing that comes by itself, that a refresh must not hang', async () => {
    const gate = createGate();
    await start();
    source.onRefresh = gate.wait;
    refresher.request('webhook');
    await eventually(() => assert.notEqual(refresher.status().runningSince, null));
    refresher.request('poll');
    assert.equal(source.count.hurried, 0, 'a poll brings no news');
    refresher.request('webhook', 'b');
    assert.equal(source.count.hurried, 1);
    assert.deepEqual(served(), ['one'], 'what is in force stays');
    source.state = SECOND;
    source.onRefresh = () => undefined;
    gate.open();
    await eventually(() => assert.equal(commit(), 'b'));
  });

  it('goes on with its back-off when a poll comes while a refresh runs or is planned', async () => {
    await start();
    const tries: number[] = [];
    source.onRefresh = async () => {
      tries.push(Date.now());
      refresher.request('poll');
      await sleep(5);
      refresher.request('poll');
      if (tries.length <= 3) throw new SourceError('no route');
    };
    assert.equal(await refresh(), 'failed');
    refresher.request('poll');
    await eventually(() => assert.equal(tries.length, 4));
    await refresher.idle();
    assert.equal(tries.length, 4);
    const pauses = tries.slice(1).map((time, index) => time - (tries[index] ?? 0));
    assert.ok(
      pauses.every((pause, index) => pause >= 240 * 2 ** index),
      pauses.join(' '),
    );
  });

  it('begins its back-off anew when somebody pushes', async () => {
    await start();
    const tries: number[] = [];
    source.onRefresh = () => {
      tries.push(Date.now());
      throw new SourceError('no route');
    };
    refresher.request('request');
    await eventually(() => assert.equal(tries.length, 3));
    refresher.request('webhook');
    await eventually(() => assert.equal(tries.length, 5));
    const [, , third = 0, fourth = 0, fifth = 0] = tries;
    assert.ok(fourth - third < 500, 'at once');
    assert.ok(fifth - fourth < 500, 'and again after the first pause');
  });

  it('serves on what it had when a refresh fails half-way', async () => {
    await start();
    source.state = SECOND;
    source.onList = () => {
      throw new Error('cut off');
    };
    assert.equal(await refresh(), 'failed');
    assert.deepEqual([served(), commit()], [['one'], 'a']);
    source.onList = () => undefined;
    assert.equal(await refresh(), 'changed');
    assert.deepEqual(served(), ['one', 'two']);
  });

  it('follows history that was rewound, and says so', async () => {
    source.state = SECOND;
    await start();
    source.state = FIRST;
    assert.equal(await refresh(), 'changed');
    assert.deepEqual([served(), commit()], [['one'], 'a']);
    assert.match(log.text(), /"from":"b","to":"a","msg":"the history was rewritten/);
  });

  it('serves a state that cannot be noted', async () => {
    await start({ source: { ...source, keep: failToKeep } });
    assert.deepEqual(served(), ['one']);
    assert.equal(refresher.status().lastRefresh?.result, 'changed');
    assert.match(log.text(), /"error":"the disk is full"/);
  });

  it('leaves out what is rejected, and names it', async () => {
    source.state = BAD;
    await start();
    assert.deepEqual(served(), ['one']);
    assert.deepEqual(
      [...refresher.rejected()].map(({ path, code }) => [path, code]),
      [[at(2), 'armored']],
    );
    assert.equal(refresher.status().lastError, null);
    source.state = { ...SECOND, commit: 'c' };
    await refresh();
    assert.deepEqual([...refresher.rejected()], []);
  });

  describe('with --on-invalid refuse', () => {
    it('keeps the last good state', async () => {
      await start({ onInvalid: 'refuse' });
      source.state = { ...BAD, files: { ...BAD.files, [at(3)]: 'three' } };
      assert.equal(await refresh(), 'refused');
      assert.deepEqual([served(), commit()], [['one'], 'a']);
      assert.match(
        refresher.status().lastError?.message ?? '',
        /^commit b is refused: 1 rejected file; the last good/,
      );
      assert.deepEqual(
        [...refresher.rejected()].map(({ path }) => path),
        [at(2)],
      );
      assert.equal(await refresh(), 'refused');
      source.state = { ...SECOND, commit: 'c' };
      assert.equal(await refresh(), 'changed');
      assert.deepEqual(served(), ['one', 'two']);
      assert.deepEqual([refresher.status().lastError, ...refresher.rejected()], [null]);
      assert.deepEqual(source.kept, ['a', 'c']);
    });

    it('logs a refusal once for a commit and its reason, and tells of it all the time', async () => {
      const troubles = new Troubles(() => new Date());
      await start({ onInvalid: 'refuse', troubles });
      source.state = BAD;
      for (let poll = 0; poll < 3; poll++) assert.equal(await refresh(), 'refused');
      const once = ['rejected', 'commit b is refused'];
      assert.deepEqual(refusalsIn(log.text()), once);
      assert.match(refresher.status().lastError?.message ?? '', /^commit b is refused/);
      assert.equal(troubles.list().length, 1);
      source.state = { ...BAD, commit: 'c' };
      for (let poll = 0; poll < 2; poll++) await refresh();
      source.state = { ...BAD, commit: 'c', files: { ...BAD.files, [at(3)]: 'bad' } };
      for (let poll = 0; poll < 2; poll++) await refresh();
      const twice = ['rejected', 'commit c is refused'];
      const thrice = ['rejected', 'rejected', 'commit c is refused'];
      assert.deepEqual(refusalsIn(log.text()), [...once, ...twice, ...thrice]);
      source.state = FIRST;
      await refresh();
      source.state = BAD;
      await refresh();
      assert.deepEqual(refusalsIn(log.text()).slice(-2), once, 'it was in force meanwhile');
      refresher.judgeAnew();
      await refresh();
      assert.deepEqual(refusalsIn(log.text()).slice(-4), [...once, ...once], 'somebody asked');
    });

    it('forgets the refusal when the state goes back', async () => {
      await start({ onInvalid: 'refuse' });
      source.state = BAD;
      await refresh();
      source.state = FIRST;
      assert.equal(await refresh(), 'unchanged');
      assert.deepEqual([refresher.status().lastError, ...refresher.rejected()], [null]);
    });

    it('serves nothing when the first state is refused and none was published', async () => {
      source.state = BAD;
      await start({ onInvalid: 'refuse' });
      assert.equal(refresher.store(), undefined);
      assert.equal(refresher.status().lastRefresh?.result, 'refused');
    });

    it('tells once of a file that is rejected in the served state and in the refused one', async () => {
      source.state = BAD;
      source.recalled = { ...BAD, commit: 'a' };
      await start({ onInvalid: 'refuse' });
      const rejected = [...refresher.rejected()];
      assert.equal(rejected.length, 1);
      assert.deepEqual(refresher.rejectedOf(HEX), rejected);
    });

    it('serves what was published before a restart when the first state is refused', async () => {
      source.state = BAD;
      source.recalled = FIRST;
      let loads = 0;
      await start({ onInvalid: 'refuse', onFirstLoad: () => loads++ });
      assert.deepEqual([served(), commit(), loads], [['one'], 'a', 1]);
      assert.match(refresher.status().lastError?.message ?? '', /^commit b is refused/);
      assert.equal(await refresh(), 'refused');
      source.state = { ...SECOND, commit: 'c' };
      assert.equal(await refresh(), 'changed');
      assert.deepEqual([served(), loads], [['one', 'two'], 1]);
    });
  });
});
