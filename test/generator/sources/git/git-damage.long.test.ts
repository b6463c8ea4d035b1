// What a clone on disk may suffer: power cuts, full disks, killed processes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  mkdir,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GitSourceOptions, createGitSource } from '../../../../generator/sources/git/git.ts';
import type { Snapshot, Source } from '../../../../generator/sources/source.ts';
import { asNobody } from '../../../kit/process/as-nobody.ts';
import { startBackground } from '../../../kit/process/background.ts';
import { builtModule } from '../../../kit/process/built-module.ts';
import { type GitRemote, makeGitRemote } from '../../../kit/remote/git-remote.ts';
import { run } from '../../../kit/process/run.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { unpackClone } from '../../../kit/remote/unpack-clone.ts';
import { SmartHttp, refuseWith } from '../../../kit/remote/smart-http.ts';
import { describeWith, toolPath } from '../../../with-tools.ts';
import { collect } from '../../../kit/remote/collect.ts';
import { killChildren } from '../../../kit/remote/kill-children.ts';

/** Everything that the newest state holds, read to the last byte. */
const readAll = async (from: Source): Promise<Record<string, string>> => {
  const snapshot = await from.refresh();
  const texts: Record<string, string> = {};
  try {
    for await (const entry of snapshot.entries()) {
      assert.equal(entry.kind, 'file');
      const bytes = await snapshot.read(entry);
      assert.ok(bytes instanceof Uint8Array);
      texts[entry.path] = Buffer.from(bytes).toString();
    }
  } finally {
    await snapshot.close();
  }
  return texts;
};

const each = async (paths: readonly string[], harm: (path: string) => Promise<void>) => {
  assert.ok(paths.length > 0);
  for (const path of paths) {
    await chmod(path, 0o644);
    await harm(path);
  }
};

const halve = async (path: string): Promise<void> =>
  truncate(path, Math.floor((await stat(path)).size / 2));

