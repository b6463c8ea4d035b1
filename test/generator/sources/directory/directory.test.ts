import assert from 'node:assert/strict';
import { chmod, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createDirectorySource } from '../../../../generator/sources/directory/directory.ts';
import type { Entry, Snapshot, Source } from '../../../../generator/sources/source.ts';
import { asNobody } from '../../../kit/process/as-nobody.ts';
import { runOrThrow } from '../../../kit/process/run.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { collect, fileAt, listEntries } from '../../../kit/remote/collect.ts';

const LONG_AGO = new Date('2024-01-01T00:00:00Z');

describe('a directory as a source', () => {
  const root = useTemporary();
  const at = (...names: string[]): string => join(root(), ...names);
  /** A file as it lies when nobody has been writing for long. */
  const write = async (path: string, content: string): Promise<void> => {
    await mkdir(join(at(path), '..'), { recursive: true });
    await writeFile(at(path), content);
    await utimes(at(path), LONG_AGO, LONG_AGO);
  };
  const open = async (path = ''): Promise<Source> => createDirectorySource(root(), path);
  const refresh = async (path = ''): Promise<Snapshot> => (await open(path)).refresh();

  it('lists every file with its size, but nothing of .git', async () => {
    await write('README.md', 'text');
    await write('a/b/c', '');
    await write('.git/config', 'x');
    await write('a/.git/config', 'x');
    await write('.gitattributes', '* -text');
    const entries = await collect((await refresh()).entries());
    const sizes = Object.fromEntries(entries.map((one) => [one.path, 'size' in one && one.size]));
    assert.deepEqual(sizes, { 'README.md': 4, 'a/b/c': 0, '.gitattributes': 7 });
  });

  it('gives the exact bytes', async () => {
    const bytes = Buffer.of(0xa3, 0x00, 0x0d, 0x0a, 0xff);
    await writeFile(at('signature-1'), bytes);
    const snapshot = await refresh();
    assert.deepEqual(await snapshot.read(await fileAt(snapshot, 'signature-1')), bytes);
  });

  it('publishes a subtree alone, with paths relative to it', async () => {
    await write('other/x', 'x');
    await write('deep/sigs/team/x', 'x');
    const snapshot = await refresh('deep/sigs');
    assert.deepEqual(await listEntries(snapshot.entries()), ['file team/x']);
  });

  it('names links, pipes and sockets, and follows none', async () => {
    await write('real/file', 'x');
    await symlink('real/file', at('to-file'));
    await symlink('real', at('to-directory'));
    await symlink('nowhere', at('to-nothing'));
    await symlink('..', at('real/loop'));
    await runOrThrow('mkfifo', [at('pipe')]);
    const server = createServer().listen(at('socket'));
    try {
      assert.deepEqual(await listEntries((await refresh()).entries()), [
        'file real/file',
        'special-file pipe',
        'special-file socket',
        'symlink real/loop',
        'symlink to-directory',
        'symlink to-file',
        'symlink to-nothing',
      ]);
    } finally {
      server.close();
    }
  });

  it('shows names that are not UTF-8, in whatever component', async () => {
    const name = Buffer.from('caf\xe9', 'latin1');
    await mkdir(Buffer.concat([Buffer.from(`${root()}/`), name]));
    await writeFile(Buffer.concat([Buffer.from(`${root()}/`), name, Buffer.from('/x')]), 'x');
    await writeFile(Buffer.concat([Buffer.from(`${root()}/x-`), name]), 'x');
    await write('caffè', 'x');
    assert.deepEqual(await listEntries((await refresh()).entries()), [
      'file caffè',
      String.raw`name-not-utf8 caf\xe9/x`,
      String.raw`name-not-utf8 x-caf\xe9`,
    ]);
  });

  it('rejects a file that cannot be read, by its code', async () => {
    await write('x', 'x');
    await chmod(at('x'), 0);
    await asNobody(async () => {
      const snapshot = await refresh();
      const answer = await snapshot.read(await fileAt(snapshot, 'x'));
      assert.ok('code' in answer);
      assert.equal(answer.code, 'unreadable');
      assert.match(answer.message, /^the file cannot be read: EACCES/);
    });
  });

  it('rejects a file that vanished after it was listed', async () => {
    await write('x', 'x');
    const snapshot = await refresh();
    const entry = await fileAt(snapshot, 'x');
    await rm(at('x'));
    const answer = await snapshot.read(entry);
    assert.ok('code' in answer);
    assert.equal(answer.code, 'unreadable');
  });

  it('reports no fault for files that come and go while it lists', async () => {
    const busy = new AbortController();
    const churn = (async () => {
      for (let round = 0; !busy.signal.aborted; round++) {
        const names = Array.from({ length: 50 }, (_, index) => `d${round % 3}/f${index}`);
        await Promise.all(names.map((name) => write(name, 'x')));
        await Promise.all(names.map((name) => rm(at(name))));
        await rm(at(`d${round % 3}`), { recursive: true, force: true });
      }
    })();
    const source = await open();
    const kinds = new Set<Entry['kind']>();
    for (let round = 0; round < 100; round++) {
      for (const { kind } of await collect((await source.refresh()).entries())) kinds.add(kind);
    }
    busy.abort();
    await churn;
    kinds.delete('file');
    assert.deepEqual([...kinds], []);
  });

  it('fails, rather than leave out, when a directory cannot be read', async () => {
    await write('team/app/x', 'x');
    await chmod(at('team'), 0);
    await assert.rejects(
      asNobody(() => refresh()),
      {
        name: 'SourceError',
        message: `${at('team')}: cannot be read: EACCES`,
        hint: 'make it readable for the user that runs Lookaside',
      },
    );
    await chmod(at('team'), 0o755);
  });

  for (const [what, path] of [
    ['nothing', 'missing'],
    ['a file', 'file'],
  ] as const) {
    it(`says so when ${what} is there`, async () => {
      await write('file', 'x');
      await assert.rejects(createDirectorySource(at(path), ''), {
        name: 'SourceError',
        message: `${at(path)}: ${path === 'file' ? 'not a directory' : 'no such directory'}`,
        hint: 'name a directory or a git URL',
      });
    });
  }

  it('reads through a link that leads to the root, and sees it flipped', async () => {
    await write('one/x', 'first');
    await write('two/y', 'second');
    await symlink('one', at('current'));
    const source = await createDirectorySource(at('current'), '');
    const first = await source.refresh();
    await symlink('two', at('new'));
    await rename(at('new'), at('current'));
    const second = await source.refresh();
    assert.deepEqual(await listEntries(second.changesSince(first)), ['file y', 'removed x']);
    // The old snapshot stays what it was.
    assert.deepEqual(await first.read(await fileAt(first, 'x')), Buffer.from('first'));
  });

  describe('what changed since', () => {
    const changes: Readonly<Record<string, { do: () => Promise<void>; gives: string[] }>> = {
      'an addition': { do: () => write('new/file', 'x'), gives: ['file new/file'] },
      'other bytes of the same length and date': {
        do: () => write('a/x', 'y'),
        gives: ['file a/x'],
      },
      'a removal': { do: () => rm(at('a/x')), gives: ['removed a/x'] },
      'a removed directory': {
        do: () => rm(at('a'), { recursive: true }),
        gives: ['removed a/x', 'removed a/y'],
      },
      'a rename': {
        do: () => rename(at('a/x'), at('a/z')),
        gives: ['file a/z', 'removed a/x'],
      },
      'a renamed directory': {
        do: () => rename(at('a'), at('b')),
        gives: ['file b/x', 'file b/y', 'removed a/x', 'removed a/y'],
      },
      'a file that became a link': {
        do: async () => {
          await rm(at('a/x'));
          await symlink('y', at('a/x'));
        },
        gives: ['symlink a/x'],
      },
      'a file that became a directory': {
        do: async () => {
          await rm(at('a/x'));
          await write('a/x/z', 'x');
        },
        gives: ['file a/x/z', 'removed a/x'],
      },
      nothing: { do: async () => undefined, gives: [] },
    };
    for (const [title, change] of Object.entries(changes)) {
      it(`tells of ${title}`, async () => {
        await write('a/x', 'x');
        await write('a/y', 'y');
        await symlink('x', at('link'));
        const source = await open();
        const before = await source.refresh();
        await change.do();
        const after = await source.refresh();
        assert.deepEqual(await listEntries(after.changesSince(before)), change.gives);
        assert.deepEqual(await listEntries((await source.refresh()).changesSince(after)), []);
      });
    }
  });
});
