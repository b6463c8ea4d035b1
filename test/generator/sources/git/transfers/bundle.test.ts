// A file of `git bundle create` as SOURCE of every command that reads one.
import assert from 'node:assert/strict';
import { readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../../../../kit/eventually.ts';
import { runLookaside } from '../../../../kit/program/lookaside.ts';
import { readStatus } from '../../../../kit/program/read-status.ts';
import { useLookaside } from '../../../../kit/program/use-lookaside.ts';
import { type GitRemote, makeGitRemote } from '../../../../kit/remote/git-remote.ts';
import { EXAMPLE, TWICE } from '../../../../kit/server/example-server.ts';
import { useTemporary } from '../../../../kit/temporary.ts';
import { ask } from '../../../../kit/web/raw-http.ts';
import { describeWith } from '../../../../with-tools.ts';

const [FIRST, SECOND] = [`${TWICE}/signature-1`, `${TWICE}/signature-2`];

const check = async (...args: readonly string[]) => runLookaside(['check', ...args]);

describeWith(['git'], 'a bundle as a source', () => {
  const lookaside = useLookaside();
  const directory = useTemporary();
  const at = (name: string): string => join(directory(), name);
  let remote: GitRemote;
  let first: string;

  /** Makes a bundle beside the one that is there, and renames it. */
  const bundle = async (...refs: readonly string[]): Promise<string> => {
    await remote.gitBare('bundle', 'create', '--quiet', at('new'), ...refs);
    await rename(at('new'), at('store.bundle'));
    return at('store.bundle');
  };
  const publish = async (...paths: readonly string[]): Promise<string> =>
    remote.publish(
      Object.fromEntries(
        await Promise.all(paths.map(async (path) => [path, await readFile(join(EXAMPLE, path))])),
      ),
    );

  beforeEach(async () => {
    remote = await makeGitRemote();
    first = await publish(FIRST);
  });
  afterEach(() => remote.remove());

  it('is checked, and reported as what git has', async () => {
    const path = await bundle('main');
    for (const source of [path, `file://${path}`]) {
      const { code, stdout } = await check(source, '--format', 'json');
      assert.equal(code, 0);
      const report = JSON.parse(stdout) as { source: object; summary: { unverified: number } };
      assert.deepEqual(report.source, { kind: 'git', location: path, commit: first });
      assert.equal(report.summary.unverified, 1);
    }
  });

  it('is read by generate and by explain', async () => {
    const path = await bundle('main');
    const made = await runLookaside(['generate', path, '--out', at('out')]);
    assert.equal(made.code, 0, made.stderr);
    const [written, signed] = [join(at('out'), 'current', FIRST), join(EXAMPLE, FIRST)];
    assert.deepEqual(await readFile(written), await readFile(signed));
    const image = `registry.example.com/${TWICE.replace('=', ':')}`;
    const explained = await runLookaside(['explain', image, path, '--format', 'json']);
    const { source } = JSON.parse(explained.stdout) as { source: object };
    assert.deepEqual(source, { kind: 'git', location: path, commit: first });
  });

  it('is of its only branch, of the one that its HEAD is at, or of --branch', async () => {
    await remote.git('push', '--quiet', 'origin', 'HEAD:refs/heads/a');
    const other = await remote.commit({ x: 'x' });
    await remote.git('push', '--quiet', 'origin', 'HEAD:refs/heads/z');
    const commitOf = async (path: string, ...args: readonly string[]): Promise<string> => {
      const { stdout } = await check(path, '--format', 'json', ...args);
      return (JSON.parse(stdout) as { source: { commit: string } }).source.commit;
    };
    assert.equal(await commitOf(await bundle('z')), other);
    assert.equal(await commitOf(await bundle('HEAD', 'main', 'a', 'z')), first, 'main before a');
    assert.equal(await commitOf(await bundle('a', 'main', 'z'), '--branch', 'z'), other);
    const { code, stderr } = await check(await bundle('a', 'z'));
    assert.equal(code, 2);
    assert.match(
      stderr,
      /does not say which of its branches counts: a, z\nhint: name one with --br/,
    );
  });

  const FAULTS: Readonly<
    Record<string, readonly [make: () => Promise<string>, message: RegExp, hint: RegExp]>
  > = {
    'is not there': [
      async () => at('none.bundle'),
      /cannot read the bundle .*none\.bundle: there is no such file/,
      /check the path/,
    ],
    'is empty': [
      async () => {
        await writeFile(at('empty.bundle'), '');
        return at('empty.bundle');
      },
      /empty\.bundle is empty/,
      /git bundle create FILE BRANCH/,
    ],
    'is something else': [
      async () => {
        await writeFile(at('page.bundle'), '<html>\n');
        return at('page.bundle');
      },
      /page\.bundle is no git bundle/,
      /git bundle create FILE BRANCH/,
    ],
    'builds on commits that are not here': [
      async () => {
        await publish(SECOND);
        return bundle('main~1..main');
      },
      /lacks these prerequisite commits/,
      /git bundle create FILE BRANCH/,
    ],
    'is cut off': [
      async () => {
        const path = await bundle('main');
        await writeFile(path, (await readFile(path)).subarray(0, -30));
        return path;
      },
      /index-pack died/,
      /git bundle verify FILE/,
    ],
    'has a wrong byte': [
      async () => {
        const path = await bundle('main');
        const bytes = await readFile(path);
        const middle = bytes.length - 200;
        bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
        await writeFile(path, bytes);
        return path;
      },
      /git fetch failed/,
      /git bundle verify FILE/,
    ],
    'has no branch': [
      async () => {
        await remote.gitBare('tag', 'v1', 'main');
        return bundle('v1');
      },
      /the bundle holds no branch/,
      /git bundle create FILE BRANCH/,
    ],
  };
  for (const [title, [make, message, hint]] of Object.entries(FAULTS)) {
    it(`that ${title} is told with its cure`, async () => {
      const { code, stderr } = await check(await make());
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.match(stderr.slice(stderr.indexOf('\nhint: ')), hint);
    });
  }

  it('that lacks the branch is told with those that it has', async () => {
    const { code, stderr } = await check(await bundle('main'), '--branch', 'dev');
    assert.equal(code, 2);
    assert.match(stderr, /the bundle has no branch dev; it has main\nhint: name a branch/);
  });

  it('holds no checkout for --base', async () => {
    const { code, stderr } = await check(await bundle('main'), '--base', 'main');
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^lookaside: --base: expected a repository on this machine, got .*\nhint: /,
    );
  });

  it('is never pushed to', async () => {
    const { code, stderr } = await runLookaside(['push', EXAMPLE, '--to', await bundle('main')]);
    assert.equal(code, 2);
    assert.match(stderr, /store\.bundle is a bundle, which cannot be pushed to\nhint: /);
  });

  it('is served, and followed when another takes its place', async () => {
    await symlink(await bundle('main'), at('link.bundle'));
    const options = ['--state-dir', at('state'), '--poll', '0s'];
    const { baseUrl, statusUrl } = await lookaside.startHere(at('link.bundle'), options);
    assert.equal((await ask(baseUrl, 'GET', `/${FIRST}`)).status, 200);
    assert.equal((await ask(baseUrl, 'GET', `/${SECOND}`)).status, 404);
    await publish(SECOND);
    // It builds on what the server has.
    await bundle('main~1..main');
    await eventually(async () =>
      assert.equal((await ask(baseUrl, 'GET', `/${SECOND}`)).status, 200),
    );
    await writeFile(at('store.bundle'), 'half');
    await eventually(async () => {
      const { lastError } = await readStatus({ statusUrl });
      assert.match(lastError?.message ?? '', /link\.bundle is no git bundle/);
    });
    assert.equal((await ask(baseUrl, 'GET', `/${SECOND}`)).status, 200, 'nothing good is lost');
    await remote.publish({ [FIRST]: null });
    await bundle('main');
    await eventually(async () => {
      assert.equal((await readStatus({ statusUrl })).lastError, null);
    });
  });
});
