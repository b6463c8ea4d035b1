import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import * as fc from 'fast-check';
import {
  ProposalReview,
  type ReviewedProposal,
} from '../../../generator/proposal/proposal-review.ts';
import { GitObjects } from '../../../generator/sources/git/objects/git-objects.ts';
import { gitEnvironment } from '../../../generator/sources/git/processes/git-environment.ts';
import { StateRefusedError } from '../../../generator/sources/source.ts';
import { DEFAULT_BUDGETS, type StateBudgets } from '../../../generator/terms/budgets.ts';
import { formatLocation, parseLocation } from '../../../generator/terms/location.ts';
import { type State, importStates } from '../../kit/remote/import-states.ts';
import { at, createFakeJudge } from '../../kit/server/fake-judge.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

/** Contents by path. */
type Files = Readonly<Record<string, string>>;

const DIRECTORIES = ['a', 'b/c'].map((name) => `${name}@sha256=${'ab'.repeat(32)}`);
const locations = fc
  .tuple(fc.constantFrom(...DIRECTORIES), fc.integer({ min: 1, max: 4 }))
  .map(([directory, number]) => formatLocation(directory, number));
const contents = fc.constantFrom('good 1', 'good 2', 'good 3', 'bad 1', 'bad 2');
const trees = fc.dictionary(locations, contents, { maxKeys: 8 });

const isGood = (content: string | undefined): boolean => content?.startsWith('good') === true;

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
    const states = [from ?? {}, to].map(toState);
    await importStates(repository, states);
    const log = ['log', '--first-parent', '--reverse', '--format=%T', 'main'];
    const args = ['--git-dir', repository, ...log];
    const [before, after] = execFileSync('git', args, { encoding: 'utf8' }).trim().split('\n');
    const judge = createFakeJudge();
    return new ProposalReview({
      objects,
      from: { tree: from && before, judge },
      to: { tree: after, judge },
      prefix: '',
      budgets,
      now: new Date(),
    }).review();
  }

  it('tells what changed and what is lost, as a model does, for any trees', async () => {
    await fc.assert(
      fc.asyncProperty(trees, trees, async (from, to) => {
        const { files, losses } = await review(from, to);
        const changed = Object.keys(to).filter((path) => to[path] !== from[path]);
        const told = files.map(({ path, status }) => `${path} ${status}`).toSorted();
        const expected = changed.map(
          (path) => `${path} ${isGood(to[path]) ? 'accepted' : 'rejected'}`,
        );
        assert.deepEqual(told, expected.toSorted());
        const lost = Object.keys(from).filter((path) => isLost(path, from, to));
        assert.deepEqual(losses.map(({ path }) => path).toSorted(), lost.toSorted());
      }),
      { numRuns: 60 },
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

  it('refuses the 128th signature of an image', async () => {
    const numbers = Array.from({ length: 128 }, (_, index) => index + 1);
    const all = Object.fromEntries(numbers.map((number) => [at(number), `good ${number}`]));
    const { [at(128)]: last = '', ...rest } = all;
    const { files } = await review(rest, { ...rest, [at(128)]: last });
    assert.deepEqual(
      files.map((file) => ('code' in file ? `${file.path} ${file.code}` : file.path)),
      [`${at(128)} too-many-signatures`],
    );
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
    const state = { tree: git(odd, Buffer.concat([entry, entry])), judge };
    const from = { tree: undefined, judge };
    const options = { objects, from, to: state, prefix: '', budgets: DEFAULT_BUDGETS };
    await assert.rejects(
      new ProposalReview({ ...options, now: new Date() }).review(),
      StateRefusedError,
    );
  });
});

function toState(files: Files): State {
  return new Map(
    Object.entries(files).map(([path, content]) => [path, { mode: '100644', content }]),
  );
}

/** Good bytes that do not lie in their directory any more. */
function isLost(path: string, from: Files, to: Files): boolean {
  const content = from[path];
  if (!isGood(content)) return false;
  return !Object.entries(to).some(
    ([other, bytes]) => bytes === content && directoryOf(other) === directoryOf(path),
  );
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
