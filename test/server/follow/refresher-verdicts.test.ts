import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createScope } from '../../../generator/policy/policy.ts';
import type { SharedVerdict } from '../../../generator/store/checkpoint/shared-verdict.ts';
import { SourceError, StateRefusedError } from '../../../generator/sources/source.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { TriedCommit } from '../../../server/follow/tried-commit.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Refresher, type RefresherOptions } from '../../../server/follow/refresher.ts';
import { eventually } from '../../kit/eventually.ts';
import { useTemporary } from '../../kit/temporary.ts';
import type { StoreJudge } from '../../../server/follow/judge-with-memory.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { at } from '../../kit/server/fake-judge.ts';
import { createGate } from '../../kit/server/gate.ts';
import {
  type MemorySource,
  type State,
  createMemorySource,
} from '../../kit/server/memory-source.ts';
import { countFailures } from '../../kit/server/no-failures.ts';
import { type TimedJudge, createTimedJudge } from '../../kit/server/timed-judge.ts';

const START = 1_700_000_000_000;
const HOUR = 3_600_000;
const NEVER = 9_999_999_999_999;

const stateOf = (commit: string, ...texts: readonly string[]): State => ({
  commit,
  files: Object.fromEntries(texts.map((text, index) => [at(index + 1), text])),
});

async function failToRecall(): Promise<never> {
  throw new SourceError('the clone is damaged');
}

function fail(error: unknown): void {
  assert.fail(String(error));
}

/** A judge of a rule that says of another one's verdicts what is given. */
function withSharedVerdict(judge: TimedJudge, said: SharedVerdict | undefined): StoreJudge {
  return { ...judge, sharedVerdicts: { format: () => 'text', parse: () => said } };
}

