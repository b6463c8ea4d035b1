import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { ConcernedPlaces } from '../../../generator/proposal/concerned-places.ts';
import {
  MOST_EXCLUDED,
  ProposalReview,
  type ProposalReviewOptions,
  type ReviewedProposal,
} from '../../../generator/proposal/proposal-review.ts';
import type { Judge } from '../../../generator/gate/judge.ts';
import { GitObjects } from '../../../generator/sources/git/objects/git-objects.ts';
import { gitEnvironment } from '../../../generator/sources/git/processes/git-environment.ts';
import { StateRefusedError } from '../../../generator/sources/source.ts';
import {
  DEFAULT_BUDGETS,
  type PathBudgets,
  type StateBudgets,
} from '../../../generator/terms/budgets.ts';
import { formatLocation, parseLocation } from '../../../generator/terms/location.ts';
import { atLength } from '../../kit/at-length.ts';
import { type State, type StateFile, importStates } from '../../kit/remote/import-states.ts';
import { at, createFakeJudge } from '../../kit/server/fake-judge.ts';
import { run } from '../../kit/process/run.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

/** Contents by path. */
type Files = Readonly<Record<string, string>>;

/** One of two commits that are compared. */
interface Side {
  /** What it publishes. */
  readonly state: State;
  readonly subtree: string;
  readonly judge: Judge;
}

const BESIDE = 'other/file';
const DIRECTORIES = ['a', 'b/c'].map((name) => `${name}@sha256=${'ab'.repeat(32)}`);
const locations = fc
  .tuple(fc.constantFrom(...DIRECTORIES), fc.integer({ min: 1, max: 4 }))
  .map(([directory, number]) => formatLocation(directory, number));
const contents: fc.Arbitrary<StateFile> = fc.record({
  mode: fc.constantFrom('100644', '100644', '100755', '120000', '160000'),
  content: fc.constantFrom('good 1', 'good 2', 'good 3', 'bad 1', 'bad 2'),
});
const trees = fc
  .dictionary(locations, contents, { maxKeys: 8 })
  .map((all): State => new Map(Object.entries(all)));
/** What is published of a commit. */
const subtrees = fc.constantFrom('', 'published');
/** What a judge rejects. */
const rules = fc.constantFrom(/^bad/, /^bad|3$/, /^bad|[13]$/);

