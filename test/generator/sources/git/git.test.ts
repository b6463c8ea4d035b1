import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type GitSourceOptions, createGitSource } from '../../../../generator/sources/git/git.ts';
import type { FileEntry, Snapshot, Source } from '../../../../generator/sources/source.ts';
import { type GitRemote, makeGitRemote } from '../../../kit/remote/git-remote.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { describeWith } from '../../../with-tools.ts';
import { collect, fileAt, listEntries } from '../../../kit/remote/collect.ts';

const textOf = async (snapshot: Snapshot, path: string): Promise<string> => {
  const bytes = await snapshot.read(await fileAt(snapshot, path));
  assert.ok(bytes instanceof Uint8Array);
  return Buffer.from(bytes).toString();
};

describeWith(['git', 'git-http-backend'], 'a git repository as a source', () => {
  const state = useTemporary();
  let remote: GitRemote;
  const sources: Source[] = [];
  const open = async (options: Partial<GitSourceOptions> = {}): Promise<Source> => {
    const source = await createGitSource({
      url: remote.path,
      branch: undefined,
      path: '',
      stateDirectory: state(),
      tokenFile: undefined,
      environment: process.env,
      ...options,
    });
    sources.push(source);
    return source;
  };

  const inWork = (...names: string[]): string => join(remote.work, ...names);

  const addSubmodule = async (path: string): Promise<void> => {
    await rm(inWork(path), { recursive: true, force: true });
    await mkdir(inWork(path));
    await remote.git('init', '--quiet', inWork(path));
    await remote.git('-C', inWork(path), 'commit', '--quiet', '--allow-empty', '--message', 'x');
  };

  /** Publishes by one configuration; gives what another has of it, once the remote is gone. */
  const publishThen = async (
    first: Partial<GitSourceOptions>,
    second: Partial<GitSourceOptions>,
  ): Promise<Snapshot | undefined> => {
    await remote.publish({ 'deep/a': 'alpha', b: 'beta' });
    await remote.git('push', '--quiet', 'origin', 'HEAD:refs/heads/dev');
    const source = await open(first);
    await source.keep(await source.refresh());
    await source.close();
    await rename(remote.path, `${remote.path}.gone`);
    return (await open(second)).recall();
  };

  beforeEach(async () => {
    remote = await makeGitRemote();
  });
  afterEach(async () => {
    await Promise.all(sources.splice(0).map((source) => source.close()));
    await remote.remove();
  });

  for (const way of ['a path', 'file://', 'HTTP'] as const) {
    it(`lists and reads by ${way}`, async () => {
      const signature = Buffer.of(0xa3, 0x00, 0x0d, 0x0a, 0xff);
      const commit = await remote.publish({ 'a/b': signature, c: 'text', empty: '' });
      const url = { 'a path': remote.path, 'file://': remote.fileUrl, HTTP: '' }[way];
      const source = await open({ url: url || (await remote.serveHttp()).url });
      const snapshot = await source.refresh();
      assert.equal(snapshot.commit, commit);
      assert.equal(source.branch(), 'main');
      assert.deepEqual(
        (await collect(snapshot.entries())).map((one) => [one.path, 'size' in one && one.size]),
        [
          ['a/b', 5],
          ['c', 4],
          ['empty', 0],
        ],
      );
      const answer = await snapshot.read(await fileAt(snapshot, 'a/b'));
      assert.deepEqual(answer, new Uint8Array(signature));
      await snapshot.close();
    });
  }

  it('reads many files at once, each with its own bytes', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `f${index}`);
    const contents = names.map((name, index) => name.repeat(index));
    await remote.publish(
      Object.fromEntries(names.map((name, index) => [name, contents[index] ?? ''])),
    );
    const snapshot = await (await open()).refresh();
    const entries = (await collect(snapshot.entries())) as FileEntry[];
    const texts = new Map(
      await Promise.all(
        entries.map(async (entry) => {
          const bytes = await snapshot.read(entry);
          assert.ok(bytes instanceof Uint8Array);
          return [entry.path, Buffer.from(bytes).toString()] as const;
        }),
      ),
    );
    assert.deepEqual(
      names.map((name) => texts.get(name)),
      contents,
    );
    await snapshot.close();
  });

  it('follows the default branch, whatever it is called, and its renaming', async () => {
    await remote.publish({ old: 'x' });
    const source = await open();
    await source.refresh();
    await remote.commit({ new: 'x' });
    await remote.git('push', '--quiet', 'origin', 'HEAD:refs/heads/trunk/é');
    await remote.gitBare('symbolic-ref', 'HEAD', 'refs/heads/trunk/é');
    await remote.gitBare('branch', '-D', 'main');
    const snapshot = await source.refresh();
    assert.deepEqual(await listEntries(snapshot.entries()), ['file new', 'file old']);
    assert.equal(source.branch(), 'trunk/é');
  });

  it('follows, from the next start on, another default branch beside the old one', async () => {
    const old = await remote.publish({ old: 'x' });
    const before = await open();
    assert.equal((await before.refresh()).commit, old);
    await before.close();
    const commit = await remote.commit({ new: 'x' });
    await remote.git('push', '--quiet', 'origin', 'HEAD:refs/heads/trunk');
    await remote.gitBare('symbolic-ref', 'HEAD', 'refs/heads/trunk');
    const after = await open();
    assert.equal(after.branch(), 'main');
    assert.equal((await after.refresh()).commit, commit);
    assert.equal(after.branch(), 'trunk');
  });

  it('follows a branch that is named, and says so when it is not there', async () => {
    await remote.publish({ main: 'x' });
    await remote.git('checkout', '--quiet', '-b', 'release/1');
    const commit = await remote.commit({ release: 'x' });
    await remote.git('push', '--quiet', 'origin', 'release/1');
    const snapshot = await (await open({ branch: 'release/1' })).refresh();
    assert.equal(snapshot.commit, commit);
    const other = await open({ branch: 'none', url: remote.fileUrl });
    await assert.rejects(other.refresh(), {
      name: 'SourceError',
      message: /^the repository has no branch none; it has main, release\/1$/,
    });
  });

  it('takes no tag for a branch', async () => {
    await remote.publish({ x: 'x' });
    await remote.git('tag', 'v1');
    await remote.git('push', '--quiet', 'origin', 'v1');
    await assert.rejects((await open({ branch: 'v1' })).refresh(), { name: 'SourceError' });
  });

  it('says so when the repository is empty', async () => {
    await assert.rejects((await open()).refresh(), {
      message:
        'the repository has no branch: nothing was pushed to it yet, or what answers there is no git host',
      hint: 'push a first commit; else check the address: a page for people, as a login, may answer there',
    });
  });

  describe('a subtree', () => {
    it('is published alone, with paths relative to it', async () => {
      await remote.publish({ 'deep/sigs/team/x': 'x', 'deep/other': 'x', 'sigs/y': 'y' });
      const snapshot = await (await open({ path: 'deep/sigs' })).refresh();
      assert.deepEqual(await listEntries(snapshot.entries()), ['file team/x']);
    });

    it('gives no changes for what changes beside it', async () => {
      await remote.publish({ 'sigs/x': 'x' });
      const source = await open({ path: 'sigs' });
      const before = await source.refresh();
      await remote.publish({ 'sigs2/x': 'x', y: 'y' });
      const after = await source.refresh();
      assert.notEqual(after.commit, before.commit);
      assert.deepEqual(await listEntries(after.changesSince(before)), []);
    });

    for (const [what, path] of [
      ['nothing', 'none'],
      ['a file', 'file'],
      ['a link', 'link'],
      ['a file on its way', 'file/x'],
    ] as const) {
      it(`is refused when ${what} is there`, async () => {
        await remote.commit({ file: 'x', 'sigs/x': 'x' });
        await symlink('sigs', join(remote.work, 'link'));
        const commit = await remote.publish({});
        await assert.rejects((await open({ path })).refresh(), {
          name: 'SourceError',
          message: `commit ${commit} has no directory "${path}"`,
          hint: 'name the subtree to publish with --path',
        });
      });
    }

    it('that is removed fails the refresh, and comes back', async () => {
      await remote.publish({ 'sigs/x': 'x', y: 'y' });
      const source = await open({ path: 'sigs' });
      const before = await source.refresh();
      await remote.publish({ 'sigs/x': null });
      await assert.rejects(source.refresh(), /has no directory "sigs"/);
      assert.equal(await textOf(before, 'x'), 'x');
      await remote.publish({ 'sigs/z': 'z' });
      const after = await source.refresh();
      assert.deepEqual(await listEntries(after.changesSince(before)), ['file z', 'removed x']);
      await before.close();
    });
  });

  describe('what changed since', () => {
    const changes: Readonly<Record<string, { do: () => Promise<void>; gives: string[] }>> = {
      'an addition': { do: () => writeFile(inWork('new'), 'x'), gives: ['file new'] },
      'other bytes': { do: () => writeFile(inWork('a/x'), 'X'), gives: ['file a/x'] },
      'a removal': { do: () => rm(inWork('a/x')), gives: ['removed a/x'] },
      'a removed directory': {
        do: () => rm(inWork('a'), { recursive: true }),
        gives: ['removed a/x', 'removed a/y'],
      },
      'a rename': {
        do: () => rename(inWork('a/x'), inWork('b')),
        gives: ['file b', 'removed a/x'],
      },
      'a file that became a link': {
        do: async () => {
          await rm(inWork('a/x'));
          await symlink('y', inWork('a/x'));
        },
        gives: ['symlink a/x'],
      },
      'a link that became a file': {
        do: async () => {
          await rm(inWork('link'));
          await writeFile(inWork('link'), 'x');
        },
        gives: ['file link'],
      },
      'a file that became a directory': {
        do: async () => {
          await rm(inWork('a/x'));
          await mkdir(inWork('a/x'));
          await writeFile(inWork('a/x/z'), 'x');
        },
        gives: ['file a/x/z', 'removed a/x'],
      },
      'a submodule that came': {
        do: async () => addSubmodule('module'),
        gives: ['submodule module'],
      },
      'a file that became a submodule': {
        do: async () => {
          await rm(inWork('a/y'));
          await addSubmodule('a/y');
        },
        gives: ['submodule a/y'],
      },
      'an executable bit': {
        do: async () => {
          await remote.git('update-index', '--chmod=+x', 'a/x');
          await remote.git('commit', '--quiet', '--message', 'mode');
          await remote.git('checkout', '--quiet', '--', 'a/x');
        },
        gives: ['file a/x'],
      },
      'names with spaces, quotes, newlines and dashes': {
        do: async () => {
          for (const name of ['with space', '"quoted"', 'new\nline', '-dash', 'tab\t', ':colon']) {
            await writeFile(inWork(name), 'x');
          }
        },
        gives: ['-dash', '"quoted"', ':colon', 'new\nline', 'tab\t', 'with space']
          .map((name) => `file ${name}`)
          .toSorted(),
      },
    };
    for (const [title, change] of Object.entries(changes)) {
      it(`tells of ${title}`, async () => {
        await remote.commit({ 'a/x': 'x', 'a/y': 'y' });
        await symlink('a/x', inWork('link'));
        await remote.publish({});
        const source = await open();
        const before = await source.refresh();
        await change.do();
        await remote.publish({});
        const after = await source.refresh();
        assert.deepEqual(await listEntries(after.changesSince(before)), change.gives);
        const whole = await listEntries(after.entries());
        for (const line of change.gives) {
          assert.equal(whole.includes(line), !line.startsWith('removed'), line);
        }
        assert.deepEqual(await listEntries((await source.refresh()).changesSince(after)), []);
      });
    }

    it('tells the size of what changed', async () => {
      await remote.publish({ x: 'x' });
      const source = await open();
      const before = await source.refresh();
      await remote.publish({ x: 'x'.repeat(70_000), y: '' });
      const after = await source.refresh();
      const sizes = (await collect(after.changesSince(before))).map(
        (one) => 'size' in one && one.size,
      );
      assert.deepEqual(sizes, [70_000, 0]);
    });

    it('shows names that are not UTF-8', async () => {
      await remote.publish({ caffè: 'x' });
      const source = await open();
      const before = await source.refresh();
      await writeFile(Buffer.from(`${remote.work}/caf\xe9`, 'latin1'), 'x');
      await remote.publish({});
      const after = await source.refresh();
      const changed = [String.raw`name-not-utf8 caf\xe9`];
      assert.deepEqual(await listEntries(after.changesSince(before)), changed);
      assert.deepEqual(await listEntries(after.entries()), ['file caffè', ...changed]);
    });

    it('tells of a force push, and that it was one', async () => {
      const first = await remote.publish({ base: 'x' });
      const old = await remote.publish({ old: 'x' });
      const source = await open();
      const before = await source.refresh();
      await source.keep(before);
      assert.equal(await source.isAncestor(first, old), true);
      await remote.git('reset', '--quiet', '--hard', first);
      const rewound = await remote.commit({ other: 'x' });
      await remote.push('--force');
      const after = await source.refresh();
      assert.equal(after.commit, rewound);
      assert.deepEqual(await listEntries(after.changesSince(before)), [
        'file other',
        'removed old',
      ]);
      assert.equal(await source.isAncestor(old, rewound), false);
      assert.equal(await source.hasCommit(rewound), true);
      assert.equal(await source.hasCommit(old), false);
      assert.equal(await source.hasCommit('f'.repeat(40)), false);
      // The old state is still what was published.
      assert.equal((await source.recall())?.commit, old);
    });
  });

  it('lists a huge blob with its size, without reading it', async () => {
    const size = 5 * 1024 * 1024;
    const commit = await remote.publish({ huge: randomBytes(size), small: 'x' });
    const source = await open();
    const snapshot = await source.refresh();
    assert.equal((await fileAt(snapshot, 'huge')).size, size);
    await remote.publish({ huge: randomBytes(size + 1) });
    const after = await source.refresh();
    const [changed] = await collect(after.changesSince(snapshot));
    assert.ok(changed?.kind === 'file');
    assert.equal(changed.size, size + 1);
    assert.notEqual(after.commit, commit);
  });

  it('keeps what was published over a restart, while the remote is down', async () => {
    const http = await remote.serveHttp();
    const published = await remote.publish({ x: 'old' });
    const source = await open({ url: http.url });
    await source.keep(await source.refresh());
    await remote.publish({ x: 'new' });
    await source.refresh();
    await source.close();
    await http.down();
    const again = await open({ url: http.url });
    assert.equal(again.branch(), 'main');
    await assert.rejects(again.refresh(), { name: 'SourceError', message: /^git fetch failed: / });
    const recalled = await again.recall();
    assert.ok(recalled);
    assert.equal(recalled.commit, published);
    assert.equal(await textOf(recalled, 'x'), 'old');
    await http.up();
    const fresh = await again.refresh();
    assert.equal(await textOf(fresh, 'x'), 'new');
    assert.deepEqual(await listEntries(fresh.changesSince(recalled)), ['file x']);
    await Promise.all([recalled.close(), fresh.close()]);
  });

  for (const status of [401, 404, 502]) {
    it(`says what the remote answered: ${status}`, async () => {
      const http = await remote.serveHttp();
      await remote.publish({ x: 'x' });
      const source = await open({ url: http.url });
      await source.refresh();
      http.failWith(status);
      await assert.rejects(source.refresh(), {
        name: 'SourceError',
        message: status === 401 ? /could not read Username/ : /error: 404|error: 502|not found/,
      });
    });
  }

  describe('whose configuration changes while the remote is down', () => {
    const isServed = { same: { branch: 'dev' }, default: {}, name: { branch: 'main' } };
    const OTHER =
      /^it is from branch (?:main|dev), but (?:branch (?:main|dev)|the default branch) is/;

    it('recalls what was published from the same branch, however it is named', async () => {
      const snapshot = await publishThen(isServed.default, isServed.name);
      assert.ok(snapshot);
      const source = await open({ url: remote.fileUrl, ...isServed.same });
      assert.equal(await source.recall(), undefined, 'another URL');
    });
    it('recalls what was published from the default branch when that is followed', async () => {
      assert.ok(await publishThen(isServed.default, isServed.default));
    });
    it('recalls nothing of another branch', async () => {
      await assert.rejects(publishThen(isServed.name, isServed.same), { message: OTHER });
    });
    it('recalls nothing of a branch that may not be the default one', async () => {
      await assert.rejects(publishThen(isServed.same, isServed.default), { message: OTHER });
    });
    it('recalls another subtree of the commit that was published', async () => {
      const snapshot = await publishThen({}, { path: 'deep' });
      assert.deepEqual(
        (await collect(snapshot?.entries() ?? assert.fail())).map(({ path }) => path),
        ['a'],
      );
    });
  });

  it('serves no state of a branch under the name of another, killed at any moment', async () => {
    await remote.publish({ a: 'alpha' });
    await remote.git('push', '--quiet', 'origin', 'HEAD:refs/heads/dev');
    const before = await open({ branch: 'main' });
    await before.keep(await before.refresh());
    await before.close();
    const source = await open({ branch: 'dev' });
    const snapshot = await source.refresh();
    const names = await readdir(state(), { recursive: true });
    const clone = names.find((name) => name.endsWith('clone.git')) ?? assert.fail();
    // The ref is taken away, packed or not, but cannot be set: as far as a kill lets it come.
    await remote.git('--git-dir', join(state(), clone), 'pack-refs', '--all');
    await source.keep({ ...snapshot, commit: '1'.repeat(40) }).catch(() => undefined);
    await source.close();
    assert.equal(await (await open({ branch: 'dev' })).recall(), undefined);
  });

  it('recalls nothing before anything was kept', async () => {
    await remote.publish({ x: 'x' });
    assert.equal(await (await open()).recall(), undefined);
  });

  it('keeps the clones of different URLs apart, and one to one process', async () => {
    await remote.publish({ x: 'x' });
    await (await open()).refresh();
    await (await open({ url: remote.fileUrl })).refresh();
    await assert.rejects(open(), { name: 'DirectoryInUseError' });
  });

  it('never checks out anything', async () => {
    await remote.publish({ 'sentinel-name': 'x', '.gitattributes': '* filter=evil' });
    const source = await open();
    const snapshot = await source.refresh();
    await textOf(snapshot, 'sentinel-name');
    await snapshot.close();
    const names = await readdir(state(), { recursive: true });
    assert.equal(
      names.find((name) => name.includes('sentinel-name')),
      undefined,
    );
  });

  it('does not mind where the program runs', async () => {
    await remote.publish({ x: 'x' });
    const stateDirectory = relative(process.cwd(), state());
    const snapshot = await (await open({ stateDirectory })).refresh();
    assert.equal(await textOf(snapshot, 'x'), 'x');
    await snapshot.close();
  });

  it('reads what the user has set to be read by no one but by --git-dir', async () => {
    await remote.publish({ x: 'x' });
    const config = join(state(), 'gitconfig');
    await writeFile(config, '[safe]\n\tbareRepository = explicit\n\tdirectory = *\n');
    await appendFile(config, '[transfer]\n\tfsckObjects = true\n');
    const environment = { ...process.env, GIT_CONFIG_GLOBAL: config };
    const snapshot = await (await open({ environment })).refresh();
    assert.equal(await textOf(snapshot, 'x'), 'x');
    await snapshot.close();
  });
});
