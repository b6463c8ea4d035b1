import assert from 'node:assert/strict';
import { describeWith } from '../../with-tools.ts';
import { type GitRemote, makeGitRemote } from './git-remote.ts';
import { run } from '../process/run.ts';
import { useTemporary } from '../temporary.ts';

describeWith(['git', 'git-http-backend'], 'the harness: git remote', () => {
  const target = useTemporary();
  let remote: GitRemote;
  let head: string;
  const clone = (url: string) =>
    run('git', ['clone', '--quiet', '--bare', url, `${target()}/clone`], {
      env: { GIT_TERMINAL_PROMPT: '0' },
    });
  const readHead = async () =>
    (await run('git', ['-C', `${target()}/clone`, 'rev-parse', 'main'])).stdout.trim();

  beforeEach(async () => {
    remote = await makeGitRemote();
    head = await remote.publish({ 'a/b': 'x', c: Buffer.of(0xa3, 0, 0x0d, 0x0a) });
  });
  afterEach(() => remote.remove());

  it('is cloned by path, by file:// and over HTTP', async () => {
    const { url } = await remote.serveHttp();
    for (const source of [remote.path, remote.fileUrl, url]) {
      const { code, stderr } = await clone(source);
      assert.equal(code, 0, stderr);
      assert.equal(await readHead(), head);
      await run('rm', ['-rf', `${target()}/clone`]);
    }
  });

  it('sends a fetch what was pushed since', async () => {
    const { url, requests } = await remote.serveHttp();
    await clone(url);
    await remote.publish({ c: null });
    const second = await remote.publish({ d: 'new' });
    const fetch = ['-C', `${target()}/clone`, 'fetch', '--quiet', 'origin', 'main:main'];
    assert.equal((await run('git', fetch)).code, 0);
    assert.equal(await readHead(), second);
    assert.ok(requests().includes('POST /signatures.git/git-upload-pack 200'));
  });

  it('wants the token, when there is one', async () => {
    const { url, urlWithToken } = await remote.serveHttp({ token: 's3cret' });
    const { code, stderr } = await clone(url);
    assert.equal(code, 128, stderr);
    assert.equal((await clone(urlWithToken)).code, 0);
  });

  it('goes down, fails, and comes back on the same port', async () => {
    const http = await remote.serveHttp();
    await http.down();
    assert.match((await clone(http.url)).stderr, /Failed to connect|Couldn't connect/);
    await http.up();
    http.failWith(502);
    assert.match((await clone(http.url)).stderr, /502/);
    http.failWith(undefined);
    assert.equal((await clone(http.url)).code, 0);
  });
});