describeWith(['git'], 'the review of a proposal', () => {
  const directory = useTemporary();
  let repository: string;
  let objects: GitObjects;
  beforeEach(() => {
    repository = join(directory(), 'repository.git');
    execFileSync('git', ['init', '--quiet', '--bare', repository]);
    objects = new GitObjects(repository, gitEnvironment(process.env, undefined), undefined);
  });
  afterEach(() => objects.close());

  async function review(
    from: Files | undefined,
    to: Files,
    budgets: StateBudgets = DEFAULT_BUDGETS,
  ): Promise<ReviewedProposal> {
    const judge = createFakeJudge();
    const [before, after] = [from ?? {}, to].map((files) => ({
      state: toState(files),
      subtree: '',
      judge,
    }));
    assert.ok(before && after);
    return reviewSides(before, after, budgets);
  }

  async function reviewSides(
    from: Side,
    to: Side,
    budgets: StateBudgets = DEFAULT_BUDGETS,
    stateBudgets: StateBudgets = budgets,
  ): Promise<ReviewedProposal> {
    await importStates(repository, [from, to].map(toCommit));
    const [before, after] = await Promise.all(
      [['main~1', from] as const, ['main', to] as const].map(async ([commit, side]) => {
        const { subtree, judge } = side;
        return { tree: await treeAt(`${commit}:${subtree}`), subtree, judge };
      }),
    );
    assert.ok(before && after);
    const options = { objects, from: before, to: after, budgets, stateBudgets };
    return new ProposalReview({ ...options, now: new Date() }).review();
  }

  /** Which repositories the new rules were asked about, and what was found. */
  async function reviewRules(
    files: Files,
    rejected: (repository: string) => boolean,
    rest: Pick<ProposalReviewOptions, 'concerned'> = {},
  ) {
    await importStates(repository, [toState(files)]);
    const asked: string[] = [];
    const by = createFakeJudge();
    const judge: Judge = {
      ...by,
      judge: async (location, bytes, now) => {
        asked.push(location.repository);
        const isBad = rejected(location.repository);
        return by.judge(location, isBad ? Buffer.from('bad') : bytes, now);
      },
    };
    const tree = await treeAt('main:');
    const budgets = DEFAULT_BUDGETS;
    const found = await new ProposalReview({
      objects,
      from: { tree, judge: by, subtree: '' },
      to: { tree, judge, subtree: '' },
      budgets,
      stateBudgets: budgets,
      now: new Date(),
      ...rest,
    }).review();
    return { ...found, asked };
  }

  async function treeAt(name: string): Promise<string | undefined> {
    const { code, stdout } = await run('git', ['--git-dir', repository, 'rev-parse', name]);
    return code === 0 ? stdout.trim() : undefined;
  }

  it('tells what changed and what is lost, as a model does, for any trees and rules', async () => {
    const side = fc.record({ state: trees, subtree: subtrees, rejected: rules });
    await fc.assert(
      fc.asyncProperty(side, side, async (before, after) => {
        const [from, to] = [toSide(before), toSide(after)];
        const { files: found, losses } = await reviewSides(from, to);
        const changed = [...to.state].filter(([path, now]) => !isSame(from.state.get(path), now));
        assert.deepEqual(
          found
            .filter(({ path }) => path !== BESIDE)
            .map(({ path, status }) => `${path} ${status}`)
            .toSorted(),
          changed
            .map(([path, now]) => `${path} ${to.isGood(now) ? 'accepted' : 'rejected'}`)
            .toSorted(),
        );
        const lost = [...from.state].filter(
          ([path, file]) => from.isGood(file) && !isServed(path, file, to),
        );
        assert.deepEqual(
          losses.map(({ path }) => path).toSorted(),
          lost.map(([path]) => join(from.subtree, path)).toSorted(),
        );
      }),
      { numRuns: atLength(15, 80) },
    );
  });

  const rows: readonly (readonly [
    title: string,
    from: Files | undefined,
    to: Files,
    told: readonly string[],
  ])[] = [
    ['all of a first push', undefined, { [at(1)]: 'x' }, [`${at(1)} accepted as 1`]],
    ['nothing of equal trees', { [at(1)]: 'x' }, { [at(1)]: 'x' }, []],
    [
      'the number under which a signature is served',
      { [at(2)]: 'x' },
      { [at(2)]: 'x', [at(40)]: 'y' },
      [`${at(40)} accepted as 2`],
    ],
    [
      'a copy as what it is a copy of',
      { [at(1)]: 'x', [at(2)]: 'y' },
      { [at(1)]: 'x', [at(2)]: 'y', [at(3)]: 'x' },
      [`${at(3)} accepted as 1`],
    ],
    ['no loss for a bad file', { [at(1)]: 'bad' }, { 'README.md': '' }, ['README.md ignored']],
    [
      'no loss for what has expired',
      { [at(1)]: 'until 1' },
      { [at(2)]: 'y' },
      [`${at(2)} accepted as 1`],
    ],
    [
      'a loss where nobody can say',
      { [at(1)]: 'until 1 unsure' },
      { [at(2)]: 'y' },
      [`${at(2)} accepted as 1`, `${at(1)} signature-removed`],
    ],
    [
      'other bytes in the place of a signature',
      { [at(1)]: 'x' },
      { [at(1)]: 'y' },
      [`${at(1)} accepted as 1`, `${at(1)} signature-replaced`],
    ],
    [
      'a directory in the place of a signature',
      { [at(1)]: 'x' },
      { [`${at(1)}/file`]: 'y' },
      [`${at(1)}/file rejected`, `${at(1)} signature-removed`],
    ],
    [
      'what nobody asks for',
      {},
      { [at(1).replace('@sha256=', '@sha256:')]: 'x' },
      [`${at(1).replace('@sha256=', '@sha256:')} rejected`],
    ],
  ];
  for (const [title, from, to, expected] of rows) {
    it(`tells ${title}`, async () => {
      const { files, losses } = await review(from, to);
      const told = files.map((file) => {
        const number = 'servedAs' in file ? parseLocation(file.servedAs.slice(1))?.number : '';
        return `${file.path} ${file.status}${number === '' ? '' : ` as ${number}`}`;
      });
      assert.deepEqual([...told, ...losses.map(({ path, code }) => `${path} ${code}`)], expected);
    });
  }

  for (const number of [1, 129]) {
    it(`refuses the 128th signature of an image, which displaces another: number ${number}`, async () => {
      const numbers = Array.from({ length: 127 }, (_, index) => index + 2);
      const rest = Object.fromEntries(numbers.map((one) => [at(one), `good ${one}`]));
      const { files: told } = await review(rest, { ...rest, [at(number)]: 'good' });
      assert.deepEqual(
        told.map((file) => ('code' in file ? `${file.path} ${file.code}` : file.path)),
        [`${at(number)} too-many-signatures`],
      );
    });
  }

  describe('where the limits change', () => {
    const deep = `x/${at(1)}`;
    const long = at(999_999_999);
    const judge = createFakeJudge();
    const within = (limits: Partial<PathBudgets>): Judge => ({
      ...judge,
      paths: { ...DEFAULT_BUDGETS, ...limits },
    });
    const told = async (
      from: Files,
      to: Files,
      by: Judge,
      stateBudgets: StateBudgets = DEFAULT_BUDGETS,
    ): Promise<readonly string[]> => {
      const before = { state: toState(from), subtree: '', judge: within({}) };
      const after = { state: toState(to), subtree: '', judge: by };
      const { losses } = await reviewSides(before, after, DEFAULT_BUDGETS, stateBudgets);
      return losses.map(({ path, code }) => `${path} ${code}`);
    };

    it('tells what is too deep from now on, also where it is moved', async () => {
      const shallow = within({ pathDepth: 3 });
      const excluded = [`${deep} signature-excluded`];
      assert.deepEqual(await told({ [deep]: 'x' }, { [deep]: 'x' }, shallow), excluded);
      const both = { [deep]: 'x', [at(1)]: 'x' };
      assert.deepEqual(await told({ [deep]: 'x' }, both, shallow), excluded);
      const removed = [`${deep} signature-removed`];
      assert.deepEqual(await told({ [deep]: 'x' }, { [at(1)]: 'x' }, shallow), removed);
    });

    it('tells what is too long from now on, however long it is', async () => {
      const short = within({ pathLength: 80 });
      const far = `${'long/'.repeat(80)}${at(1)}`;
      const files = { [far]: 'y', [long]: 'x', 'README.md': '' };
      const deepEnough = within({ pathDepth: 100, pathLength: Buffer.byteLength(at(1)) });
      assert.deepEqual(await told(files, files, within({ pathDepth: 100 })), []);
      const side = (by: Judge) => ({ state: toState(files), subtree: '', judge: by });
      const { losses } = await reviewSides(side(within({ pathDepth: 100 })), side(deepEnough));
      assert.deepEqual(losses.map(({ path }) => path).toSorted(), [far, long].toSorted());
      assert.deepEqual(await told({ [at(1)]: 'x' }, { [at(1)]: 'x' }, short), [
        `${at(1)} signature-excluded`,
      ]);
    });

    it('does not count what lies beside under too long a name', async () => {
      const short = within({ pathLength: Buffer.byteLength(at(1)) });
      const both = { [at(1)]: 'x', [long]: 'x' };
      const side = (files: Files) => ({ state: toState(files), subtree: '', judge: short });
      const { losses } = await reviewSides(side(both), side({ [long]: 'x' }));
      assert.deepEqual(
        losses.map(({ path, code }) => `${path} ${code}`),
        [`${at(1)} signature-removed`],
      );
    });

    it('refuses a state that the new limits refuse', async () => {
      const files = { [at(1)]: 'x', [at(2)]: 'y', [at(3)]: 'z' };
      const few = { ...DEFAULT_BUDGETS, entries: 2 };
      await assert.rejects(told(files, files, within({}), few), StateRefusedError);
    });
  });

  describe('where the rules change', () => {
    it('judges nothing where they concern nothing', async () => {
      const { asked, losses } = await reviewRules(toImages(3), () => true, {
        concerned: ConcernedPlaces.nowhere,
      });
      assert.deepEqual([asked, losses], [[], []]);
    });

    it('looks at no more once they exclude very much', async () => {
      const all = await reviewRules(toImages(MOST_EXCLUDED - 1), () => true);
      assert.deepEqual([all.losses.length, all.isCut], [MOST_EXCLUDED - 1, false]);
      const cut = await reviewRules(toImages(4 * MOST_EXCLUDED), () => true);
      assert.ok(cut.isCut);
      assert.ok(cut.losses.length >= MOST_EXCLUDED && cut.losses.length < 2 * MOST_EXCLUDED);
      assert.ok(cut.asked.length < 8 * MOST_EXCLUDED, `asked ${cut.asked.length} times`);
    });

    it('counts nothing that is served where it belongs, however much', async () => {
      const files = { ...toImages(2 * MOST_EXCLUDED), ...toImages(2 * MOST_EXCLUDED, 'moved/') };
      const moved = await reviewRules(files, (place) => place === 'app');
      assert.deepEqual([moved.losses, moved.isCut], [[], false]);
    });
  });

  it('tells what a move loses by the old rules only', async () => {
    const judge = createFakeJudge();
    const bad = toState({ [at(1)]: 'bad 1' });
    const before = { state: bad, subtree: '', judge: createRejecting(/^bad/) };
    const moved = { state: toState({ [`x/${at(1)}`]: 'bad 1' }), subtree: '' };
    const { losses } = await reviewSides(before, { ...moved, judge: createRejecting(/^$/) });
    assert.deepEqual(losses, []);
    const open = { state: toState({ [at(1)]: 'until 1 unsure' }), subtree: '', judge };
    const same = await reviewSides(open, { ...open, judge: createFakeJudge() });
    assert.deepEqual(same.losses, []);
  });

  it('refuses more changes than its budget has', async () => {
    const budgets = { ...DEFAULT_BUDGETS, entries: 2 };
    const files = { [at(1)]: 'x', [at(2)]: 'y', [at(3)]: 'z' };
    await assert.rejects(review({}, files, budgets), (error) => {
      assert.ok(error instanceof StateRefusedError);
      assert.match(error.message, /3 files or more, .*--max-entries allows 2/);
      return true;
    });
  });

  it('refuses a tree that no git writes', async () => {
    await importStates(repository, [toState({ [at(1)]: 'x' })]);
    const git = (args: readonly string[], input: string | Buffer) =>
      execFileSync('git', ['--git-dir', repository, ...args], { input, encoding: 'utf8' }).trim();
    const blob = Buffer.from(git(['hash-object', '-w', '--stdin'], 'x'), 'hex');
    const entry = Buffer.concat([Buffer.from('100644 same\0'), blob]);
    const odd = ['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'];
    const judge = createFakeJudge();
    const state = { tree: git(odd, Buffer.concat([entry, entry])), judge, subtree: '' };
    const from = { tree: undefined, judge, subtree: '' };
    const budgets = DEFAULT_BUDGETS;
    const options = { objects, from, to: state, budgets, stateBudgets: budgets };
    await assert.rejects(
      new ProposalReview({ ...options, now: new Date() }).review(),
      StateRefusedError,
    );
  });
});

