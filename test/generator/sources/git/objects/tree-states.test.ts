import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { GitObjects } from '../../../../../generator/sources/git/objects/git-objects.ts';
import { TreeStates } from '../../../../../generator/sources/git/objects/tree-states.ts';
import { gitEnvironment } from '../../../../../generator/sources/git/processes/git-environment.ts';
import type { Entry } from '../../../../../generator/sources/source.ts';
import { DEFAULT_BUDGETS, type StateBudgets } from '../../../../../generator/terms/budgets.ts';
import { atLength } from '../../../../kit/at-length.ts';
import { useTemporary } from '../../../../kit/temporary.ts';
import { describeWith } from '../../../../with-tools.ts';
import { collect } from '../../../../kit/remote/collect.ts';
import { ObjectPack } from '../../../../kit/remote/object-pack.ts';
import { type State, type StateFile, importStates } from '../../../../kit/remote/import-states.ts';
import { measureProcessor } from '../../../../kit/process/processor-time.ts';

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

const file = (content: string): StateFile => ({ mode: '100644', content });
/** Long names, so that one tree has megabytes. */
const wide = (count: number, content: string): State =>
  new Map(
    Array.from({ length: count }, (_, index) => [
      `ns/${index}${'-'.repeat(100)}`,
      file(index === 0 ? content : ''),
    ]),
  );
const spread = (count: number, content: string): State =>
  new Map(Array.from({ length: count }, (_, index) => [`${index}/x`, file(content)]));

const toText = (entries: readonly Entry[]): readonly string[] =>
  entries
    .map(({ kind, path, ...rest }) =>
      JSON.stringify({ kind, path, id: 'id' in rest ? rest.id : '' }),
    )
    .toSorted();

const refuse = async (reason: string): Promise<never> => Promise.reject(new Error(reason));

