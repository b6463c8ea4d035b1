// A directory that is taken for a git repository and is none, or a damaged one: what is wrong is told with
// the file, the rule and the cure, exit code 2, by what reads it and by what pushes to it.
import assert from 'node:assert/strict';
import { chmod, chown, cp, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const NOBODY = 65_534;

/** Gives each object of a bare repository a file of its own. */
const UNPACK =
  'mv objects/pack packs; for pack in packs/*.pack; do git unpack-objects -q <"$pack"; done';

interface Row {
  readonly title: string;
  /** The name of what is read, which `make` makes; a copy of a good repository lies there already. */
  readonly name: string;
  readonly make: (path: string) => Promise<unknown>;
  readonly said: RegExp;
  readonly hint: RegExp;
  /** Where `check` reads something else. */
  readonly onlyPush?: true;
}

const ROWS: readonly Row[] = [
  {
    title: 'a plain directory with HEAD, objects/ and refs/',
    name: 'plain',
    make: async (path) => writeFile(join(path, 'HEAD'), 'hello\u001b[2J\nworld\n'),
    said: /\/plain\/HEAD: expected "ref: refs\/heads\/BRANCH" or a commit, got "hello\\\\u\{1b\}\[2J"$/m,
    hint: /echo 'ref: refs\/heads\/main' > '\/.*\/plain\/HEAD'`; a plain directory of signatures must not/,
  },
  {
    title: 'a `.git` file that points nowhere',
    name: 'tree/.git',
    make: async (path) => {
      await rm(path, { recursive: true });
      await writeFile(path, 'gitdir: ../gone\n');
    },
    said: /\/tree\/\.git: expected the way to a git repository, got "\.\.\/gone", where there is none$/m,
    hint: /git worktree repair/,
  },
  {
    title: 'a work tree whose `.git` points nowhere',
    name: 'tree',
    make: async (path) => {
      await rm(path, { recursive: true });
      await mkdir(path);
      await writeFile(join(path, '.git'), 'gitdir: /gone\n');
    },
    said: /\/tree\/\.git: expected the way to a git repository, got "\/gone"/,
    hint: /git worktree repair/,
    onlyPush: true,
  },
  {
    title: 'a bare repository without objects/',
    name: 'no-objects.git',
    make: async (path) => rm(join(path, 'objects'), { recursive: true }),
    said: /no-objects\.git: expected a git repository, .* got no objects\/$/m,
    hint: /clone it again; or write '\/.*\/no-objects\.git\/' if it is a plain directory/,
  },
  {
    title: 'a bare repository that has lost its objects',
    name: 'lost.git',
    make: async (path) => {
      const objects = join(path, 'objects');
      for (const name of await readdir(objects)) await rm(join(objects, name), { recursive: true });
    },
    said: /lost\.git\/objects: expected the objects of all commits, got none at all$/m,
    hint: /git -C '\/.*\/lost\.git' fsck`.* restore the repository from a clone/,
  },
  {
    title: 'a configuration of git with a line that is none',
    name: 'config.git',
    make: async (path) => writeFile(join(path, 'config'), 'junk [\n'),
    said: /config\.git\/config: expected a file as git writes it/,
    hint: /mend that line/,
  },
  {
    title: 'refs that are none',
    name: 'refs.git',
    make: async (path) => writeFile(join(path, 'packed-refs'), 'junk\n'),
    said: /refs\.git\/packed-refs: expected a file as git writes it/,
    hint: /mend that line/,
  },
];

describeWith(['git'], 'a repository that git cannot read', () => {
  const directory = useTemporary();
  let remote: GitRemote;
  const environment = (): Record<string, string> => ({
    HOME: directory(),
    GIT_CONFIG_GLOBAL: join(directory(), 'gitconfig'),
    GIT_CONFIG_SYSTEM: '/dev/null',
  });
  const run = async (...args: readonly string[]) => runLookaside(args, { env: environment() });

  before(async () => {
    remote = await makeGitRemote();
    await remote.publish({ 'README.md': 'Signatures\n' });
  });
  after(async () => remote.remove());

  const copy = async (name: string): Promise<string> => {
    const path = join(directory(), name);
    await cp(remote.path, path, { recursive: true });
    return path;
  };
  const pushTo = async (path: string) => {
    const staged = join(directory(), 'signature-1');
    await writeFile(staged, 'x');
    return run('push', staged, '--to', path);
  };

  for (const { title, name, make, said, hint, onlyPush } of ROWS) {
    it(`is told with the file, the rule and the cure: ${title}`, async () => {
      const path = await copy(name);
      await make(path);
      const ends = [...(onlyPush ? [] : [await run('check', path)]), await pushTo(path)];
      for (const { code, stderr } of ends) {
        assert.equal(code, 2, stderr);
        assert.match(stderr, said);
        assert.match(stderr, hint);
        assert.ok(!stderr.includes('ls-remote') && !stderr.includes('\u001b'), stderr);
      }
    });
  }

  it('is told with the file, the rule and the cure: a file of the last commit that is cut short', async () => {
    const own = await makeGitRemote();
    try {
      await own.publish({ 'lookaside.yaml': 'scopes: { registry.example: { keys: a.asc } }\n' });
      await runOrThrow('sh', ['-c', UNPACK], { cwd: own.path });
      const id = (await own.gitBare('rev-parse', 'main:lookaside.yaml')).trim();
      const object = join(own.path, 'objects', id.slice(0, 2), id.slice(2));
      await chmod(object, 0o600);
      await truncate(object, 20);
      const { code, stderr } = await pushTo(own.path);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /\/objects: expected the objects of all commits, got one without some/);
      assert.match(stderr, /git -C '\/.*' fsck`.* restore the repository from a clone/);
    } finally {
      await own.remove();
    }
  });

  it('is told with a cure that works: another owner', async () => {
    const path = await copy("it's.git");
    await runOrThrow('chown', ['-R', String(NOBODY), path]);
    await chown(path, NOBODY, NOBODY);
    for (const { code, stderr } of [await run('check', path), await pushTo(path)]) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, /it's\.git: the repository belongs to another user, and git refuses/);
    }
    const { stderr } = await run('check', path);
    const [, cure = ''] = /`([^`]*)`/.exec(stderr) ?? [];
    await runOrThrow('sh', ['-c', cure], { env: environment() });
    assert.equal((await run('check', path)).code, 0);
  });

  it('is told with a cure that works without a home: another owner', async () => {
    const path = await copy('homeless.git');
    await runOrThrow('chown', ['-R', String(NOBODY), path]);
    const file = join(directory(), 'trusted');
    const env = { ...environment(), HOME: undefined, GIT_CONFIG_GLOBAL: undefined };
    const { stderr } = await runLookaside(['check', path], { env });
    const [, cure = ''] = /without a home `([^`]*)` and GIT_CONFIG_GLOBAL=FILE/.exec(stderr) ?? [];
    await runOrThrow('sh', ['-c', cure.replace('FILE', file)], { env });
    const trusting = { ...env, GIT_CONFIG_GLOBAL: file };
    assert.equal((await runLookaside(['check', path], { env: trusting })).code, 0);
  });

  it('is told where nothing was pushed to it yet', async () => {
    const path = join(directory(), 'empty.git');
    await runOrThrow('git', ['init', '--quiet', '--bare', path]);
    const { code, stderr } = await run('check', path);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /the repository has no branch: nothing was pushed to it yet.*\nhint: push a first commit/,
    );
  });
});
