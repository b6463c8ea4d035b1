import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { toEntries } from '../../../generator/sources/change.ts';
import { diffSmallTrees } from '../../../generator/sources/diff-small-trees.ts';
import { diffTrees } from '../../../generator/sources/diff-trees.ts';
import { gitEnvironment } from '../../../generator/sources/git-environment.ts';
import { type GitObjects, openGitObjects } from '../../../generator/sources/git-objects.ts';
import { useTemporary } from '../../e2e/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { collect } from './collect.ts';
import { type State, type StateFile, importStates } from './import-states.ts';

const environment = gitEnvironment(process.env, undefined);

/** With what sorts differently as a file and as a directory, and what is not UTF-8. */
const NAMES = ['a', 'a.b', 'a0', 'a-', 'A', 'b', '\xff\xfe', '\xc3\xa9', '"q"', 'new\nline', ' '];
const paths = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));
const files: fc.Arbitrary<StateFile> = fc.record({
  mode: fc.constantFrom('100644', '100755', '120000', '160000'),
  content: fc.constantFrom('', 'x', 'xy'),
});
const states: fc.Arbitrary<State> = fc
  .array(fc.tuple(paths, files), { maxLength: 12 })
  .map((entries) => new Map(entries));

const many = (count: number, content: string): State =>
  new Map(
    Array.from({ length: count }, (_, index) => [
      `ns/${index}${'-'.repeat(100)}`,
      { mode: '100644', content: index === 0 ? content : '' } as const,
    ]),
  );

const spread = (content: string): State =>
  new Map(Array.from({ length: 300 }, (_, index) => [`${index}/x`, { mode: '100644', content }]));

const byPath = (entries: readonly object[]) =>
  entries.map((entry) => JSON.stringify(entry)).toSorted();

describeWith(['git'], 'what differs between two trees', () => {
  const directory = useTemporary();
  let repository: string;
  let objects: GitObjects;
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['--git-dir', repository, ...args], { encoding: 'utf8' }).trim();
  beforeEach(() => {
    repository = join(directory(), 'repository.git');
    execFileSync('git', ['init', '--quiet', '--bare', repository]);
    objects = openGitObjects(repository, environment, undefined);
  });
  afterEach(() => objects.close());

  const bySmall = async (from: string, to: string) => {
    const changes = await diffSmallTrees(objects.contents(), objects.sizes, from, to);
    return changes && byPath(await toEntries(changes, objects.sizes));
  };
  const byGit = async (from: string, to: string) =>
    byPath((await collect(diffTrees(repository, environment, objects.sizes, from, to))).flat());

  it('is told as git diff-tree tells it, for any trees', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(states, { minLength: 2, maxLength: 5 }), async (sequence) => {
        await importStates(repository, sequence);
        const trees = git('log', '--first-parent', '--format=%T', 'main').split('\n');
        for (const [index, to] of trees.entries()) {
          const from = trees[index + 1] ?? trees[0] ?? '';
          assert.deepEqual(await bySmall(from, to), await byGit(from, to));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('is left to git when a tree is large', async () => {
    await importStates(repository, [many(6000, 'x'), many(6000, 'y')]);
    const [to = '', from = ''] = git('log', '--format=%T', 'main').split('\n');
    assert.equal(await bySmall(from, to), undefined);
    assert.equal((await byGit(from, to)).length, 1);
  });

  it('is left to git when many directories differ', async () => {
    await importStates(repository, [spread('x'), spread('y')]);
    const [to = '', from = ''] = git('log', '--format=%T', 'main').split('\n');
    assert.equal(await bySmall(from, to), undefined);
    assert.equal((await byGit(from, to)).length, 300);
  });

  it('is an error when a tree is not there', async () => {
    await importStates(repository, [many(1, 'x')]);
    const tree = git('rev-parse', 'main^{tree}');
    const none = 'f'.repeat(40);
    await assert.rejects(bySmall(none, tree), { name: 'SourceError' });
    await assert.rejects(byGit(none, tree), { name: 'SourceError', message: /diff-tree failed/ });
  });
});
