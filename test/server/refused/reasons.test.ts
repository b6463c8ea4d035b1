import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryCommit } from '../../../generator/sources/source.ts';
import { SignatureStore } from '../../../generator/store/store.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { Reasons, type ReasonsOptions } from '../../../server/refused/reasons.ts';
import { changeOf } from '../../generator/explain/change-of.ts';
import { publishable } from '../../kit/samples/samples.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { countFailures } from '../../kit/server/no-failures.ts';

const COMMIT: HistoryCommit = {
  id: 'c'.repeat(40),
  author: { name: 'Author', email: 'author@example.test' },
  date: '2026-01-02T03:04:05Z',
  subject: 'Remove',
};
/** Strangers may ask for so many images. */
const SCAN = 5000;
/** More than git is asked at once, less than a scan. */
const FEW_QUESTIONS = 100;
const directoryOf = (repository: string, digit = '1'): string =>
  formatDirectory(repository, digit.repeat(64));

/** Reasons over a store with one image, and a history that the test writes. */
function makeReasons(lastChange: ReasonsOptions['source']['lastChange']) {
  const store = new SignatureStore();
  store.prepare([publishable(formatLocation(directoryOf('team/app'), 1))]).apply();
  const state = { generation: 1, newest: 'n'.repeat(40), trouble: '' };
  const asked: string[] = [];
  const lines = captureLines();
  const reasons = new Reasons({
    source: {
      lastChange: async (commit, path) => {
        asked.push(`${commit.slice(0, 1)} ${path}`);
        return lastChange(commit, path);
      },
    },
    refresher: {
      store: () => store,
      rejectedOf: (hex) => store.rejectedOf(hex),
      newestCommit: () => state.newest,
      status: () => ({
        generation: { number: state.generation, commit: 's'.repeat(40), loadedAt: '' },
        lastRefresh: null,
        lastError: state.trouble === '' ? null : { at: '', message: state.trouble },
        runningSince: null,
      }),
    },
    failures: countFailures(),
    log: createProgramLog(lines.stream),
  });
  return { reasons, store, state, asked, lines };
}

describe('server: reasons', () => {
  it('asks git once while nothing changes, and anew for another generation', async () => {
    const { reasons, state, asked } = makeReasons(async (_commit, path) => changeOf(COMMIT, path));
    const gone = directoryOf('team/gone');
    for (let time = 0; time < 2; time++) {
      const found = await reasons.of([gone], 1000);
      assert.equal(found.get(gone)?.code, 'removed');
    }
    assert.deepEqual(asked, [`s ${gone}`]);
    state.generation = 2;
    await reasons.of([gone], 1000);
    assert.equal(asked.length, 2);
  });

  it('has no reason for what is signed, or what is no place', async () => {
    const { reasons } = makeReasons(async () => undefined);
    const found = await reasons.of([directoryOf('team/app'), 'nothing', ''], 1000);
    assert.deepEqual([...found], []);
  });

  it('leaves out what takes too long, and has it the next time', async () => {
    const waiting: (() => void)[] = [];
    const { reasons } = makeReasons(
      async () => new Promise((resolve) => waiting.push(() => resolve(undefined))),
    );
    const slow = directoryOf('team/app', '2');
    assert.deepEqual([...(await reasons.of([slow], 1))], []);
    for (const answer of waiting) answer();
    const found = await reasons.of([slow], 10_000);
    assert.equal(found.get(slow)?.code, 'other-digests');
  });

  it('gives no reason while the history cannot be read, says so once, and asks again', async () => {
    let isGone = true;
    const { reasons, lines } = makeReasons(async (_commit, path) => {
      if (isGone) throw new Error('git is gone');
      return changeOf(COMMIT, path);
    });
    const directories = ['2', '3'].map((digit) => directoryOf('team/app', digit));
    assert.deepEqual([...(await reasons.of(directories, 1000))], []);
    assert.equal(lines.take().filter((line) => line.includes('git is gone')).length, 1);
    isGone = false;
    const found = await reasons.of(directories, 1000);
    assert.deepEqual(
      [...found.values()].map(({ code }) => code),
      ['removed', 'removed'],
    );
  });

  it('has what it knows by then, whatever it waits for', async () => {
    const slow = directoryOf('team/app', '2');
    const { reasons } = makeReasons(async (_commit, path) =>
      path === slow ? new Promise<never>(() => undefined) : changeOf(COMMIT, path),
    );
    const quick = directoryOf('team/app', '3');
    const found = await reasons.of([slow, quick], 200);
    assert.deepEqual([...found.keys()], [quick]);
  });

  it('speaks of the newest state where that is not served', async () => {
    const { reasons, state } = makeReasons(async () => undefined);
    const other = directoryOf('team/app', '2');
    assert.doesNotMatch(
      (await reasons.of([other], 1000)).get(other)?.message ?? '',
      /newest state/,
    );
    state.trouble = 'commit abc is refused';
    const { message = '', next = '' } = (await reasons.of([other], 1000)).get(other) ?? {};
    assert.match(message, /The newest state of the source is not served.*commit abc is refused/);
    assert.match(next, /^First find out why/);
  });

  describe('for a log', () => {
    it('has what git says, or what the store says', async () => {
      const gone = directoryOf('team/gone');
      const { reasons } = makeReasons(async (_commit, path) =>
        path === gone ? changeOf(COMMIT, path) : undefined,
      );
      assert.equal(await reasons.codeOf(gone), 'removed');
      assert.equal(await reasons.codeOf(directoryOf('team/app', '2')), 'other-digests');
      assert.equal(await reasons.codeOf(directoryOf('team/other')), 'elsewhere');
      assert.equal(await reasons.codeOf(directoryOf('team/other', '2')), 'unknown-repository');
    });

    it('waits for git no longer than half a second', async () => {
      const { reasons } = makeReasons(async () => new Promise<never>(() => undefined));
      const code = reasons.codeOf(directoryOf('team/other'));
      const first = await Promise.race([code, sleep(5000, 'too late')]);
      assert.equal(first, 'elsewhere');
    });

    it('waits once for many lookups of one image', async () => {
      const waiting: (() => void)[] = [];
      const { reasons, asked } = makeReasons(
        async () => new Promise((resolve) => waiting.push(() => resolve(undefined))),
      );
      const directory = directoryOf('team/other');
      const codes = Array.from({ length: SCAN }, () => reasons.codeOf(directory));
      assert.equal(new Set(codes).size, 1);
      for (const answer of waiting) answer();
      assert.equal(await codes[0], 'elsewhere');
      assert.equal(reasons.codeOf(directory), 'elsewhere');
      assert.equal(asked.length, 1);
    });

    it('remembers nothing of names that are too long for nodes', () => {
      const { reasons, asked } = makeReasons(async () => undefined);
      const long = directoryOf(`${'long/'.repeat(200)}app`);
      assert.equal(reasons.codeOf(long), 'unknown-repository');
      assert.deepEqual(asked, []);
    });

    it('asks git no more than now and then, whatever strangers ask for', async () => {
      const { reasons, asked } = makeReasons(async () => undefined);
      const codes = Array.from({ length: SCAN }, (_, index) =>
        reasons.codeOf(directoryOf(`scan/${index}`, '3')),
      );
      const atOnce = codes.filter((code) => typeof code === 'string');
      assert.ok(atOnce.length > SCAN - FEW_QUESTIONS);
      assert.ok(asked.length > 0 && asked.length < FEW_QUESTIONS, String(asked.length));
      assert.deepEqual(
        new Set(await Promise.all(codes.map(async (code) => code))),
        new Set(['unknown-repository']),
      );
    });
  });
});