/** A directory for each image. */
function toImages(count: number, lead = ''): Files {
  const numbers = Array.from({ length: count }, (_, index) => index);
  return Object.fromEntries(
    numbers.map((index) => [
      `${lead}app@sha256=${index.toString(16).padStart(64, '0')}/signature-1`,
      `good ${index}`,
    ]),
  );
}

function toState(files: Files): State {
  return new Map(
    Object.entries(files).map(([path, content]) => [path, { mode: '100644', content }]),
  );
}

/** With its rules as a judge, and as the model has them. */
function toSide({ rejected, ...rest }: Omit<Side, 'judge'> & { rejected: RegExp }) {
  return {
    ...rest,
    judge: createRejecting(rejected),
    isGood: (file: StateFile | undefined): boolean =>
      file !== undefined && kindOf(file) === 'file' && !rejected.test(file.content),
  };
}

/** As a commit has it; beside what is published lies what nobody looks at. */
function toCommit({ state, subtree }: Side): State {
  const published = [...state].map(([path, file]) => [join(subtree, path), file] as const);
  return new Map([[BESIDE, { mode: '100644', content: '' }], ...published]);
}

/** Good is what it does not reject. */
function createRejecting(rejected: RegExp): Judge {
  const { judge, ...rest } = createFakeJudge();
  return {
    ...rest,
    judge: async (location, bytes, now) => {
      const text = Buffer.from(bytes).toString();
      return judge(location, Buffer.from(rejected.test(text) ? 'bad' : 'good'), now);
    },
  };
}

function kindOf({ mode }: StateFile): string {
  return mode.startsWith('100') ? 'file' : mode;
}

function isSame(old: StateFile | undefined, now: StateFile): boolean {
  if (old === undefined || kindOf(old) !== kindOf(now)) return false;
  // The test kit has two submodules.
  const isSubmodule = now.mode === '160000';
  return isSubmodule
    ? old.content.length % 2 === now.content.length % 2
    : old.content === now.content;
}

/** Whether the bytes of a file are served from its directory, under any number. */
function isServed(
  path: string,
  { content }: StateFile,
  to: { state: State; isGood: (file: StateFile) => boolean },
): boolean {
  return [...to.state].some(
    ([other, file]) =>
      to.isGood(file) && file.content === content && directoryOf(other) === directoryOf(path),
  );
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