describe('the refresher, as verdicts come and go', () => {
  let source: MemorySource;
  let judge: TimedJudge;
  let refresher: Refresher;
  let troubles: Troubles;
  let log = captureLines();
  let [wall, elapsed] = [START, 0];
  let published: (string | null)[] = [];

  const create = (state: State, options: Partial<RefresherOptions> = {}): void => {
    [wall, elapsed, published] = [START, 0, []];
    log = captureLines();
    judge = createTimedJudge();
    source = createMemorySource(state);
    troubles = new Troubles(() => new Date(wall));
    refresher = new Refresher({
      source,
      judge,
      onInvalid: 'quarantine',
      log: createProgramLog(log.stream),
      troubles,
      failures: countFailures(),
      now: () => new Date(wall),
      elapsed: () => elapsed,
      tried: undefined,
      older: undefined,
      numbers: undefined,
      cachedFor: 60_000,
      lookForGpgv: async () => undefined,
      hasGpgv: async () => judge.hasGpgv,
      onFirstLoad: () => undefined,
      onPublish: (_store, { commit }) => void published.push(commit),
      onRefresh: () => undefined,
      ...options,
    });
  };
  const start = async (state: State, options: Partial<RefresherOptions> = {}): Promise<void> => {
    create(state, options);
    refresher.start();
    await refresher.idle();
  };
  afterEach('every snapshot was closed', async () => {
    await refresher.stop();
    assert.equal(source.count.open, 0);
    assert.ok(source.count.mostRunning <= 1);
  });

  /** Time goes by, on both clocks. */
  const pass = async (milliseconds: number): Promise<void> => {
    elapsed += milliseconds;
    await jump(milliseconds);
  };
  /** Only the wall clock is moved. */
  const jump = async (milliseconds: number): Promise<void> => {
    wall += milliseconds;
    refresher.lookAtClock();
    await refresher.idle();
  };
  const served = (): readonly string[] =>
    [...(refresher.store()?.served() ?? [])].map(({ signature }) =>
      Buffer.from(signature.bytes).toString(),
    );
  const codes = (): readonly string[] => [...refresher.rejected()].map(({ code }) => code);
  const kinds = (): readonly string[] => troubles.list().map(({ kind }) => kind);

  const reload = async (): Promise<void> => {
    refresher.judgeAnew();
    refresher.request('signal');
    await refresher.idle();
  };

  const assertRefused = (): void => {
    const { lastRefresh, lastError } = refresher.status();
    assert.equal(lastRefresh?.result, 'refused');
    assert.match(lastError?.message ?? '', /^commit b is refused: 5 entries, at most 4; the last/);
    const [trouble] = troubles.list();
    assert.deepEqual(
      [trouble?.kind, trouble?.commit, trouble?.author, trouble?.hint],
      ['state-refused', 'b', 'Eve <eve@example.test>', 'raise --max-entries'],
    );
    assert.match(log.text(), /"author":"Eve <eve@example\.test>"/);
    assert.equal(refresher.newestCommit(), 'b');
  };

  describe('time', () => {
    const expired = `bad from ${START + HOUR} until ${NEVER}`;

    it('takes away what expires, though nothing is polled or pushed', async () => {
      await start(stateOf('a', 'one', expired));
      assert.equal(served().length, 2);
      await pass(HOUR - 1);
      assert.equal(served().length, 2);
      await pass(1);
      assert.deepEqual([served(), codes()], [['one'], ['key-expired']]);
      assert.deepEqual([source.count.refreshes, kinds()], [1, []]);
      assert.deepEqual(published, ['a', 'a']);
    });

    it('gives back what was rejected for a time, though nothing is polled or pushed', async () => {
      await start(stateOf('a', 'one', `bad from 0 until ${START + HOUR}`));
      assert.equal(served().length, 1);
      await pass(HOUR);
      assert.deepEqual([served().length, codes()], [2, []]);
    });

    it('costs nothing while every verdict holds', async () => {
      await start(stateOf('a', 'one', expired));
      const { length } = judge.asked;
      for (let tick = 0; tick < 100; tick++) await pass(1000);
      assert.equal(judge.asked.length, length);
    });

    it('is obeyed while the git host is down', async () => {
      await start(stateOf('a', 'one', expired));
      source.onRefresh = () => {
        throw new SourceError('no route');
      };
      await pass(HOUR);
      assert.deepEqual(served(), ['one']);
      await jump(-HOUR);
      assert.equal(served().length, 2);
      assert.equal(refresher.status().lastRefresh?.result, 'failed');
    });

    it('is obeyed with --on-invalid refuse, and refuses no later push', async () => {
      await start(stateOf('a', 'one', expired), { onInvalid: 'refuse' });
      await pass(HOUR);
      assert.deepEqual(served(), ['one']);
      source.state = stateOf('b', 'one', expired, 'three');
      refresher.request('webhook');
      await refresher.idle();
      assert.deepEqual([served(), refresher.status().lastError], [['one', 'three'], null]);
      source.state = stateOf('c', 'one', expired, 'three', 'bad');
      refresher.request('webhook');
      await refresher.idle();
      assert.deepEqual(served(), ['one', 'three']);
      assert.match(refresher.status().lastError?.message ?? '', /commit c is refused: 1 rejected/);
    });
  });

  it('time refuses nothing with --on-invalid refuse after a refresh that failed', async () => {
    const expired = `bad from ${START + HOUR} until ${NEVER}`;
    await start(stateOf('a', 'one', expired), { onInvalid: 'refuse' });
    await pass(HOUR);
    source.onList = () => {
      source.onList = () => undefined;
      throw new SourceError('the clone has lost commit a');
    };
    source.state = stateOf('b', 'one', expired, 'three');
    refresher.request('webhook');
    await eventually(() => assert.deepEqual(served(), ['one', 'three']));
    await refresher.idle();
    source.onList = () => {
      source.onList = () => undefined;
      throw new SourceError('the clone has lost commit b');
    };
    source.state = stateOf('c', 'one', expired, 'bad');
    refresher.request('webhook');
    await eventually(() => assert.equal(refresher.status().lastRefresh?.result, 'refused'));
    assert.deepEqual(served(), ['one', 'three']);
    assert.match(refresher.status().lastError?.message ?? '', /commit c is refused: 1 rejected/);
  });

  describe('a clock that is set', () => {
    const expired = `bad from ${START + HOUR} until ${NEVER}`;
    const early = `bad from 0 until ${START}`;

    it('ahead and back brings everything back, and is told', async () => {
      await start(stateOf('a', 'one', expired));
      await jump(3 * 365 * 24 * HOUR);
      assert.deepEqual(served(), ['one']);
      assert.deepEqual(kinds(), ['clock-jumped']);
      assert.match(log.text(), /the clock was set ahead by 94608000 s/);
      assert.equal(refresher.status().lastRefresh?.reason, 'clock');
      await jump(-3 * 365 * 24 * HOUR);
      assert.deepEqual([served().length, codes()], [2, []]);
      assert.match(log.text(), /the clock was set back by 94608000 s/);
    });

    it('back and ahead does so too', async () => {
      await start(stateOf('a', 'one', early));
      assert.equal(served().length, 2);
      await jump(-HOUR);
      assert.deepEqual([served(), codes()], [['one'], ['key-expired']]);
      await jump(HOUR);
      assert.equal(served().length, 2);
    });

    it('is told for an hour', async () => {
      await start(stateOf('a', 'one'));
      await jump(HOUR);
      await pass(HOUR - 1);
      assert.deepEqual(kinds(), ['clock-jumped']);
      await pass(1);
      assert.deepEqual(kinds(), []);
    });

    it('while something is judged has all judged anew', async () => {
      await start(stateOf('a', 'one', 'two'));
      await jump(HOUR);
      assert.deepEqual(judge.asked, ['one', 'two', 'one', 'two']);
      await pass(1000);
      await pass(1000);
      await jump(HOUR);
      assert.equal(judge.asked.length, 4, 'but not what was judged long before');
    });
  });

  describe('SIGHUP', () => {
    it('judges everything anew, with a gpgv that is looked for', async () => {
      let looks = 0;
      await start(stateOf('a', 'one', 'bad', 'usual'), { lookForGpgv: async () => void looks++ });
      judge.asked.length = 0;
      await reload();
      assert.deepEqual(judge.asked.toSorted(), ['bad', 'one', 'usual']);
      assert.equal(looks, 1);
      assert.deepEqual(published, ['a'], 'nothing has changed');
      assert.equal(refresher.status().lastRefresh?.result, 'unchanged');
    });

    it('judges what it can where cannot look for gpgv', async () => {
      let looked = 0;
      const lookForGpgv = async (): Promise<void> => {
        if (looked++ === 0) throw new Error('no space left');
      };
      await start(stateOf('a', 'one', 'usual'), { lookForGpgv });
      judge.asked.length = 0;
      await reload();
      assert.deepEqual([judge.asked.toSorted(), looked], [['one', 'usual'], 1]);
      assert.match(log.text(), /no space left/);
      refresher.judgeAnew();
      await pass(1000);
      assert.equal(looked, 2);
    });

    it('takes nothing away for which there is no verdict now', async () => {
      await start(stateOf('a', 'one', 'usual', 'dear'));
      judge.hasGpgv = false;
      await reload();
      assert.deepEqual([served(), codes()], [['one', 'usual', 'dear'], []]);
    });

    it('has effect while the git host is down', async () => {
      await start(stateOf('a', 'one', 'two'));
      source.onRefresh = () => {
        throw new SourceError('no route');
      };
      refresher.replaceJudge({
        ...judge,
        judge: async (...args) => judge.judge(args[0], Buffer.from('bad'), args[2]),
      });
      await reload();
      assert.deepEqual(served(), []);
    });

    const scope = createScope('', undefined, []);
    const shared = { signer: undefined, scope, meets: [], creator: null, warnings: [] };
    const rules = {
      'another rule that says the same of it': {
        said: { ...shared, gpgv: '2.2.40', release: undefined },
        left: ['one', 'usual'],
      },
      'another rule that does not': { said: undefined, left: ['one'] },
    };
    for (const [what, { said, left }] of Object.entries(rules)) {
      it(`serves ${left.length} where there is no verdict now by ${what}`, async () => {
        await start(stateOf('a', 'one', 'usual'), {
          judge: withSharedVerdict(createTimedJudge(), said),
        });
        const next = createTimedJudge();
        next.hasGpgv = false;
        refresher.replaceJudge(withSharedVerdict(next, said));
        await reload();
        assert.deepEqual(served(), left);
      });
    }
  });

  describe('files that only gpgv can judge', () => {
    it('are there at the first generation', async () => {
      await start(stateOf('a', 'dear', 'usual', 'one'));
      assert.deepEqual([served(), published], [['dear', 'usual', 'one'], ['a']]);
      assert.deepEqual(judge.asked, ['one', 'usual', 'dear'], 'the quick ones first');
    });

    it('hold up no other push: that is published first', async () => {
      await start(stateOf('a', 'one'));
      const gate = createGate();
      judge.onDear = gate.wait;
      source.state = stateOf('b', 'one', 'dear', 'two');
      refresher.request('webhook');
      await eventually(() => assert.deepEqual(served(), ['one', 'two']));
      assert.deepEqual(source.kept, ['a'], 'it is not noted before it is whole');
      gate.open();
      await refresher.idle();
      assert.deepEqual(served(), ['one', 'dear', 'two']);
      assert.deepEqual(source.kept, ['a', 'b']);
    });

    it('leave in force what they replace until they are judged', async () => {
      await start(stateOf('a', 'one', 'two'));
      const gate = createGate();
      judge.onDear = gate.wait;
      source.state = stateOf('b', 'dear', 'new');
      refresher.request('webhook');
      await eventually(() => assert.deepEqual(served(), ['one', 'new']));
      gate.open();
      await refresher.idle();
      assert.deepEqual(served(), ['dear', 'new']);
    });

    it('leave that in force also while the next push waits', async () => {
      await start(stateOf('a', 'one', 'two'));
      const seen: number[] = [];
      judge.onDear = () => void seen.push(served().length);
      source.state = stateOf('b', 'dear', 'two');
      source.onList = () => {
        source.onList = () => undefined;
        refresher.request('webhook');
      };
      refresher.request('webhook');
      await refresher.idle();
      assert.deepEqual([served(), codes()], [['one', 'two'], ['cannot-verify']]);
      await pass(1000);
      assert.deepEqual([served(), codes(), seen], [['dear', 'two'], [], [2]]);
    });

    it('give way to the next push, and are judged after it', async () => {
      await start(stateOf('a', 'one'));
      const gate = createGate();
      judge.onDear = gate.wait;
      const bombs = Array.from({ length: 120 }, (_, bomb) => `dear ${bomb}`);
      source.state = stateOf('b', 'one', ...bombs);
      refresher.request('webhook');
      await eventually(() => assert.equal(source.count.running + source.count.open, 2));
      await sleep(50);
      source.state = stateOf('c', 'one', ...bombs, 'good');
      refresher.request('webhook');
      judge.onDear = () => undefined;
      gate.open();
      await eventually(() => assert.ok(served().includes('good'), served().join()));
      await refresher.idle();
      for (let tick = 0; tick < 5; tick++) await pass(1000);
      assert.deepEqual([codes(), kinds()], [[], []]);
      assert.equal(served().length, 122);
    });

    it('are not all judged where one rejected file refuses the state', async () => {
      await start(stateOf('a', 'one'), { onInvalid: 'refuse' });
      judge.hasGpgv = false;
      const bombs = Array.from({ length: 100 }, (_, bomb) => `dear ${bomb}`);
      source.state = stateOf('b', 'one', ...bombs);
      refresher.request('webhook');
      await refresher.idle();
      assert.equal(refresher.status().lastRefresh?.result, 'refused');
      const dear = judge.asked.filter((text) => text.startsWith('dear'));
      assert(dear.length <= availableParallelism(), `${dear.length} were judged`);
      source.state = stateOf('c', 'one', 'dear', 'usual');
      judge.hasGpgv = true;
      refresher.request('webhook');
      await refresher.idle();
      assert.deepEqual(served(), ['one', 'dear', 'usual']);
    });

    it('are told of while nobody can judge them, and judged when gpgv is back', async () => {
      create(stateOf('a', 'one', 'usual', 'dear'));
      judge.hasGpgv = false;
      refresher.start();
      await refresher.idle();
      assert.deepEqual([served(), codes()], [['one'], ['cannot-verify', 'cannot-verify']]);
      assert.match(troubles.list()[0]?.message ?? '', /^2 files wait for a verdict$/);
      await pass(1000);
      judge.hasGpgv = true;
      await pass(30_000);
      assert.equal(served().length, 1);
      await pass(30_000);
      assert.deepEqual([served(), codes(), kinds()], [['one', 'usual', 'dear'], [], []]);
      assert.equal(source.count.refreshes, 1);
    });

    it('are asked for less and less often while that is in vain', async () => {
      create(stateOf('a', 'one', 'dear'), { hasGpgv: async () => true });
      judge.hasGpgv = false;
      refresher.start();
      await refresher.idle();
      judge.asked.length = 0;
      for (let minute = 0; minute < 24 * 60; minute++) await pass(60_000);
      assert(judge.asked.length >= 24 && judge.asked.length <= 36, `${judge.asked.length} times`);
    });

    it('are served on when their verdict has lapsed and there is no other', async () => {
      await start(stateOf('a', 'one', `usual until ${START + HOUR} unsure`));
      judge.hasGpgv = false;
      await pass(HOUR);
      await pass(HOUR);
      assert.deepEqual([served().length, codes()], [2, []]);
    });
  });

  describe('a start', () => {
    it('serves the last good state before the source is asked', async () => {
      const gate = createGate();
      create(stateOf('b', 'one', 'two'));
      source.recalled = stateOf('a', 'one');
      source.onRefresh = gate.wait;
      refresher.start();
      await eventually(() => assert.deepEqual(served(), ['one']));
      assert.equal(refresher.status().lastRefresh, null);
      gate.open();
      await refresher.idle();
      assert.deepEqual([served(), published, source.kept], [['one', 'two'], ['a', 'b'], ['b']]);
    });

    it('serves it whatever rejected files it has, with --on-invalid refuse', async () => {
      create(stateOf('b', 'bad'), { onInvalid: 'refuse' });
      source.recalled = stateOf('a', 'one', `bad from 0 until ${NEVER}`);
      refresher.start();
      await refresher.idle();
      assert.deepEqual([served(), source.kept], [['one'], []]);
      assert.match(refresher.status().lastError?.message ?? '', /^commit b is refused/);
    });

    it('goes on without a state that cannot be read', async () => {
      create(stateOf('b', 'one'));
      create(stateOf('b', 'one'), { source: { ...source, recall: failToRecall } });
      refresher.start();
      await refresher.idle();
      assert.equal(refresher.status().generation?.commit, 'b');
      assert.match(log.text(), /cannot be read/);
    });
  });

  describe('a state at which earlier runs have ended', () => {
    const path = useTemporary();
    const [good, deadly] = ['a'.repeat(40), 'b'.repeat(40)];
    const file = () => join(path(), 'x.tried');
    let ran = 0;
    const startAfter = async (deaths: number, recalled: State | undefined): Promise<void> => {
      if (deaths > 0) await writeFile(file(), `${deadly} ${deaths}\n`);
      ran = 0;
      const tried = new TriedCommit({ path: file(), elapsed: () => ran, onError: fail });
      create(stateOf(deadly, 'one', 'two'), { tried });
      source.recalled = recalled;
      refresher.start();
      ran = 29_700;
      await refresher.idle();
    };

    it('waits while the last good one is served, is told, and then tried again', async () => {
      await startAfter(2, stateOf(good, 'one'));
      assert.deepEqual([served(), kinds()], [['one'], ['state-refused']]);
      assert.match(
        refresher.status().lastError?.message ?? '',
        /waits for 1 min: the server was killed/,
      );
      assert.deepEqual(source.kept, []);
      refresher.request('poll');
      await refresher.idle();
      assert.deepEqual(served(), ['one']);
      ran = 30_000;
      await eventually(() => assert.deepEqual(served(), ['one', 'two']));
      await refresher.idle();
      assert.deepEqual([kinds(), refresher.status().lastError], [[], null]);
      assert.deepEqual([source.kept, await readdir(path())], [[deadly], []]);
    });

    it('holds up no later one, which a poll finds', async () => {
      await startAfter(8, stateOf(good, 'one'));
      source.state = stateOf('c'.repeat(40), 'one', 'mended');
      refresher.request('poll');
      await refresher.idle();
      assert.deepEqual([served(), kinds()], [['one', 'mended'], []]);
    });

    it('waits for nothing where nothing else is good, or after one death', async () => {
      await startAfter(5, undefined);
      assert.deepEqual(served(), ['one', 'two']);
      await refresher.stop();
      await startAfter(1, stateOf(good, 'one'));
      assert.deepEqual(served(), ['one', 'two']);
    });

    it('is noted while it is judged, and no longer', async () => {
      await startAfter(0, stateOf(good, 'one'));
      const gate = createGate();
      source.state = stateOf('c'.repeat(40), 'one');
      source.onList = gate.wait;
      refresher.request('webhook');
      await eventually(async () => assert.deepEqual(await readdir(path()), ['x.tried']));
      assert.equal(await readFile(file(), 'utf8'), `${'c'.repeat(40)} 1\n`);
      gate.open();
      await refresher.idle();
      assert.deepEqual(await readdir(path()), []);
    });
  });

  describe('a state that costs too much', () => {
    const origin = { commit: 'b', author: 'Eve <eve@example.test>' };
    const refuse = (): never => {
      throw new StateRefusedError('5 entries, at most 4', origin, 'raise --max-entries');
    };
    for (const where of ['onRefresh', 'onList'] as const) {
      it(`is refused (${where}), and the last good one is kept, also after a restart`, async () => {
        await start(stateOf('a', 'one'));
        source.state = stateOf('b', 'one', 'two');
        source[where] = refuse;
        refresher.request('webhook', 'b');
        await refresher.idle();
        assertRefused();
        assert.deepEqual([served(), source.kept], [['one'], ['a']]);
        const { refreshes } = source.count;
        await sleep(600);
        assert.equal(source.count.refreshes, refreshes, 'it is not tried again by itself');
        await refresher.stop();
        create(stateOf('b', 'one', 'two'));
        source.recalled = stateOf('a', 'one');
        // The last good one is read before the source is asked.
        source.onRefresh = () => {
          source[where] = refuse;
          if (where === 'onRefresh') refuse();
        };
        refresher.start();
        await refresher.idle();
        assertRefused();
        assert.deepEqual(served(), ['one']);
        source.onRefresh = () => undefined;
        source.onList = () => undefined;
        source.state = stateOf('c', 'three');
        refresher.request('webhook');
        await refresher.idle();
        assert.deepEqual([served(), refresher.status().lastError], [['three'], null]);
        assert(!kinds().includes('state-refused'));
      });
    }

    it('is not looked into again until something new comes, or SIGHUP', async () => {
      await start(stateOf('a', 'one'));
      source.state = stateOf('b', 'one', 'two');
      let lists = 0;
      source.onList = () => {
        lists++;
        refuse();
      };
      for (let poll = 0; poll < 3; poll++) {
        refresher.request('poll');
        await refresher.idle();
      }
      assert.equal(lists, 1);
      assertRefused();
      source.onList = () => undefined;
      refresher.judgeAnew();
      refresher.request('signal');
      await refresher.idle();
      assert.deepEqual(served(), ['one', 'two']);
    });

    it('is told again when the branch goes back to it', async () => {
      await start(stateOf('a', 'one'));
      for (const [commit, told] of [
        ['b', ['state-refused']],
        ['c', []],
        ['b', ['state-refused']],
      ] as const) {
        source.state = stateOf(commit, 'one', 'two');
        source.onList = commit === 'b' ? refuse : () => undefined;
        refresher.request('poll');
        await refresher.idle();
        assert.deepEqual(kinds(), told);
      }
      assert.equal(refresher.newestCommit(), 'b');
    });

    it('is told when there is no good one, and locations wait', async () => {
      create(stateOf('b', 'one'));
      source.onList = refuse;
      refresher.start();
      await refresher.idle();
      assert.equal(refresher.store(), undefined);
      assert.deepEqual(kinds(), ['state-refused']);
      assert.deepEqual(source.kept, []);
    });
  });
});
