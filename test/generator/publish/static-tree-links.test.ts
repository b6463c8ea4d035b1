// What generations share, and that nothing damaged is shared on.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { KEEP_REPLACED_FOR, writeStaticTree } from '../../../generator/publish/static-tree.ts';
import type { ServedStore } from '../../../generator/publish/wanted-tree.ts';
import { makeTemporary, removeTemporary, useTemporary } from '../../kit/temporary.ts';

/** The bytes of signatures 1, 2, …, by directory. */
type Contents = Readonly<Record<string, readonly string[]>>;

const storeOf = (contents: Contents): ServedStore => ({
  *published() {
    for (const [directory, signatures] of Object.entries(contents)) {
      for (const [index, text] of signatures.entries()) {
        const bytes = Buffer.from(text);
        const hash = createHash('sha256').update(bytes).digest('base64url');
        yield { directory, number: index + 1, signature: { bytes, hash } };
      }
    }
  },
});

const treeOf = (contents: Contents): Record<string, string> => {
  const files = Object.entries(contents).flatMap(([directory, signatures]) =>
    signatures.map((text, index) => [`${directory}/signature-${index + 1}`, text] as const),
  );
  return Object.fromEntries(files.toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

/** Every file with its bytes, and every directory that has nothing in it, by path. */
async function readTree(root: string): Promise<Record<string, string>> {
  const tree: [string, string][] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    assert.equal((mode & 0o777).toString(8), entry.isDirectory() ? '755' : '644', path);
    const isEmpty = entry.isDirectory() && (await readdir(path)).length === 0;
    if (entry.isFile()) tree.push([path.slice(root.length + 1), await readFile(path, 'utf8')]);
    else if (isEmpty || !entry.isDirectory()) tree.push([path.slice(root.length + 1), 'no file']);
  }
  return Object.fromEntries(tree.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const inode = async (...names: string[]): Promise<number> => (await lstat(join(...names))).ino;

const A = `team/a@sha256=${'a'.repeat(64)}`;
const B = `team/b@sha256=${'b'.repeat(64)}`;
const C = `other/deep/c@sha256=${'c'.repeat(64)}`;
const BEFORE: Contents = { [A]: ['a one', 'a two'], [B]: ['b one'], [C]: ['c one'] };
const AFTER: Contents = { [A]: ['a one', 'a new', 'a three'], [B]: ['b one'] };
/** Where there is one, a file system of its own; links to it fail. */
const OTHER_DISK = '/dev/shm';
const FILE = `${B}/signature-1`;
/** By then the clock of every file system has moved on, so what is read is remembered. */
const TICK = 30;

/** What lies in each directory, whatever the numbers, which have no holes. */
function signaturesIn(tree: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  const directories = new Map<string, Set<string>>();
  for (const [path, content] of Object.entries(tree)) {
    const signatures = directories.get(dirname(path)) ?? new Set();
    directories.set(dirname(path), signatures.add(content));
    const [, number = ''] = /signature-(\d+)$/.exec(path) ?? [];
    if (Number(number) > 1)
      assert(`${dirname(path)}/signature-${Number(number) - 1}` in tree, path);
  }
  return Object.fromEntries([...directories].map(([name, all]) => [name, [...all].toSorted()]));
}

describe('generations of the static tree', () => {
  const directory = useTemporary();
  const out = (...names: string[]): string => join(directory(), 'out', ...names);
  let runs = 0;
  let now = new Date();
  const write = async (contents: Contents, id = `${++runs}`.padStart(40, '0')): Promise<string> =>
    writeStaticTree(storeOf(contents), out(), id, now);
  const wait = (ms: number): void => {
    now = new Date(now.getTime() + ms);
  };
  beforeEach(() => {
    now = new Date();
  });

  /** From the spare tree of the first run, without one, and from one that was replaced long ago. */
  const beginnings: Readonly<Record<string, () => Promise<string>>> = {
    'after the first run': () => write(BEFORE),
    'without a spare tree': async () => {
      const first = await write(BEFORE);
      await rm(out('.lookaside', 'spare'), { recursive: true });
      return first;
    },
    'with nothing but the previous one': async () => {
      const first = await write(BEFORE);
      await rm(out('.lookaside'), { recursive: true });
      return first;
    },
    'with a spare tree of something else': async () => {
      await write({ [A]: ['a', 'b', 'c', 'd'], [`${B}/x`]: ['x'], 'team/x': ['y'] });
      wait(KEEP_REPLACED_FOR);
      const second = await write(BEFORE);
      wait(KEEP_REPLACED_FOR);
      await write(BEFORE);
      return second;
    },
  };

  for (const [title, begin] of Object.entries(beginnings)) {
    it(`share the files that did not change: ${title}`, async () => {
      const first = await begin();
      await sleep(TICK);
      const second = await write(AFTER);
      for (const path of [`${A}/signature-1`, FILE]) {
        assert.equal(await inode(second, path), await inode(first, path), path);
      }
      assert.notEqual(await inode(second, A, 'signature-2'), await inode(first, A, 'signature-2'));
      assert.deepEqual(await readTree(second), treeOf(AFTER));
      assert.deepEqual(await readTree(first), treeOf(BEFORE));
    });
  }

  it('do not get more trees than are kept', async () => {
    for (let round = 0; round < 6; round++) {
      await write(round % 2 ? BEFORE : AFTER);
      wait(KEEP_REPLACED_FOR);
      await write(round % 2 ? BEFORE : AFTER, `${runs}`.padStart(40, '0'));
    }
    const [only, ...others] = await readdir(out('generations'));
    assert.deepEqual(others, []);
    assert.deepEqual((await readdir(out('.lookaside'))).toSorted(), ['facts', 'spare']);
    const { nlink } = await lstat(out('generations', only ?? '', FILE));
    assert.equal(nlink, 2);
  });

  it('do not share what is removed, nor its directory', async () => {
    await write(BEFORE);
    const second = await write({});
    assert.deepEqual(await readdir(second), []);
  });

  describe('do not carry on', () => {
    const damages: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
      'other bytes of the same length, with the time set back': async (path) => {
        const { atime, mtime } = await lstat(path);
        await writeFile(path, 'b ONE');
        await utimes(path, atime, mtime);
      },
      'a file cut short': (path) => truncate(path, 2),
      'a file that is longer': (path) => writeFile(path, 'b one and more'),
      'a file with another mode': (path) => chmod(path, 0o600),
      'a file put in its place': async (path) => {
        await writeFile(`${path}x`, 'b two');
        await rename(`${path}x`, path);
      },
      'a link in its place': async (path) => {
        await rename(path, join(directory(), 'elsewhere'));
        await symlink(join(directory(), 'elsewhere'), path);
      },
      'a directory in its place': async (path) => {
        await rm(path);
        await mkdir(join(path, 'x'), { recursive: true });
      },
      'a file that is gone': (path) => rm(path),
      'a directory that is gone': (path) => rm(dirname(path), { recursive: true }),
      'a file too many': (path) => writeFile(join(dirname(path), 'signature-2'), 'stray'),
      'a directory with another mode': (path) => chmod(dirname(path), 0o700),
    };
    for (const [title, damage] of Object.entries(damages)) {
      for (const [tree, isSpare] of Object.entries({
        'the current tree': false,
        'the spare': true,
      })) {
        for (const isRemembered of [true, false]) {
          it(`${title}: ${tree}, ${isRemembered ? 'seen before' : 'never read'}`, async () => {
            const first = await write(BEFORE);
            await sleep(isRemembered ? TICK : 0);
            // Reads all of it, so that the next run has facts of it.
            if (isRemembered) await write(BEFORE, `${runs}`.padStart(40, '0'));
            else await rm(out('.lookaside', 'facts'), { force: true });
            await damage(join(isSpare ? out('.lookaside', 'spare') : first, FILE));
            assert.deepEqual(await readTree(await write(AFTER)), treeOf(AFTER));
            wait(KEEP_REPLACED_FOR);
            const same = await write(AFTER, `${runs}`.padStart(40, '0'));
            assert.deepEqual(await readTree(same), treeOf(AFTER));
            assert.deepEqual(await readTree(await write(BEFORE)), treeOf(BEFORE));
          });
        }
      }
    }
  });

  describe('do without the list of what was seen', () => {
    const faults: Readonly<Record<string, (facts: string) => Promise<unknown>>> = {
      'that is missing': (facts) => rm(facts),
      'that is empty': (facts) => writeFile(facts, ''),
      'that is cut short': (facts) => truncate(facts, 90),
      'that is no text': (facts) => writeFile(facts, Buffer.alloc(5000, 0xff)),
      'that is about nothing': (facts) => writeFile(facts, '\n 1\n1 \n-1 x y\n'),
      'that cannot be replaced': async (facts) => {
        await rm(facts);
        await mkdir(join(facts, 'x'), { recursive: true });
      },
    };
    for (const [title, fault] of Object.entries(faults)) {
      it(title, async () => {
        const first = await write(BEFORE);
        await sleep(TICK);
        await write(BEFORE, `${runs}`.padStart(40, '0'));
        await fault(out('.lookaside', 'facts'));
        const second = await write(AFTER);
        assert.deepEqual(await readTree(second), treeOf(AFTER));
        assert.equal(await inode(second, FILE), await inode(first, FILE));
        assert.deepEqual(await readTree(await write(BEFORE)), treeOf(BEFORE));
      });
    }
  });

  const otherDisk = statSync(OTHER_DISK, { throwIfNoEntry: false })?.dev;
  if (otherDisk !== undefined && otherDisk !== statSync(tmpdir()).dev) {
    it('are written where links cannot be made', async () => {
      const first = await write(BEFORE);
      await rm(out('.lookaside'), { recursive: true });
      const elsewhere = await mkdtemp(join(OTHER_DISK, 'la-'));
      await cp(first, elsewhere, { recursive: true });
      await rm(first, { recursive: true });
      await symlink(elsewhere, first);
      const second = await write(BEFORE);
      await rm(elsewhere, { recursive: true });
      assert.deepEqual(await readTree(second), treeOf(BEFORE));
    });
  }

  it('hold exactly what the store holds, whatever came before', async () => {
    const anyContents = fc.dictionary(
      fc.constantFrom(A, B, C, 'x@y', 'team/x', 'other/deep/x', 'top'),
      fc.uniqueArray(fc.constantFrom('', '1', '2', 'two'), { minLength: 1, maxLength: 3 }),
      { noNullPrototype: true },
    );
    const anyStep = fc.record({
      contents: anyContents,
      // Few, so that some come again, with the same signatures or with others.
      id: fc.constantFrom('1', '2', '3', undefined),
      waits: fc.constantFrom(0, 0, KEEP_REPLACED_FOR / 2, KEEP_REPLACED_FOR),
      loses: fc.constantFrom(undefined, undefined, 'facts', 'spare'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 8 }), async (steps) => {
        const root = await makeTemporary();
        let at = Date.now();
        const last = { contents: steps.at(-1)?.contents ?? {}, id: undefined, loses: undefined };
        const settled = { ...last, waits: KEEP_REPLACED_FOR };
        for (const { contents, id, waits, loses } of [...steps, settled, settled]) {
          at += waits + 1;
          if (loses) await rm(join(root, '.lookaside', loses), { recursive: true, force: true });
          const generation = await writeStaticTree(storeOf(contents), root, id, new Date(at));
          const tree = await readTree(generation);
          assert.deepEqual(signaturesIn(tree), signaturesIn(treeOf(contents)));
          assert.deepEqual(await readTree(join(root, 'current', '.')), tree);
        }
        assert.deepEqual(await readTree(join(root, 'current', '.')), treeOf(last.contents));
        await removeTemporary(root);
      }),
      { numRuns: 20 },
    );
  });
});