describeWith(['git', 'git-http-backend'], 'a clone that was damaged', () => {
  const state = useTemporary();
  let remote: GitRemote;
  let source: Source | undefined;
  const optionsFor = (url: string): GitSourceOptions => ({
    url,
    branch: undefined,
    path: 'sigs/deep',
    stateDirectory: state(),
    tokenFile: undefined,
    environment: process.env,
  });
  const open = async (url = remote.fileUrl): Promise<Source> => {
    await source?.close();
    source = await createGitSource(optionsFor(url));
    return source;
  };
  const cloneDirectory = async (): Promise<string> => {
    const names = await readdir(state(), { recursive: true });
    return join(state(), names.find((name) => name.endsWith('.git')) ?? assert.fail());
  };
  const filesBelow = async (...names: string[]): Promise<string[]> => {
    const entries = await readdir(join(await cloneDirectory(), ...names), {
      recursive: true,
      withFileTypes: true,
    });
    return entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  };
  const CONTENT = { a: 'alpha', b: 'beta' };

  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ 'sigs/deep/a': 'alpha', 'sigs/deep/b': 'beta' });
  });
  afterEach(async () => {
    await source?.close();
    source = undefined;
    await remote.remove();
  });

  const named = (name: string) => async () => [join(await cloneDirectory(), name)];
  /** The object, or the pack that it came in. */
  const objectOf = (name: string) => async () => {
    const id = await remote.git('rev-parse', name);
    const files = await filesBelow('objects');
    const alone = files.filter((path) => path.endsWith(`${id.slice(0, 2)}/${id.slice(2)}`));
    if (alone.length > 0) return alone;
    return files.filter((path) => path.endsWith('.pack'));
  };

  const TARGETS: Readonly<Record<string, () => Promise<string[]>>> = {
    'the blob': objectOf('HEAD:sigs/deep/a'),
    'the tree': objectOf('HEAD:sigs/deep'),
    'the root tree': objectOf('HEAD^{tree}'),
    'the commit': objectOf('HEAD'),
    'every object': () => filesBelow('objects'),
    'every ref': () => filesBelow('refs'),
    config: named('config'),
    HEAD: named('HEAD'),
  };
  const HARMS: Readonly<Record<string, (path: string) => Promise<void>>> = {
    'cut short': halve,
    garbage: (path) => writeFile(path, '\0garbage\n\xff'),
    missing: (path) => rm(path),
  };

  for (const [what, find] of Object.entries(TARGETS)) {
    it(`heals when ${what} is cut short, garbage or missing`, async () => {
      const running = await open();
      assert.deepEqual(await readAll(running), CONTENT);
      await unpackClone(await cloneDirectory());
      for (const harm of Object.values(HARMS)) {
        await each(await find(), harm);
        // What fails once must work the second time.
        assert.deepEqual(await readAll(running).catch(() => readAll(running)), CONTENT);
      }
    });
  }

  for (const what of ['config', 'HEAD', 'every object', 'every ref'] as const) {
    it(`heals at the start when ${what} is garbage`, async () => {
      await readAll(await open());
      await each((await TARGETS[what]?.()) ?? [], (path) => writeFile(path, '\0garbage\n'));
      const restarted = await open();
      assert.deepEqual(await readAll(restarted).catch(() => readAll(restarted)), CONTENT);
    });
  }

  for (const [how, harm] of Object.entries(HARMS)) {
    it(`heals when the packs are ${how}`, async () => {
      const before = await open();
      await readAll(before);
      const clone = await cloneDirectory();
      await remote.git('-C', clone, 'gc', '--quiet', '--prune=now');
      await remote.publish({ 'sigs/deep/c': 'gamma' });
      await each(await filesBelow('objects/pack'), harm);
      const expected = { ...CONTENT, c: 'gamma' };
      assert.deepEqual(await readAll(before).catch(() => readAll(before)), expected);
    });
  }

  it('heals when packed-refs is garbage', async () => {
    await readAll(await open());
    await writeFile(join(await cloneDirectory(), 'packed-refs'), 'garbage\n');
    const again = await open();
    assert.deepEqual(await readAll(again).catch(() => readAll(again)), CONTENT);
  });

  it('is not taken for the repository that the state directory lies in', async () => {
    await remote.git('init', '--quiet', state());
    const running = await open();
    await readAll(running);
    await rm(join(await cloneDirectory(), 'HEAD'));
    assert.deepEqual(await readAll(running).catch(() => readAll(running)), CONTENT);
    await assert.rejects(stat(join(state(), '.git/refs/lookaside')));
  });

  it('does not lose what was published when the remote is down as well', async () => {
    const http = await remote.serveHttp();
    const first = await open(http.url);
    const snapshot = await first.refresh();
    await first.keep(snapshot);
    await writeFile(join(await cloneDirectory(), 'refs/lookaside/fetched'), 'garbage');
    await http.down();
    const again = await open(http.url);
    await assert.rejects(again.refresh(), { name: 'SourceError' });
    const recalled = await again.recall();
    assert.equal(recalled?.commit, snapshot.commit);
    assert.equal((await collect(recalled?.entries() ?? assert.fail())).length, 2);
  });

  /** Publishes a state, takes the remote away, and gives the state's commit. */
  const publishAndLose = async (): Promise<string> => {
    const opened = await open();
    const snapshot = await opened.refresh();
    await opened.keep(snapshot);
    await opened.close();
    source = undefined;
    await rename(remote.path, `${remote.path}.gone`);
    return snapshot.commit ?? assert.fail();
  };
  const assertRecalled = async (commit: string): Promise<void> => {
    const recalled = await (await open()).recall();
    assert.equal(recalled?.commit, commit);
    const entries = await collect(recalled?.entries() ?? assert.fail());
    assert.deepEqual(entries.map(({ path }) => path).toSorted(), ['a', 'b']);
    for (const entry of entries) {
      assert.ok(entry.kind === 'file');
      assert.ok((await recalled?.read(entry)) instanceof Uint8Array);
    }
  };
  const openWith = async (environment: NodeJS.ProcessEnv): Promise<Source> =>
    createGitSource({ ...optionsFor(remote.fileUrl), environment });

  describe('while the remote is down', () => {
    for (const file of ['HEAD', 'config', 'HEAD.lock', 'config.lock']) {
      it(`keeps what was published when ${file} is garbage or missing`, async () => {
        const commit = await publishAndLose();
        const path = join(await cloneDirectory(), file);
        await writeFile(path, '\0garbage\n');
        await utimes(path, 0, 0);
        await assertRecalled(commit);
        await rm(path, { force: true });
        await assertRecalled(commit);
      });
    }

    const brokenGits: Readonly<Record<string, () => Promise<NodeJS.ProcessEnv>>> = {
      'is not in PATH': async () => ({ ...process.env, PATH: state() }),
      'is killed at once': async () => {
        await writeFile(join(state(), 'git'), '#!/bin/sh\nkill -9 $$\n', { mode: 0o755 });
        return { ...process.env, PATH: `${state()}:${process.env['PATH']}` };
      },
      'has no memory': async () => {
        const real = toolPath('git');
        const script = `#!/bin/sh\nulimit -v 3000; exec ${real} "$@"\n`;
        await writeFile(join(state(), 'git'), script, { mode: 0o755 });
        return { ...process.env, PATH: `${state()}:${process.env['PATH']}` };
      },
      'prints without end': async () => {
        await writeFile(join(state(), 'git'), '#!/bin/sh\nexec yes\n', { mode: 0o755 });
        return { ...process.env, PATH: `${state()}:${process.env['PATH']}` };
      },
      'says that somebody else owns it': async () => {
        const said = 'fatal: detected dubious ownership in repository at';
        const script = `#!/bin/sh\necho "${said} '/x'" >&2; exit 128\n`;
        await writeFile(join(state(), 'git'), script, { mode: 0o755 });
        return { ...process.env, PATH: `${state()}:${process.env['PATH']}` };
      },
    };
    for (const [how, breakGit] of Object.entries(brokenGits)) {
      it(`loses nothing when git ${how}`, async () => {
        const commit = await publishAndLose();
        const broken = await breakGit();
        for (let start = 0; start < 2; start++) {
          await assert.rejects(openWith(broken), { name: 'SourceError' });
        }
        await rm(join(state(), 'git'), { force: true });
        await assertRecalled(commit);
      });
    }

    it('is read whatever the configuration of the user is, which may be mended', async () => {
      const commit = await publishAndLose();
      await rename(`${remote.path}.gone`, remote.path);
      const path = join(state(), 'gitconfig');
      await writeFile(path, '[broken\n');
      const environment = { ...process.env, GIT_CONFIG_GLOBAL: path };
      const clone = await stat(await cloneDirectory());
      source = await openWith(environment);
      for (let poll = 0; poll < 2; poll++) {
        const recalled: Snapshot = (await source.recall()) ?? assert.fail();
        assert.equal(recalled.commit, commit);
        assert.equal((await collect(recalled.entries())).length, 2);
        await assert.rejects(source.refresh(), /bad config/);
      }
      await rm(path);
      const newest = await remote.publish({ 'sigs/deep/a': 'new' });
      assert.deepEqual(await readAll(source), { ...CONTENT, a: 'new' });
      const snapshot = await source.refresh();
      assert.equal(snapshot.commit, newest);
      await source.keep(snapshot);
      assert.equal((await stat(await cloneDirectory())).ino, clone.ino);
    });

    it('is found by the configuration of the user once that is mended', async () => {
      const http = await remote.serveHttp();
      const path = join(state(), 'gitconfig');
      const environment = { ...process.env, GIT_CONFIG_GLOBAL: path };
      const url = 'http://localhost:1/signatures.git';
      const openAgain = async () =>
        createGitSource({ ...optionsFor(url), branch: 'main', environment });
      const mended = `[url "${http.url}"]\ninsteadOf = ${url}\n`;
      await writeFile(path, mended);
      source = await openAgain();
      await source.keep(await source.refresh());
      await source.close();
      await writeFile(path, '[broken\n');
      source = await openAgain();
      await assert.rejects(source.refresh(), { name: 'SourceError' });
      await writeFile(path, mended);
      const { ino } = await stat(await cloneDirectory());
      assert.deepEqual(await readAll(source), CONTENT);
      assert.equal((await stat(await cloneDirectory())).ino, ino, 'it was cloned again');
    });

    it('loses nothing when the clone may not be read', async () => {
      const commit = await publishAndLose();
      const path = await cloneDirectory();
      await chmod(path, 0o700);
      await chmod(join(path, '..'), 0o777);
      if (process.geteuid?.() === 0) {
        await rm(join(path, '../.lock'), { force: true });
        await asNobody(async () => {
          await assert.rejects(open(), { name: /^(?:SourceError|Error)$/ });
        });
      }
      await assertRecalled(commit);
    });

    it('sets aside what is no repository until another is published', async () => {
      await publishAndLose();
      const clone = await cloneDirectory();
      await rm(join(clone, 'refs'), { recursive: true });
      await writeFile(join(clone, 'refs'), '');
      const opened = await open();
      assert.ok((await stat(join(`${clone}.old`, 'objects'))).isDirectory());
      await rename(`${remote.path}.gone`, remote.path);
      const snapshot = await opened.refresh();
      assert.ok((await stat(join(`${clone}.old`, 'objects'))).isDirectory());
      await opened.keep(snapshot);
      await assert.rejects(stat(`${clone}.old`), { code: 'ENOENT' });
    });
  });

  it('keeps what was published when a new clone has another history', async () => {
    const opened = await open();
    const before = await opened.refresh();
    await opened.keep(before);
    await remote.git('checkout', '--quiet', '--orphan', 'anew');
    await remote.commit({ 'sigs/deep/a': 'other' });
    await remote.push('--force');
    // Git can read all that was published, but can fetch no more.
    const clone = await cloneDirectory();
    await mkdir(join(clone, 'refs/heads'), { recursive: true });
    await writeFile(join(clone, 'refs/heads/broken'), `${'1'.repeat(40)}\n`);
    const again = await open();
    const after = await again.refresh();
    assert.notEqual(after.commit, before.commit);
    assert.ok((await stat(`${clone}.old`)).isDirectory());
    // Killed before it was published.
    const recalled = await (await open()).recall();
    assert.equal(recalled?.commit, before.commit);
    assert.equal((await collect(recalled?.entries() ?? assert.fail())).length, 2);
  });

  it('is there until the new clone is whole', async () => {
    const host = await SmartHttp.start(remote.path);
    try {
      const opened = await open(host.url);
      const before = await opened.refresh();
      await opened.keep(before);
      // Git can read all that was published, but can fetch no more.
      const clone = await cloneDirectory();
      await mkdir(join(clone, 'refs/heads'), { recursive: true });
      await writeFile(join(clone, 'refs/heads/broken'), `${'1'.repeat(40)}\n`);
      host.behave(refuseWith('not today\n'));
      await assert.rejects((await open(host.url)).refresh(), { name: 'SourceError' });
      assert.ok(host.requests.filter((one) => one.startsWith('POST')).length > 2);
      const recalled = await (await open(host.url)).recall();
      assert.equal(recalled?.commit, before.commit);
      assert.equal((await collect(recalled?.entries() ?? assert.fail())).length, 2);
    } finally {
      await host.stop();
    }
  });

  it('leaves nothing behind when the new clone cannot be had', async () => {
    const opened = await open();
    await opened.keep(await opened.refresh());
    const clone = await cloneDirectory();
    await writeFile(join(clone, 'refs/lookaside/fetched'), 'garbage');
    await rename(remote.path, `${remote.path}.gone`);
    await assert.rejects((await open()).refresh(), { name: 'SourceError' });
    const names = await readdir(join(clone, '..'));
    assert.deepEqual(names.toSorted(), ['.lock', 'branch', 'clone.git', 'published-branch']);
  });

  it('recovers from locks and half packs that a killed process left', async () => {
    await readAll(await open());
    const clone = await cloneDirectory();
    const left = [
      'refs/lookaside/fetched.lock',
      'packed-refs.lock',
      'config.lock',
      'HEAD.lock',
      'shallow.lock',
      'objects/pack/tmp_pack_AbC123',
      'objects/pack/.tmp-77-pack-0123456789012345678901234567890123456789.idx',
      'objects/pack/pack-0123456789012345678901234567890123456789.keep',
      'objects/tmp_obj_AbC123',
      'objects/info/commit-graphs.lock',
      'incoming/objects/pack/tmp_pack_AbC123',
      'incoming/objects/info/alternates',
    ];
    for (const name of left) {
      await mkdir(join(clone, name, '..'), { recursive: true });
      await writeFile(join(clone, name), '');
      // Git that holds a lock now is waited for.
      await utimes(join(clone, name), 0, 0);
    }
    await remote.publish({ 'sigs/deep/c': 'gamma' });
    assert.deepEqual(await readAll(await open()), { ...CONTENT, c: 'gamma' });
    const names = await readdir(clone, { recursive: true });
    assert.deepEqual(
      names.filter((name) => /\.lock$|tmp[_-]|\.keep$/.test(name)),
      [],
    );
  });

  it('leaves alone what only looks like that, and what a link leads to', async () => {
    await readAll(await open());
    const clone = await cloneDirectory();
    const others = join(state(), 'others');
    await mkdir(others);
    await rm(join(clone, 'objects/info'), { recursive: true });
    await symlink(others, join(clone, 'objects/info'));
    const kept = [
      join(others, 'commit-graph.lock'),
      join(clone, 'objects/pack/tmp_pack_x.keep'),
      join(clone, 'objects/pack/tmp_pack_AbC123/file'),
      join(clone, 'my.lock'),
    ];
    for (const path of kept) {
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, '');
    }
    await symlink(join(others, 'commit-graph.lock'), join(clone, 'config.lock'));
    await readAll(await open());
    for (const path of [...kept, join(clone, 'config.lock')]) await stat(path);
  });

  it('recovers from a process that was killed amid a fetch', async () => {
    for (let index = 0; index < 40; index++) {
      await writeFile(join(remote.work, `big${index}`), Buffer.alloc(50_000, `${index}`));
    }
    await remote.publish({});
    const module = builtModule('generator/sources/git/git');
    const script = `
      const { createGitSource } = await import(${JSON.stringify(module)});
      const source = await createGitSource({ url: process.argv[1], path: 'sigs/deep',
        stateDirectory: process.argv[2], environment: process.env });
      for (;;) { console.log('refresh'); await source.refresh(); }`;
    const args = ['--input-type=module', '-e', script];
    for (const delay of [0, 20, 60]) {
      const child = await startBackground(process.execPath, [...args, remote.fileUrl, state()]);
      await child.waitForLine(/refresh/);
      await sleep(delay);
      child.signal('SIGKILL');
      await child.ended();
      assert.deepEqual(await readAll(await open()), CONTENT);
      await source?.close();
    }
  });

  // A small disk needs a mount, which not every container allows.
  const unshare = ['--map-root-user', '--mount'];
  if (spawnSync('unshare', [...unshare, 'true']).status === 0) {
    it('loses nothing to a full disk, and goes on when there is room', async () => {
      const good = await remote.git('rev-parse', 'HEAD');
      const bad = await remote.commit({ 'sigs/deep/a': randomBytes(6 * 1024 * 1024) });
      const module = builtModule('generator/sources/git/git');
      const script = `
        const { execFileSync } = await import('node:child_process');
        const { createGitSource } = await import(${JSON.stringify(module)});
        const [url, stateDirectory, bare, good, bad] = process.argv.slice(1);
        const set = (commit) =>
          execFileSync('git', ['--git-dir', bare, 'update-ref', 'refs/heads/main', commit]);
        const open = () => createGitSource({ url, path: 'sigs/deep', stateDirectory,
          environment: process.env });
        let source = await open();
        await source.keep(await source.refresh());
        for (let poll = 0; poll < 2; poll++) {
          set(bad);
          await source.refresh().then(() => console.log('came'), ({ name }) => console.log(name));
          await source.close();
          source = await open();
          console.log((await source.recall()).commit === good);
          set(good);
          console.log((await source.refresh()).commit === good);
        }
        await source.close();`;
      const args = [remote.fileUrl, state(), remote.path, good, bad];
      const command = ['--input-type=module', '-e', script, ...args];
      await remote.gitBare('fetch', '--quiet', remote.work, `${bad}:refs/keep`);
      const mounted = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"';
      const { stdout, stderr } = await run('unshare', [
        ...unshare,
        'sh',
        '-c',
        mounted,
        state(),
        process.execPath,
        ...command,
      ]);
      const round = ['SourceError', 'true', 'true'];
      assert.deepEqual(stdout.trim().split('\n'), [...round, ...round], stderr);
    });
  }

  it('does not hang when git dies while it reads', async () => {
    const snapshot = await (await open()).refresh();
    const [first, second] = await collect(snapshot.entries());
    assert.ok(first?.kind === 'file' && second?.kind === 'file');
    await snapshot.read(first);
    await killChildren('cat-file');
    await assert.rejects(snapshot.read(second), { name: 'SourceError' });
    await assert.rejects(snapshot.read(second), { name: 'SourceError' });
    await snapshot.close();
    assert.deepEqual(await readAll(await open()), CONTENT);
  });
});
