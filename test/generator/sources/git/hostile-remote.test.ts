// A remote that says what it likes. Nothing of that is ever a path, an option or a ref of ours.
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isBranchName } from '../../../../generator/sources/git/branch/branch-name.ts';
import { createGitSource } from '../../../../generator/sources/git/git.ts';
import type { Source } from '../../../../generator/sources/source.ts';
import { type GitRemote, makeGitRemote } from '../../../kit/remote/git-remote.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { SmartHttp, forgedRefs, lyingRefs, serveWell } from '../../../kit/remote/smart-http.ts';
import { describeWith } from '../../../with-tools.ts';
import { collect } from '../../../kit/remote/collect.ts';
import {
  type PacketLines,
  type RewritingProxy,
  rewriteRefs,
} from '../../../kit/remote/rewriting-proxy.ts';

const BAD_BRANCHES: Readonly<Record<string, string>> = {
  'an option': '--upload-pack=touch MARK',
  'another directory': '../../victim',
  'a refspec': 'main:refs/lookaside/published',
  'a pattern': '*',
  'a name with a newline': 'main\nlock x.keep',
  'a name with a carriage return': 'main\rx',
  'a name with a space': 'main x',
  'a name with an escape character': 'main\u001b[2J',
  'a lock': 'main.lock',
  'the last one': '@{-1}',
  'a name of 64 KB': 'x'.repeat(60_000),
  nothing: '',
};

describe('a branch name', () => {
  for (const [what, name] of Object.entries(BAD_BRANCHES)) {
    it(`is not ${what}`, () => assert.equal(isBranchName(name), false));
  }
  for (const name of ['main', 'release/1.2', 'trunk/é', 'a-b_c', '@', 'x'.repeat(244)]) {
    it(`may be ${name.slice(0, 20)}`, () => assert.equal(isBranchName(name), true));
  }
});

describeWith(['git', 'git-http-backend'], 'a remote that lies', () => {
  const state = useTemporary();
  let remote: GitRemote;
  let source: Source | undefined;
  let proxy: RewritingProxy | undefined;
  const open = async (rewrite: (lines: PacketLines) => PacketLines): Promise<Source> => {
    const http = await remote.serveHttp();
    await proxy?.stop();
    proxy = await rewriteRefs(http.url, rewrite);
    return openAt(proxy.url);
  };
  const openAt = async (url: string): Promise<Source> => {
    source = await createGitSource({
      url,
      branch: undefined,
      path: '',
      stateDirectory: join(state(), 'state'),
      tokenFile: undefined,
      environment: process.env,
    });
    return source;
  };
  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ first: '1' });
  });
  afterEach(async () => {
    await source?.close();
    await proxy?.stop();
    [source, proxy] = [undefined, undefined];
    await remote.remove();
  });

  it('has no file removed by the name of a ref', async () => {
    const victims = ['victim.keep', 'clone.git/objects/pack/victim.keep', 'pack-0.keep'];
    const paths = victims.map((name) => join(state(), name));
    for (const path of paths) {
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, 'mine');
    }
    const lies = paths.map((path) => `${'1'.repeat(40)} refs/heads/x\nlock ${path}\n`);
    const opened = await open((lines) => [...lines.slice(0, -1), ...lies, null]);
    const first = await opened.refresh();
    await opened.keep(first);
    for (const name of ['second', 'third']) {
      await remote.publish({ [name]: name });
      const next = await opened.refresh().catch(() => opened.refresh());
      await opened.keep(next);
    }
    for (const path of paths) assert.equal(await readFile(path, 'utf8'), 'mine');
  });

  for (const when of ['first clone', 'later fetch']) {
    it(`has no file removed at a ${when} by lines that git's helper would have to say`, async () => {
      const victim = join(state(), 'victim.keep');
      await writeFile(victim, 'mine');
      const host = await SmartHttp.start(remote.path);
      try {
        const opened = await openAt(host.url);
        if (when === 'later fetch') await opened.keep(await opened.refresh());
        const commit = await remote.publish({ second: '2' });
        host.behave(lyingRefs(forgedRefs(commit, victim)));
        for (let time = 0; time < 3; time++) await opened.refresh().catch(() => undefined);
        assert.equal(await readFile(victim, 'utf8'), 'mine');
        host.behave(serveWell);
        assert.equal((await opened.refresh()).commit, commit);
      } finally {
        await host.stop();
      }
    });
  }

  // Git itself takes a name up to its first space.
  const told = Object.entries(BAD_BRANCHES).filter(([, one]) => one !== '' && !one.includes('n x'));
  for (const [what, name] of told) {
    it(`has no default branch that is ${what}`, async () => {
      const opened = await open((lines) =>
        lines.map(
          (line) =>
            line
              ?.replace('symref-target:refs/heads/main', `symref-target:refs/heads/${name}`)
              .replace('symref=HEAD:refs/heads/main', `symref=HEAD:refs/heads/${name}`) ?? null,
        ),
      );
      await assert.rejects(opened.refresh(), { name: 'SourceError' });
      const [directory = ''] = await readdir(join(state(), 'state'));
      const names = await readdir(join(state(), 'state', directory));
      assert.ok(!names.includes('branch'));
      assert.equal(opened.branch(), undefined);
    });
  }

  it('that names another commit than it sends is told, and costs nothing', async () => {
    let isLying = false;
    const opened = await open((lines) =>
      lines.map((line) =>
        isLying && line ? line.replace(/^[0-9a-f]{40} /, `${'2'.repeat(40)} `) : line,
      ),
    );
    const first = await opened.refresh();
    await opened.keep(first);
    isLying = true;
    await assert.rejects(opened.refresh(), { name: 'SourceError' });
    isLying = false;
    const again = await opened.refresh();
    assert.equal(again.commit, first.commit);
    assert.equal((await collect(again.entries())).length, 1);
  });

  it('is not believed what a file in the state directory says of a branch', async () => {
    const { url } = await remote.serveHttp();
    await (await openAt(url)).refresh();
    for (const [kept, known] of [
      ['main', 'main'],
      ['--upload-pack=x', undefined],
      ['main\nlock x.keep\n', undefined],
    ] as const) {
      await source?.close();
      const [directory = ''] = await readdir(join(state(), 'state'));
      await writeFile(join(state(), 'state', directory, 'branch'), kept);
      const again = await openAt(url);
      assert.equal(again.branch(), known);
    }
    await source?.refresh();
    assert.equal(source?.branch(), 'main');
  });
});
