// What a running source goes through between refreshes, the first of which is as any `git fetch`.
import assert from 'node:assert/strict';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGitSource } from '../../../../generator/sources/git/git.ts';
import type { Snapshot, Source } from '../../../../generator/sources/source.ts';
import { type GitRemote, makeGitRemote } from '../../../kit/remote/git-remote.ts';
import { makeTemporary, removeTemporary, useTemporary } from '../../../kit/temporary.ts';
import { describeWith, toolPath } from '../../../with-tools.ts';
import { killChildren } from '../../../kit/remote/kill-children.ts';
import { collect, fileAt, listEntries } from '../../../kit/remote/collect.ts';

const textOf = async (snapshot: Snapshot, path: string): Promise<string> => {
  const bytes = await snapshot.read(await fileAt(snapshot, path));
  assert.ok(bytes instanceof Uint8Array);
  return Buffer.from(bytes).toString();
};

describeWith(['git', 'git-http-backend'], 'a git source that runs', () => {
  const state = useTemporary();
  let remote: GitRemote;
  let source: Source | undefined;
  const open = async (
    url = remote.path,
    ending?: AbortSignal,
    environment = process.env,
  ): Promise<Source> => {
    source = await createGitSource({
      url,
      branch: undefined,
      path: '',
      stateDirectory: state(),
      tokenFile: undefined,
      environment,
      ending,
    });
    return source;
  };
  const clone = async (): Promise<string> => {
    const [name = ''] = await readdir(state());
    return join(state(), name, 'clone.git');
  };
  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ first: '1' });
  });
  afterEach(async () => {
    await source?.close();
    await remote.remove();
  });

  for (const way of ['a path', 'file://', 'HTTP'] as const) {
    it(`brings one push after another by ${way}`, async () => {
      const url = { 'a path': remote.path, 'file://': remote.fileUrl, HTTP: '' }[way];
      const opened = await open(url || (await remote.serveHttp()).url);
      let before = await opened.refresh();
      for (let round = 0; round < 4; round++) {
        const commit = await remote.publish({ [`dir/${round}`]: `${round}` });
        const after = await opened.refresh();
        assert.equal(after.commit, commit);
        assert.equal(await opened.hasCommit(commit), true);
        assert.equal(await opened.isAncestor(before.commit ?? '', commit), true);
        assert.deepEqual(await listEntries(after.changesSince(before)), [`file dir/${round}`]);
        assert.equal(await textOf(after, `dir/${round}`), `${round}`);
        await opened.keep(after);
        for (const ref of ['fetched', 'published']) {
          const noted = await remote.git('-C', await clone(), 'rev-parse', `refs/lookaside/${ref}`);
          assert.equal(noted, commit);
        }
        before = after;
      }
      assert.equal((await opened.refresh()).commit, before.commit);
    });

    it(`needs no git fetch but the first by ${way}`, async () => {
      const url = { 'a path': remote.path, 'file://': remote.fileUrl, HTTP: '' }[way];
      const bin = await makeTemporary();
      const log = join(bin, 'log');
      const script = `echo "$*" >>${log}; exec ${toolPath('git')} "$@"`;
      await writeFile(join(bin, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const environment = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
      const opened = await open(url || (await remote.serveHttp()).url, undefined, environment);
      await opened.refresh();
      await writeFile(log, '');
      for (const name of ['second', 'third']) {
        const commit = await remote.publish({ [name]: name });
        assert.equal((await opened.refresh()).commit, commit);
      }
      const commands = await readFile(log, 'utf8');
      assert.doesNotMatch(commands, /^(?:--git-dir \S+ )?(?:fetch|rev-list|ls-tree) /m);
      assert.match(commands, way === 'HTTP' ? / remote-http / : / fetch-pack /);
      await removeTemporary(bin);
    });

    it(`brings a push that makes a pack by ${way}, which gc may pack again`, async () => {
      const url = { 'a path': remote.path, 'file://': remote.fileUrl, HTTP: '' }[way];
      const opened = await open(url || (await remote.serveHttp()).url);
      const before = await opened.refresh();
      const names = Array.from({ length: 150 }, (_, index) => `many/${index}`);
      await remote.publish(Object.fromEntries(names.map((name) => [name, name])));
      const after = await opened.refresh();
      assert.equal((await collect(after.changesSince(before))).length, 150);
      const packs = await readdir(join(await clone(), 'objects/pack'));
      assert.ok(packs.some((name) => name.endsWith('.pack')));
      assert.ok(!packs.some((name) => name.endsWith('.keep')));
    });
  }

  describeWith(['taskset'], 'where there is taskset', () => {
    it('leaves the other processors to lookups once a state is published', async () => {
      const bin = await makeTemporary();
      const log = join(bin, 'log');
      const allowed = 'grep ^Cpus_allowed_list: /proc/self/status';
      const script = `echo "$(${allowed}) $*" >>${log}; exec ${toolPath('git')} "$@"`;
      await writeFile(join(bin, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const environment = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
      const opened = await open(remote.path, undefined, environment);
      const all = /^Cpus_allowed_list:.*$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[0];
      const first = await opened.refresh();
      const before = await readFile(log, 'utf8');
      for (const line of before.trim().split('\n')) assert.ok(line.startsWith(`${all} `), line);
      await opened.keep(first);
      await writeFile(log, '');
      await remote.publish({ second: 'second' });
      await opened.refresh();
      const transfers = /^.* fetch-pack .*$/m.exec(await readFile(log, 'utf8'));
      assert.match(transfers?.[0] ?? '', /^Cpus_allowed_list:\t\d+ /);
      await removeTemporary(bin);
    });
  });

  it('goes where the settings of the user say', async () => {
    const config = join(state(), 'gitconfig');
    const url = 'https://git.example.invalid/signatures';
    await writeFile(config, `[url "${remote.path}"]\n\tinsteadOf = ${url}\n`);
    const opened = await open(url, undefined, { ...process.env, GIT_CONFIG_GLOBAL: config });
    await opened.refresh();
    const commit = await remote.publish({ second: '2' });
    assert.equal((await opened.refresh()).commit, commit);
    await rm(config);
  });

  it('follows a force push that takes away what was there', async () => {
    const opened = await open();
    const base = await remote.git('rev-parse', 'HEAD');
    await remote.publish({ second: '2' });
    const before = await opened.refresh();
    await remote.git('reset', '--quiet', '--hard', base);
    const commit = await remote.commit({ third: '3' });
    await remote.push('--force');
    const after = await opened.refresh();
    assert.deepEqual(await listEntries(after.changesSince(before)), [
      'file third',
      'removed second',
    ]);
    assert.equal(await opened.isAncestor(before.commit ?? '', commit), false);
    assert.equal(await opened.hasCommit(before.commit ?? ''), false);
    assert.equal(await opened.hasCommit(base), true);
  });

  for (const name of ['cat-file', '/bin/sh']) {
    it(`replaces a ${name} that died between refreshes`, async () => {
      const opened = await open();
      const before = await opened.refresh();
      await killChildren(name);
      const commit = await remote.publish({ second: '2' });
      const after = await opened.refresh();
      assert.equal(after.commit, commit);
      assert.deepEqual(await listEntries(after.changesSince(before)), ['file second']);
      assert.equal(await textOf(after, 'second'), '2');
      await opened.keep(after);
    });
  }

  it('reads on after a gc that prunes', async () => {
    const opened = await open();
    let before = await opened.refresh();
    for (const name of ['second', 'third']) {
      await remote.publish({ [name]: name });
      const after = await opened.refresh();
      await opened.keep(after);
      await remote.git('-C', await clone(), 'gc', '--quiet', '--prune=now');
      assert.deepEqual(await listEntries(after.changesSince(before)), [`file ${name}`]);
      assert.equal(await textOf(after, name), name);
      before = after;
    }
  });

  it('reads on while it fetches', async () => {
    const opened = await open();
    const before = await opened.refresh();
    const entry = await fileAt(before, 'first');
    await remote.publish({ second: '2' });
    const [after, ...texts] = await Promise.all([
      opened.refresh(),
      ...Array.from({ length: 2000 }, () => before.read(entry)),
    ]);
    assert.ok(texts.every((bytes) => bytes instanceof Uint8Array && bytes[0] === 0x31));
    assert.deepEqual(await listEntries(after.changesSince(before)), ['file second']);
  });

  it('goes on with a clone made anew, of which the old state is no part', async () => {
    const opened = await open();
    const before = await opened.refresh();
    await opened.keep(before);
    await remote.git('checkout', '--quiet', '--orphan', 'anew');
    await remote.commit({ first: 'one', second: '2' });
    await remote.push('--force');
    await rm(join(await clone(), 'objects'), { recursive: true });
    const after = await opened.refresh().catch(() => opened.refresh());
    assert.equal(await textOf(after, 'second'), '2');
    await assert.rejects(collect(after.changesSince(before)), {
      message: `the clone has lost commit ${before.commit}`,
    });
    await opened.keep(after);
    await remote.publish({ third: '3' });
    const next = await opened.refresh();
    assert.deepEqual(await listEntries(next.changesSince(after)), ['file third']);
  });

  it('says what a remote says that has gone, and finds it again', async () => {
    const http = await remote.serveHttp();
    const opened = await open(http.url);
    await opened.refresh();
    await http.down();
    await assert.rejects(opened.refresh(), { name: 'SourceError', message: /^git fetch failed: / });
    await http.up();
    const commit = await remote.publish({ second: '2' });
    assert.equal((await opened.refresh()).commit, commit);
  });

  it('leaves no process behind', async () => {
    const ending = new AbortController();
    const opened = await open(remote.path, ending.signal);
    const snapshot = await opened.refresh();
    ending.abort();
    await assert.rejects(snapshot.read(await fileAt(snapshot, 'first').catch(() => FILE)));
    await opened.close();
    source = undefined;
    const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
    for (const pid of children.split(' ').filter(Boolean)) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      assert.ok(!command.includes(state()) && !command.startsWith('/bin/sh'), command);
    }
  });
});

const FILE = { kind: 'file', path: 'first', size: 1, id: 'f'.repeat(40) } as const;
