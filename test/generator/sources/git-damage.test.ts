// What a clone on disk may suffer: power cuts, full disks, killed processes.
import assert from 'node:assert/strict';
import {
  chmod,
  mkdir,
  readFile,
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
import { createGitSource } from '../../../generator/sources/git.ts';
import type { Source } from '../../../generator/sources/source.ts';
import { startBackground } from '../../e2e/background.ts';
import { type GitRemote, makeGitRemote } from '../../e2e/git-remote.ts';
import { runOrThrow } from '../../e2e/run.ts';
import { useTemporary } from '../../e2e/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { collect } from './collect.ts';
import { killChildren } from './kill-children.ts';

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
  const open = async (url = remote.fileUrl): Promise<Source> => {
    await source?.close();
    source = await createGitSource({
      url,
      branch: undefined,
      path: 'sigs/deep',
      stateDirectory: state(),
      tokenFile: undefined,
      environment: process.env,
    });
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
  /** As earlier versions kept what came: each object in a file of its own. */
  const unpack = async (): Promise<void> => {
    const packs = (await filesBelow('objects/pack')).filter((path) => path.endsWith('.pack'));
    const aside = packs.map((path) => path.replace('/objects/pack/', '/'));
    for (const [index, path] of packs.entries()) {
      await rename(path, aside[index] ?? assert.fail());
      await rm(path.replace(/\.pack$/, '.idx'));
    }
    for (const path of aside) {
      await runOrThrow('git', ['--git-dir', await cloneDirectory(), 'unpack-objects', '-q'], {
        input: await readFile(path),
      });
      await rm(path);
    }
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
      await unpack();
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
    const module = new URL('../../../generator/sources/git.ts', import.meta.url).href;
    const script = `
      const { createGitSource } = await import(${JSON.stringify(module)});
      const source = await createGitSource({ url: process.argv[1], path: 'sigs/deep',
        stateDirectory: process.argv[2], environment: process.env });
      for (;;) { console.log('refresh'); await source.refresh(); }`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
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
