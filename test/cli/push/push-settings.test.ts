// What a user has told git, or git has told us, beside what is pushed: it is followed, or the cure is told,
// and nothing is half done.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunResult, runOrThrow } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { PushWorld, type SignedImage, installHook, stage } from '../../kit/push/push-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith, toolPath } from '../../with-tools.ts';

interface Setting {
  /** The user's git configuration. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** By path, unless told. */
  readonly to?: (world: PushWorld) => string | Promise<string>;
}

interface Fault extends Setting {
  readonly message: RegExp;
  readonly hint: RegExp;
}

/** Who commits is left to git, which does not guess. */
const NOBODY = {
  GIT_AUTHOR_NAME: '',
  GIT_AUTHOR_EMAIL: '',
  GIT_COMMITTER_NAME: '',
  GIT_COMMITTER_EMAIL: '',
};

const FAULTS: Readonly<Record<string, Fault>> = {
  'signed pushes, where the host takes none': {
    config: '[push]\n\tgpgSign = true\n',
    to: (world) => world.remote.fileUrl,
    message: /^lookaside: git push failed: fatal: the receiving end does not support --signed push/,
    hint: /git config --global push\.gpgSign if-asked/,
  },
  'push options, where the host takes none': {
    config: '[push]\n\tpushOption = ci.skip\n',
    message: /^lookaside: git push failed: .*does not support push options/,
    hint: /set push\.pushOption .* only where they are taken/,
  },
  'push options, where the host takes none, for a proposal': {
    config: '[push]\n\tpushOption = ci.skip\n',
    args: ['--pull-request'],
    message: /^lookaside: git push failed: .*does not support push options/,
    hint: /set push\.pushOption .* only where they are taken/,
  },
  'that no repository on this machine may be used': {
    config: '[protocol "file"]\n\tallow = never\n',
    message: /^lookaside: git ls-remote failed: fatal: transport 'file' not allowed/,
    hint: /git config --get-regexp \^protocol/,
  },
  'that commits are signed, with a key that is not there': {
    config: '[commit]\n\tgpgSign = true\n',
    env: { GNUPGHOME: '/nowhere' },
    message: /^lookaside: git commit-tree failed: error: gpg failed to sign the data/,
    hint: /commit\.gpgSign.*user\.signingkey|commit\.gpgSign/i,
  },
  'nobody who commits': {
    config: '[user]\n\tuseConfigOnly = true\n',
    env: NOBODY,
    message:
      /^lookaside: git commit-tree failed: fatal: .*(?:ident|no (?:email|name) was given)[^;]*$/,
    hint: /git config --global user\.name NAME, and user\.email ADDRESS/,
  },
  'another address for the repository, where there is none': {
    config: '[url "/nowhere/"]\n\tinsteadOf = company:\n',
    to: () => 'company:x.git',
    message: /^lookaside: git ls-remote failed: fatal: '\/nowhere\/x\.git'/,
    hint: /url\.\*\.insteadOf in your git configuration makes \/nowhere\/x\.git of company:x\.git; check/,
  },
};

const HARMLESS: Readonly<Record<string, Setting>> = {
  'signed pushes, where the host asks for them': { config: '[push]\n\tgpgSign = if-asked\n' },
  'to use no bare repository that it finds by itself': {
    config: '[safe]\n\tbareRepository = explicit\n',
  },
  'to colour everything': { config: '[color]\n\tui = always\n\tpush = always\n' },
};