describeWith(['git'], 'the states of a clone', () => {
  const directory = useTemporary();
  let repository: string;
  let objects: GitObjects;
  const git = (args: readonly string[], input: string | Buffer = '') =>
    execFileSync('git', ['--git-dir', repository, ...args], { input, encoding: 'utf8' }).trim();
  beforeEach(() => {
    repository = join(directory(), 'repository.git');
    execFileSync('git', ['init', '--quiet', '--bare', repository]);
    objects = new GitObjects(repository, environment, undefined);
  });
  afterEach(() => objects.close());

  const open = (budgets: Partial<StateBudgets> = {}): TreeStates =>
    new TreeStates({ ...DEFAULT_BUDGETS, ...budgets }, join(directory(), 'totals'));
  const list = async (opened: TreeStates, tree: string): Promise<readonly Entry[]> =>
    (await collect(opened.entries(objects, tree, refuse))).flat();
  const compare = async (opened: TreeStates, from: string, to: string): Promise<readonly Entry[]> =>
    (await collect(opened.changes(objects, from, to, refuse))).flat();
  const treesOf = async (...sequence: State[]): Promise<string[]> => {
    await importStates(repository, sequence);
    return git(['log', '--first-parent', '--reverse', '--format=%T', 'main']).split('\n');
  };
  /** Writes a tree object as it is given. */
  const tree = (...entries: readonly (readonly [name: string, mode: string, id: string])[]) =>
    git(
      ['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'],
      Buffer.concat(
        entries.flatMap(([name, mode, id]) => [
          Buffer.from(`${mode} ${name}\0`),
          Buffer.from(id, 'hex'),
        ]),
      ),
    );
  const blob = () => git(['hash-object', '-w', '--stdin'], 'x');
  /** Ten of a tree in each of some levels; the last has ten files. */
  const bomb = async (levels: number): Promise<string> => {
    const pack = new ObjectPack();
    let entry = pack.blob(Buffer.from('x'));
    const names = Array.from({ length: 10 }, (_, index) => `d${index}`);
    for (let level = 0; level < levels; level++) {
      const same = entry;
      entry = pack.tree(new Map(names.map((name) => [name, same])));
    }
    await pack.writeTo(repository);
    return entry.id;
  };

  it('differ as git diff-tree tells it, and add up, for any trees', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(states, { minLength: 2, maxLength: 5 }), async (sequence) => {
        const trees = await treesOf(...sequence);
        const running = open();
        for (const [index, to] of trees.entries()) {
          const from = trees[index - 1] ?? trees.at(-1) ?? '';
          const found = await compare(running, from, to);
          const args = ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', from, to];
          const told = execFileSync('git', ['--git-dir', repository, ...args], {
            encoding: 'latin1',
          }).split('\0');
          assert.equal(found.length * 2, told.length - 1);
          const before = new Set((await list(running, from)).map(({ path }) => path));
          for (const entry of found) {
            const isKnown = entry.kind === 'removed' || entry.wasThere === true;
            assert.equal(before.has(entry.path), isKnown, entry.path);
          }
          const after = new Map((await list(running, from)).map((one) => [one.path, one]));
          for (const entry of found) {
            if (entry.kind === 'removed') after.delete(entry.path);
            else after.set(entry.path, entry);
          }
          assert.deepEqual(toText([...after.values()]), toText(await list(running, to)));
          // What was added up is what is counted anew.
          assert.equal(await running.count(objects, to, refuse), after.size);
          await writeFile(join(directory(), 'totals'), '');
          assert.equal(await open().count(objects, to, refuse), after.size);
        }
      }),
      { numRuns: atLength(6, 25) },
    );
  });

  for (const [title, before, after, count] of [
    ['one file of a wide directory', wide(6000, 'x'), wide(6000, 'y'), 1],
    ['many directories', spread(300, 'x'), spread(300, 'y'), 300],
    ['more than is kept in memory', spread(1, 'x'), spread(21_000, 'y'), 21_000],
  ] as const) {
    it(`differ in ${title}`, async () => {
      const [from = '', to = ''] = await treesOf(before, after);
      assert.equal((await compare(open(), from, to)).length, count);
    });
  }

  it('are an error when a tree is not there', async () => {
    const [there = ''] = await treesOf(wide(1, 'x'));
    const none = 'f'.repeat(40);
    await assert.rejects(compare(open(), none, there), { name: 'SourceError' });
    await assert.rejects(list(open(), none), { name: 'SourceError' });
  });

  it('are refused by their number of files and directories, whatever is served', async () => {
    const [one = '', three = '', two = ''] = await treesOf(
      spread(1, 'x'),
      spread(3, 'x'),
      spread(2, 'x'),
    );
    const running = open({ entries: 2 });
    assert.equal((await list(running, one)).length, 1);
    await assert.rejects(compare(running, one, three), {
      message: 'it has 3 files or more, but --max-entries allows 2',
    });
    await assert.rejects(list(running, three), { message: /--max-entries allows 2/ });
    assert.equal((await compare(running, one, two)).length, 1);
    // One at a time adds up.
    await assert.rejects(compare(running, two, three), { message: /--max-entries allows 2/ });
    const empty = tree(...['a', 'b', 'c'].map((name) => [name, '40000', tree()] as const));
    await assert.rejects(list(running, empty), {
      message: 'it has 3 directories or more, but --max-entries allows 2',
    });
  });

  it('are refused by the bytes of their paths', async () => {
    const [small = '', large = ''] = await treesOf(wide(1, ''), wide(3, ''));
    const running = open({ pathBytes: 200 });
    assert.equal((await list(running, small)).length, 1);
    await assert.rejects(compare(running, small, large), {
      // Two more of 3 + 101 bytes.
      message: 'its paths take 208 bytes or more, but --max-path-bytes allows 200',
    });
  });

  for (const levels of [8, 100, 400]) {
    it(`are refused after some reads where ${levels} small trees multiply`, async () => {
      const [served = ''] = await treesOf(spread(1, 'x'));
      const hostile = await bomb(levels);
      const message =
        /^it has (?:[0-9.e+]+|Infinity) files or more, but --max-entries allows 4000000$/;
      const took = await measureProcessor(async () => {
        await assert.rejects(compare(open(), served, hostile), { message });
        await assert.rejects(list(open(), hostile), { message });
      });
      assert.ok(took < 20_000, `it took ${took} ms`);
      assert.equal((await compare(open(), served, served)).length, 0);
    });
  }

  it('go as deep as somebody pushes', async () => {
    const deep = Array.from({ length: 3000 }, () => 'd').join('/');
    const [id = ''] = await treesOf(new Map([[`${deep}/x`, file('x')]]));
    const [entry, ...others] = await list(open(), id);
    assert.deepEqual([entry?.path, others], [`${deep}/x`, []]);
    const [served = ''] = await treesOf(spread(1, 'x'));
    assert.equal((await compare(open(), served, id)).length, 2);
  });

  it('may have names that git does not write, a few', async () => {
    const [served = ''] = await treesOf(spread(1, 'x'));
    const [x, y] = [blob(), git(['hash-object', '-w', '--stdin'], 'y')];
    const inner = tree(['b', '100644', x]);
    const odd = tree(
      ['z', '100644', x],
      ['a', '40000', inner],
      ['a/b', '100644', y],
      ['z', '100644', y],
    );
    const other = tree(['z', '100644', y], ['a/b', '100644', x]);
    const running = open();
    assert.deepEqual((await list(running, odd)).map(({ path }) => path).toSorted(), ['a/b', 'z']);
    assert.deepEqual(
      (await compare(running, served, odd)).map(({ kind, path }) => `${kind} ${path}`).toSorted(),
      ['file a/b', 'file z', 'removed 0/x'],
    );
    assert.ok((await compare(running, odd, other)).length <= 1);
    assert.equal((await compare(running, other, served)).length, 3);
  });

  it('are refused when a directory is none, or is cut short', async () => {
    const [served = ''] = await treesOf(spread(1, 'x'));
    const noTree = tree(['d', '40000', blob()]);
    await assert.rejects(compare(open(), served, noTree), {
      message: 'a directory of the state is a blob',
    });
    await assert.rejects(list(open(), noTree), { message: 'a directory of the state is a blob' });
    const short = git(['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], '100644 a');
    await assert.rejects(list(open(), short), { message: /cannot be read/ });
    await assert.rejects(compare(open(), served, short), { message: /cannot be read/ });
  });

  it('are counted anew where what was kept is damaged', async () => {
    const [one = ''] = await treesOf(spread(2, 'x'));
    const kept = join(directory(), 'totals');
    assert.equal(await open().count(objects, one, refuse), 2);
    assert.match(await readFile(kept, 'utf8'), new RegExp(one));
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      `{"form":1,"trees":[["${one}",{"files":-1}],null]}`,
    ]) {
      await writeFile(kept, text);
      assert.equal(await open().count(objects, one, refuse), 2);
    }
  });
});
