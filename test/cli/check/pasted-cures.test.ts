// The commands in cures are pasted where the check was run, whatever the names.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runOrThrow } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { type GitRemote, makeGitRemote } from '../../kit/remote/git-remote.ts';
import { useTemporary } from '../../kit/temporary.ts';

/** One of the example repository. */
const PATH =
  'team/worker@sha256=dda7edf84dababaf9454036343cb959f5d0efb6bcd96a272fd928a11b7ca13ae/signature-1';

const place = (root: string): string => join(root, PATH);
const check = async (cwd: string, ...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await runLookaside(['check', ...args], { cwd });
  assert.equal(code, 1, stderr);
  return stdout;
};
const cureIn = (stdout: string): string => {
  const [, command = ''] = /hint: [^`\n]*`([^`]*)`/.exec(stdout) ?? [];
  assert.notEqual(command, '', stdout);
  return command;
};
const paste = async (command: string, cwd: string): Promise<void> => {
  await runOrThrow('sh', ['-c', command], { cwd });
};

describe('cures of check', () => {
  const directory = useTemporary();
  let good: Buffer;

  before(async () => {
    good = await readFile(join('signatures', PATH));
  });

  const writeBad = async (root: string): Promise<string> => {
    const file = place(root);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, good.toString('base64'));
    return file;
  };
  const rows: readonly (readonly [source: string, subtree: string, cwd: string])[] = [
    ['.', '.', 'repo'],
    ['repo', '.', '.'],
    ["it's a repo", 'sub dir/$HOME', '.'],
    ['../repo', '.', 'elsewhere'],
    ['./-repo', '.', '.'],
    ['../--repo', 'sub', 'elsewhere'],
  ];
  for (const [source, subtree, cwd] of rows) {
    it(`can be pasted: check ${source} --path ${subtree}, in ${cwd}`, async () => {
      const at = join(directory(), cwd);
      await mkdir(at, { recursive: true });
      const file = await writeBad(join(at, source, subtree));
      const stdout = await check(at, source, '--path', subtree);
      await paste(cureIn(stdout), at);
      assert.deepEqual(await readFile(file), good);
    });
  }

  it('can be pasted from JSON, too', async () => {
    const file = await writeBad(join(directory(), 'repo'));
    const stdout = await check(directory(), 'repo', '--format', 'json');
    const { files } = JSON.parse(stdout) as { files: readonly { hint: string }[] };
    await paste(cureIn(`hint: ${files[0]?.hint}`), directory());
    assert.deepEqual(await readFile(file), good);
  });

  it('leave alone what is no command', async () => {
    const file = await writeBad(join(directory(), 'repo'));
    await writeFile(file, 'what is this?');
    const stdout = await check(directory(), 'repo');
    assert.match(stdout, /must not change its bytes \(`\.gitattributes`: `-text`\)\.$/m);
  });

  describe('in a git repository', () => {
    let remote: GitRemote;
    beforeEach(async () => {
      remote = await makeGitRemote();
      await writeBad(join(remote.work, 'sub dir'));
      await remote.publish({ 'README.md': 'Signatures\n' });
    });
    afterEach(async () => remote.remove());

    it('say that they are for the root of a checkout where SOURCE is a URL', async () => {
      const stdout = await check(directory(), remote.fileUrl, '--path', 'sub dir');
      assert.match(stdout, /^ {2}hint: .*\. Run it at the root of a checkout\.$/m);
      await paste(cureIn(stdout), remote.work);
      assert.deepEqual(await readFile(place(join(remote.work, 'sub dir'))), good);
    });

    it('can be pasted below the root of a checkout whose proposal is checked', async () => {
      await mkdir(join(remote.work, 'other'));
      const base = '0'.repeat(40);
      const stdout = await check(
        join(remote.work, 'other'),
        '..',
        '--base',
        base,
        '--path',
        'sub dir',
      );
      await paste(cureIn(stdout), join(remote.work, 'other'));
      assert.deepEqual(await readFile(place(join(remote.work, 'sub dir'))), good);
    });

    it('run git in the repository', async () => {
      const file = place(join(remote.work, 'sub dir'));
      await writeFile(
        file,
        `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 1\n`,
      );
      const stdout = await check(directory(), join(remote.work, 'sub dir'));
      const [, then = ''] = /, then `([^`]*)`/.exec(stdout) ?? [];
      await paste(then, directory());
      const attributes = await readFile(join(remote.work, 'sub dir/.gitattributes'), 'utf8');
      assert.equal(attributes, 'signature-* binary !filter\n');
    });
  });
});