describeWith(
  ['git', 'git-http-backend', 'gpg', 'gpgv'],
  'lookaside push, by what git is told',
  () => {
    const directory = useTemporary();
    const at = (...names: string[]): string => join(directory(), ...names);
    let world: PushWorld;
    let image: SignedImage;
    let start = '';
    before(async () => {
      world = await PushWorld.make();
      image = await world.sign();
      start = await world.remote.git('rev-parse', 'HEAD');
    });
    after(() => world.stop());
    let staged = '';
    beforeEach(async () => {
      await world.remote.gitBare('update-ref', 'refs/heads/main', start);
      const [path = ''] = await stage(at('staging'), [image]);
      staged = at('staging', path);
    });

    const push = async ({ config = '', env = {}, args = [], to }: Setting): Promise<RunResult> => {
      await writeFile(at('gitconfig'), config);
      return world.push([at('staging')], ['--timeout', '20s', ...args], {
        to: (await to?.(world)) ?? world.remote.path,
        env: { GIT_CONFIG_GLOBAL: at('gitconfig'), ...env },
      });
    };
    for (const [title, fault] of Object.entries(FAULTS)) {
      it(`tells of ${title}`, async () => {
        const result = await push({ ...fault, args: ['--clear', ...(fault.args ?? [])] });
        assert.equal(result.code, 2, result.stdout + result.stderr);
        const [first = '', second = '', ...more] = result.stderr.trimEnd().split('\n');
        assert.match(first, fault.message);
        assert.match(second, /^hint: /);
        assert.match(second, fault.hint);
        assert.deepEqual([more, result.stdout], [[], '']);
        assert.equal(await world.remote.gitBare('for-each-ref', '--format=%(objectname)'), start);
        assert.deepEqual(await readFile(staged), image.bytes);
      });
    }

    for (const [title, setting] of Object.entries(HARMLESS)) {
      it(`works where git is told ${title}`, async () => assertPushed(await push(setting)));
    }

    it('runs none of the hooks that the user has for all repositories', async () => {
      await mkdir(at('hooks'));
      for (const name of ['pre-push', 'reference-transaction', 'pre-auto-gc']) {
        const script = `#!/bin/sh\ntouch '${at('ran')}'\nexit 1\n`;
        await writeFile(at('hooks', name), script, { mode: 0o755 });
      }
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      const { url } = await world.remote.serveHttp();
      assertPushed(await push({ config: `[core]\n\thooksPath = ${at('hooks')}\n`, to: () => url }));
      await assert.rejects(readFile(at('ran')), { code: 'ENOENT' });
    });

    it('says so where such a hook is in the way on this machine, and does not try again', async () => {
      await mkdir(at('hooks'));
      const script = `#!/bin/sh\n[ "$1" != prepared ] || { echo >>'${at('tries')}'; exit 1; }\n`;
      await writeFile(at('hooks', 'reference-transaction'), script, { mode: 0o755 });
      const result = await push({ config: `[core]\n\thooksPath = ${at('hooks')}\n` });
      assert.equal(result.code, 2);
      assert.match(result.stderr, /ref updates aborted by hook/);
      assert.match(result.stderr, /\nhint: a hook of the repository refuses the push/);
      assert.equal(await readFile(at('tries'), 'latin1'), '\n');
    });

    it('quotes a hook of the repository without colours', async () => {
      await installHook(world.remote.path, 'pre-receive', 'echo "error: not today" >&2; exit 1');
      try {
        const { stderr } = await push({ config: '[color]\n\tui = always\n\tremote = always\n' });
        assert.match(stderr, /^lookaside: git push failed: remote: error: not today; /);
      } finally {
        await installHook(world.remote.path, 'pre-receive', 'exit 0');
      }
    });

    it('works on a shallow repository, also where others push to it', async () => {
      const shallow = at('shallow.git');
      await runOrThrow('git', [
        'clone',
        '-q',
        '--bare',
        '--depth=1',
        world.remote.fileUrl,
        shallow,
      ]);
      const other = [
        `[ ! -e '${at('once')}' ] || exit 0`,
        `touch '${at('once')}'`,
        'unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES',
        'tip=$(git rev-parse main)',
        'git update-ref refs/heads/main $(git -c user.name=x -c user.email=x@x commit-tree -p $tip -m other $tip^{tree})',
      ];
      await installHook(shallow, 'pre-receive', other.join('\n'));
      assertPushed(await push({ to: () => shallow }));
      const log = await runOrThrow('git', ['-C', shallow, 'log', '--format=%s', 'main']);
      assert.match(log.stdout, /^Sign .*\nother\n/);
      await runOrThrow('git', ['-C', shallow, 'fsck', '--strict']);
    });

    it('works in a hook of another repository', async () => {
      const of = (name: string): string => at('elsewhere', name);
      const env = {
        GIT_DIR: of('git'),
        GIT_WORK_TREE: of('work'),
        GIT_INDEX_FILE: of('index'),
        GIT_PREFIX: 'sub/',
        GIT_INTERNAL_SUPER_PREFIX: 'sub/',
        GIT_NAMESPACE: 'other',
        GIT_COMMON_DIR: of('git'),
        GIT_OBJECT_DIRECTORY: of('incoming'),
        GIT_ALTERNATE_OBJECT_DIRECTORIES: of('objects'),
        GIT_QUARANTINE_PATH: of('incoming'),
        GIT_PUSH_OPTION_COUNT: '1',
        GIT_PUSH_OPTION_0: 'x',
        GIT_DEFAULT_HASH: 'sha256',
      };
      for (const to of [world.remote.path, world.remote.fileUrl]) {
        await world.remote.gitBare('update-ref', 'refs/heads/main', start);
        assertPushed(await push({ env, to: () => to }));
      }
      await assert.rejects(readFile(at('elsewhere')), { code: 'ENOENT' });
    });

    it('says that git has to be installed, like all commands that need it', async () => {
      await mkdir(at('bin'));
      for (const name of ['gpg', 'gpgv'] as const) {
        const script = `#!/bin/sh\nexec '${toolPath(name)}' "$@"\n`;
        await writeFile(at('bin', name), script, { mode: 0o755 });
      }
      const keys = ['--keys', await world.signer.exportKeys(at('key.asc'), world.key)];
      const by = ['--sign-by', world.key.fingerprint, '--gpg', toolPath('gpg')];
      const { path, work, fileUrl } = world.remote;
      const calls = [
        ['push', at('staging'), '--to', path],
        ['sign', '127.0.0.1:1/a:1', ...by, '--to', path],
        ['init', at('new')],
        ['check', fileUrl, ...keys],
        ['check', work, '--base', 'HEAD'],
        ['hook', 'pre-receive'],
      ];
      for (const call of calls) {
        const env = { PATH: at('bin'), GNUPGHOME: world.signer.home, GIT_DIR: path };
        const input = `${start} ${start} refs/heads/main\n`;
        const { code, stdout, stderr } = await runLookaside(call, { env, input });
        assert.deepEqual([code, stdout], [2, ''], call[0]);
        assert.match(
          stderr,
          /^lookaside: cannot start git \S+: there is no such program \(ENOENT\)\nhint: install git, or put its directory into PATH\n$/,
        );
      }
      await assert.rejects(readFile(at('new', 'lookaside.yaml')), { code: 'ENOENT' });
    });
  },
);

function assertPushed({ code, stdout, stderr }: RunResult): void {
  assert.equal(code, 0, stderr);
  assert.match(stdout, /: 1 new/);
}
