import assert from 'node:assert/strict';
import {
  type JudgeAgainOptions,
  type JudgedAgain,
  judgeAgain,
} from '../../../generator/store/judge-again.ts';
import type { Judge } from '../../../generator/gate/judge.ts';
import { DEFERRED, type Effort } from '../../../generator/openpgp/open-message.ts';
import { toBlobEntry } from '../../../generator/sources/source.ts';
import type { JudgedFile } from '../../../generator/store/store.ts';
import { DIRECTORY, at, createFakeJudge } from '../../kit/server/fake-judge.ts';
import { storeOf } from '../../kit/samples/store-of.ts';

/** The least effort at which there is a verdict, by the first word of a file. */
const NEEDS: Readonly<Record<string, readonly Effort[]>> = {
  plain: ['quick', 'usual', 'any'],
  usual: ['usual', 'any'],
  dear: ['any'],
};
const WORDS = ['dear', 'usual', 'plain'] as const;

const undecided = (path: string, text: Buffer): JudgedFile => ({
  kind: 'rejected',
  path,
  directory: DIRECTORY,
  entry: toBlobEntry(path, text),
  rejection: DEFERRED,
});

describe('files that are judged again', () => {
  /** The first words of files, as verdicts were given. */
  let decided: string[];

  beforeEach(() => {
    decided = [];
  });

  const texts = new Map(
    Array.from({ length: 30 }, (_, index) => [
      at(index + 1),
      Buffer.from(`${WORDS[index % WORDS.length]} ${index}`),
    ]),
  );
  const files = Array.from(texts, ([path, text]) => undecided(path, text));

  const judgeAll = async (options: Partial<JudgeAgainOptions> = {}): Promise<JudgedAgain> => {
    const { judge: decide, suggest } = createFakeJudge();
    const judge: Judge['judge'] = async (location, bytes, now, effort = 'any') => {
      const [word = ''] = Buffer.from(bytes).toString().split(' ');
      if (NEEDS[word]?.includes(effort) !== true) return DEFERRED;
      decided.push(word);
      return decide(location, bytes, now, effort);
    };
    return judgeAgain(files, {
      store: storeOf(...files),
      snapshot: { read: async ({ path }) => texts.get(path) ?? assert.fail() },
      judge: { judge, suggest },
      now: new Date(),
      isEnough: () => false,
      ...options,
    });
  };

  it('are judged in the order of what that costs, whatever order they come in', async () => {
    const { left } = await judgeAll();
    const inOrder = WORDS.toReversed().flatMap((word) => Array.from({ length: 10 }, () => word));
    assert.deepEqual(decided, inOrder);
    assert.deepEqual(left, []);
  });

  it('are left where it is enough, if they are dear', async () => {
    const { left } = await judgeAll({ isEnough: () => true });
    assert.deepEqual(new Set(decided), new Set(['plain', 'usual']));
    assert.equal(decided.length, 20);
    assert.equal(left.length, 10);
  });

  it('are left unless they are quick, where only that is wanted', async () => {
    const { left } = await judgeAll({ onlyQuick: true });
    assert.deepEqual(new Set(decided), new Set(['plain']));
    assert.equal(left.length, 20);
  });
});
