import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFERRED } from '../../../generator/openpgp/open-message.ts';
import { toBlobEntry } from '../../../generator/sources/source.ts';
import { SignatureStore } from '../../../generator/store/store.ts';
import { OlderFiles } from '../../../server/follow/older-files.ts';
import { useTemporary } from '../../kit/temporary.ts';

const DIRECTORY = `team/app@sha256=${'ab'.repeat(32)}`;
const pathOf = (number: number): string => `${DIRECTORY}/signature-${number}`;
const KiB = 1024;

/** A store of files without a verdict, and of what lay there before. */
function storeOf(older: readonly Buffer[]): SignatureStore {
  const store = new SignatureStore();
  const waiting = { kind: 'rejected', directory: DIRECTORY, rejection: DEFERRED } as const;
  const files = older.flatMap((bytes, index) => {
    const path = pathOf(index + 1);
    const present = { ...waiting, path, entry: toBlobEntry(path, Buffer.from('bomb')) };
    return [present, { ...waiting, path, entry: toBlobEntry(path, bytes), older: bytes }];
  });
  store.prepare(files).apply();
  return store;
}

describe('the file of what is served in place of files without a verdict', () => {
  const directory = useTemporary();
  const path = () => join(directory(), 'x.older');
  let told: string[] = [];
  beforeEach(() => (told = []));
  const open = (at = path()): OlderFiles =>
    new OlderFiles({
      path: at,
      onUnreadable: (error) => void told.push(`unreadable: ${String(error)}`),
      onUnwritable: (error) => void told.push(`unwritable: ${String(error)}`),
      onWritten: () => void told.push('written'),
    });
  const one = Buffer.from([0, 255, 10, 13]);
  const two = Buffer.from('two');

  it('gives the next run each byte, is for its owner alone, and leaves nothing beside it', async () => {
    await open().keep(storeOf([one, two]));
    const files = await open().read();
    assert.deepEqual(
      [...files].map(([name, bytes]) => [name, Buffer.from(bytes)]),
      [
        [pathOf(1), one],
        [pathOf(2), two],
      ],
    );
    assert.equal((await stat(path())).mode & 0o777, 0o600);
    assert.deepEqual([await readdir(directory()), told], [['x.older'], []]);
  });

  it('is not there before there is something, and is not written without need', async () => {
    const file = open();
    await file.keep(storeOf([]));
    assert.deepEqual(await readdir(directory()), []);
    await file.keep(storeOf([one]));
    const { ino } = await stat(path());
    await file.keep(storeOf([one]));
    assert.equal((await stat(path())).ino, ino);
    await file.keep(storeOf([]));
    assert.equal((await open().read()).size, 0);
  });

  it('has the newest where many come at once', async () => {
    const file = open();
    await Promise.all([
      file.keep(storeOf([one])),
      file.keep(storeOf([two])),
      file.keep(storeOf([])),
    ]);
    assert.equal((await open().read()).size, 0);
    await Promise.all([file.keep(storeOf([one])), file.keep(storeOf([two]))]);
    assert.deepEqual(Buffer.from((await open().read()).get(pathOf(1)) ?? ''), two);
  });

  const damage: Readonly<Record<string, () => Promise<void>>> = {
    'is cut short': async () => truncate(path(), (await stat(path())).size - 5),
    'lacks a line': async () => {
      const lines = (await readFile(path(), 'latin1')).split('\n');
      await writeFile(path(), lines.toSpliced(2, 1).join('\n'));
    },
    'has other bytes': async () => {
      const text = await readFile(path(), 'latin1');
      await writeFile(path(), text.replace(two.toString('base64'), one.toString('base64')));
    },
    'is empty': async () => writeFile(path(), ''),
    'is of another program': async () => writeFile(path(), '{"files": []}\n'),
  };
  for (const [what, harm] of Object.entries(damage)) {
    it(`that ${what} is empty, is told, and is written anew`, async () => {
      await open().keep(storeOf([one, two]));
      await harm();
      const file = open();
      assert.equal((await file.read()).size, 0);
      assert.match(told.join('\n'), /^unreadable: /);
      await file.keep(storeOf([]));
      told = [];
      await open().read();
      assert.deepEqual(told, []);
    });
  }

  it('that is a link or a directory is neither followed nor waited for', async () => {
    await open().keep(storeOf([one]));
    const link = join(directory(), 'link');
    await symlink('x.older', link);
    assert.equal((await open(link).read()).size, 0);
    await mkdir(join(directory(), 'folder'));
    assert.equal((await open(join(directory(), 'folder')).read()).size, 0);
    assert.equal(told.length, 2);
  });

  it('keeps 16 MiB, and tells that the rest is not kept, once, until all is', async () => {
    const file = open();
    const large = Array.from({ length: 5 }, (_, index) => Buffer.alloc(3.9 * KiB * KiB, index));
    await file.keep(storeOf(large));
    await file.keep(storeOf([...large, one]));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /^unwritable: .*5 files are too many or too large; 4 are kept/);
    assert.equal((await open().read()).size, 5, 'what is small has room');
    await file.keep(storeOf([one]));
    assert.equal(told.at(-1), 'written');
  });

  it('that cannot be written is told once', async () => {
    const file = open(join(directory(), 'missing/x.older'));
    await file.keep(storeOf([one]));
    await file.keep(storeOf([two]));
    assert.match(told.join('\n'), /^unwritable: .*ENOENT.*$/);
  });
});
