import assert from 'node:assert/strict';
import { SourceError } from '../../../generator/sources/source.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Generations } from '../../../server/follow/generations.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { at } from '../../kit/server/fake-judge.ts';
import { createMemorySource } from '../../kit/server/memory-source.ts';
import { createTimedJudge } from '../../kit/server/timed-judge.ts';

const FILES = 100;
const never = (): boolean => false;
const always = (): boolean => true;

describe('the generations', () => {
  const texts = Array.from(
    { length: FILES },
    (_, file) => `${file % 7 === 0 ? 'dear ' : ''}${file}`,
  );
  const judge = createTimedJudge();
  const state = {
    commit: 'a',
    files: Object.fromEntries(texts.map((text, file) => [at(file + 1), text])),
  };
  const source = createMemorySource(state);
  let published = 0;
  let generations: Generations;

  beforeEach('load', async () => {
    source.state = state;
    generations = new Generations({
      source,
      judge,
      onInvalid: 'quarantine',
      log: createProgramLog(captureLines().stream),
      troubles: new Troubles(() => new Date()),
      now: () => new Date(),
      tried: undefined,
      older: undefined,
      numbers: undefined,
      cachedFor: 60_000,
      elapsed: () => performance.now(),
      onFirstLoad: () => undefined,
      onPublish: () => published++,
    });
    await generations.advance(() => undefined, never);
    judge.asked.length = 0;
    published = 0;
  });
  afterEach(async () => generations.close());

  it('judge everything anew once, however often that is broken off, also by pushes', async () => {
    assert(generations.isTrue());
    generations.judgeAnew();
    let turns = 0;
    for (; !generations.isTrue(); turns++) {
      await generations.renew(turns < 3 ? always : never);
      await generations.advance(() => undefined, never);
      assert(turns < 10, 'it does not come to an end');
    }
    assert(turns > 1, 'it was not broken off');
    assert.deepEqual(judge.asked.toSorted(), texts.toSorted());
    assert.equal(published, 0, 'nothing has changed');
  });

  it('bring back nothing that was removed or replaced meanwhile', async () => {
    const push = async (commit: string, files: Readonly<Record<string, string>>): Promise<void> => {
      source.state = { commit, files };
      await generations.advance(() => undefined, never);
    };
    judge.hasGpgv = false;
    const waiting = texts.map((text, file) => [at(file + 1), `usual ${text}`] as const);
    await push('b', Object.fromEntries(waiting));
    assert.equal(generations.undecided, FILES);
    judge.hasGpgv = true;
    generations.judgeAnew();
    await generations.renew(always);
    assert(generations.undecided > 0);
    await push('c', { [at(1)]: 'usual 0', [at(FILES)]: 'new' });
    while (!generations.isTrue()) await generations.renew(never);
    const served = [...(generations.store?.served() ?? [])];
    assert.deepEqual(
      served.map(({ signature }) => Buffer.from(signature.bytes).toString()),
      ['usual 0', 'new'],
    );
  });

  it('judge all that can be read, and the rest later', async () => {
    source.state = {
      commit: 'b',
      files: { ...state.files, [at(1)]: 'bad one', [at(50)]: 'bad two' },
    };
    await generations.advance(() => undefined, never);
    const damaged = new SourceError('the clone is damaged');
    source.onRead = () => {
      throw damaged;
    };
    judge.asked.length = 0;
    generations.judgeAnew();
    await assert.rejects(generations.renew(never), damaged);
    assert.equal(judge.asked.length, FILES - 2);
    await assert.rejects(generations.renew(never), damaged);
    assert.equal(judge.asked.length, FILES - 2);
    assert(!generations.isTrue());
    source.onRead = () => undefined;
    await generations.renew(never);
    assert.deepEqual(judge.asked.slice(FILES - 2).toSorted(), ['bad one', 'bad two']);
    assert(generations.isTrue());
  });

  it('begin anew when that is asked for once more', async () => {
    generations.judgeAnew();
    await generations.renew(always);
    const first = judge.asked.length;
    assert(first > 0 && first < FILES);
    generations.judgeAnew();
    await generations.renew(never);
    assert(generations.isTrue());
    assert(judge.asked.length >= FILES);
  });
});
