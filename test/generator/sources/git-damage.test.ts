// What a clone on disk may suffer: power cuts, full disks, killed processes.
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGitSource } from '../../../generator/sources/git.ts';
import type { Source } from '../../../generator/sources/source.ts';
import { startBackground } from '../../e2e/background.ts';
import { type GitRemote, makeGitRemote } from '../../e2e/git-remote.ts';
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
  const objectOf = (name: string) => async () => {
    const id = await remote.git('rev-parse', name);
    return (await filesBelow('objects', id.slice(0, 2))).filter((path) =>
      path.endsWith(id.slice(2)),
    );
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
      'objects/pack/tmp_pack_x',
      'objects/tmp_obj_x',
      'objects/tmp_objdir-x/file',
      'objects/info/commit-graphs.lock',
    ];
    for (const name of left) {
      await mkdir(join(clone, name, '..'), { recursive: true });
      await writeFile(join(clone, name), '');
    }
    await remote.publish({ 'sigs/deep/c': 'gamma' });
    assert.deepEqual(await readAll(await open()), { ...CONTENT, c: 'gamma' });
    const names = await readdir(clone, { recursive: true });
    assert.deepEqual(
      names.filter((name) => /\.lock$|tmp_/.test(name)),
      [],
    );
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
