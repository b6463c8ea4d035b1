// The packages for Debian and Red Hat, as `npm run package` makes them: what is in them, that the same
// sources give the same bytes, and what the linters of both say. Installing them on a whole Debian is part of
// `npm run release:try`.
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunResult, run, runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith, toolPath } from '../with-tools.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'scripts/package/main.ts');
const EPOCH = '1750000000';
const MIB = 1024 * 1024;
const MAX_SIZE = 3 * MIB;
const ENV = {
  SOURCE_DATE_EPOCH: EPOCH,
  MAINTAINER: 'Release Team <release@lookaside.dev>',
  HOMEPAGE: 'https://lookaside.dev/',
};
/** What is the same in both, without what is below /usr/lib/lookaside/bundled. */
const INSTALLED = [
  '/etc/lookaside/config.yaml',
  '/usr/bin/lookaside',
  '/usr/lib/lookaside/package.json',
  '/usr/lib/systemd/system/lookaside.service',
  '/usr/lib/systemd/system/lookaside.socket',
  '/usr/lib/sysusers.d/lookaside.conf',
  '/usr/share/bash-completion/completions/lookaside',
  '/usr/share/fish/vendor_completions.d/lookaside.fish',
  '/usr/share/man/man1/lookaside.1.gz',
];

async function build(directory: string, umask = '022'): Promise<void> {
  const script = `umask ${umask}; exec '${process.execPath}' --import=tsx '${MAIN}' '${directory}'`;
  await runOrThrow('sh', ['-c', script], { cwd: ROOT, env: ENV });
}

/** Paths but for the bundle, whose files are told by the test of the npm package. */
function withoutBundle(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((path) => path !== '' && !path.startsWith('/usr/lib/lookaside/bundled/'))
    .toSorted();
}

describeWith(['dpkg-deb', 'rpmbuild'], 'the packages', () => {
  const directory = useTemporary('suite');
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  let deb = '';
  let rpm = '';
  before('build them', async () => {
    await build(at('made'));
    const names = (await readdir(at('made'))).toSorted();
    assert.match(names.join(' '), /^lookaside-[0-9.]+-1\.noarch\.rpm lookaside_[0-9.]+_all\.deb$/);
    [rpm = '', deb = ''] = names.map((name) => at('made', name));
    await mkdir(at('deb'));
    await runOrThrow('dpkg-deb', ['--extract', deb, at('deb')]);
  });

  it('have the same bytes whenever, and under whichever umask, they are built', async () => {
    // What is packed is younger than it was.
    await utimes(join(ROOT, 'deploy/systemd/config.yaml'), new Date(), new Date());
    await build(at('again'), '077');
    for (const path of [deb, rpm]) {
      const again = await readFile(path.replace('/made/', '/again/'));
      assert.ok(again.equals(await readFile(path)), path);
    }
  });

  it('are small', async () => {
    for (const path of [deb, rpm]) {
      const { size } = await stat(path);
      assert.ok(size < MAX_SIZE, `${path}: ${(size / MIB).toFixed(1)} MiB`);
    }
  });

  it('have what runs, its units, its page and its licences, owned by root', async () => {
    const { stdout: list } = await runOrThrow('sh', [
      '-c',
      `dpkg-deb --fsys-tarfile '${deb}' | tar --list --verbose --numeric-owner`,
    ]);
    const lines = list.trim().split('\n');
    for (const line of lines) assert.match(line, /^(?:-rw-r--r--|[-d]rwxr-xr-x|l\S+) 0\/0 /);
    const { stdout } = await runOrThrow('find', [
      at('deb'),
      '!',
      '-type',
      'd',
      '-printf',
      '/%P\\n',
    ]);
    assert.deepEqual(withoutBundle(stdout), [
      ...INSTALLED.slice(0, 7),
      '/usr/share/doc/lookaside/changelog.gz',
      '/usr/share/doc/lookaside/copyright',
      ...INSTALLED.slice(7),
      '/usr/share/zsh/vendor-completions/_lookaside',
    ]);
    const { stdout: files } = await runOrThrow('rpm', [
      '--query',
      '--package',
      rpm,
      '--queryformat',
      '[%{FILEUSERNAME}:%{FILEGROUPNAME}:%{FILEMODES:perms} %{FILENAMES}\n]',
    ]);
    const entries = files.trim().split('\n');
    for (const entry of entries)
      assert.match(entry, /^root:root:(?:-rw-r--r--|[-d]rwxr-xr-x|l\S+) /);
    const paths = entries.filter((entry) => !entry.startsWith('root:root:d'));
    assert.deepEqual(withoutBundle(paths.map((entry) => entry.split(' ')[1]).join('\n')), [
      ...INSTALLED.slice(0, 7),
      '/usr/share/doc/lookaside/CHANGELOG.md',
      ...INSTALLED.slice(7, 8),
      '/usr/share/licenses/lookaside/LICENSE',
      '/usr/share/licenses/lookaside/THIRD-PARTY-LICENSES.txt',
      ...INSTALLED.slice(8),
      '/usr/share/zsh/site-functions/_lookaside',
    ]);
  });

  it('leave alone what their user has changed, at an upgrade', async () => {
    const conffiles = await runOrThrow('dpkg-deb', ['--info', deb, 'conffiles']);
    assert.equal(conffiles.stdout, '/etc/lookaside/config.yaml\n');
    const configs = await runOrThrow('rpm', ['--query', '--configfiles', '--package', rpm]);
    assert.equal(configs.stdout, '/etc/lookaside/config.yaml\n');
    const flags = await runOrThrow('rpm', [
      '--query',
      '--package',
      rpm,
      '--queryformat',
      '[%{FILEFLAGS:fflags} %{FILENAMES}\n]',
    ]);
    assert.match(flags.stdout, /^cn \/etc\/lookaside\/config\.yaml$/m);
  });

  it('need what the program calls', async () => {
    const depends = await runOrThrow('dpkg-deb', ['--field', deb, 'Depends']);
    assert.equal(
      depends.stdout,
      'nodejs (>= 20.19), git, gpgv, procps, systemd | systemd-standalone-sysusers | systemd-sysusers\n',
    );
    const requires = await runOrThrow('rpm', ['--query', '--requires', '--package', rpm]);
    const programs = requires.stdout
      .split('\n')
      .filter((line) => !/^(?:rpmlib|\/bin\/sh|$)/.test(line));
    assert.deepEqual(programs.toSorted(), ['git-core', 'gnupg2', 'nodejs >= 1:20.19', 'systemd']);
  });

  it('run, by the command and beside nothing else', async () => {
    const words = ['check', 'signatures', '--keys', 'signatures/keys'];
    const main = at('deb/usr/bin/lookaside');
    const theirs = await run(process.execPath, [main, ...words], { cwd: ROOT });
    assert.deepEqual(theirs, await runLookaside(words, { cwd: ROOT }));
    const [first] = (await readFile(main, 'utf8')).split('\n');
    assert.equal(first, '#!/usr/bin/node');
    const { stdout } = await runOrThrow(process.execPath, [main, '--version']);
    assert.ok(deb.endsWith(`_${stdout.trim()}_all.deb`));
  });

  it('complete in each shell what the program completes', async () => {
    for (const [shell, path] of [
      ['bash', 'bash-completion/completions/lookaside'],
      ['zsh', 'zsh/vendor-completions/_lookaside'],
      ['fish', 'fish/vendor_completions.d/lookaside.fish'],
    ] as const) {
      const { stdout } = await runLookaside(['completion', shell]);
      assert.equal(await readFile(at('deb/usr/share', path), 'utf8'), stdout);
    }
  });

  it('install with rpm into an empty root, run their scripts, and leave nothing', async () => {
    const root = at('root');
    await mkdir(root);
    const log = at('root/log');
    // Stand-ins for what a whole system has: the scripts tell what they call, with their own shell.
    const inRoot = async (...words: readonly string[]): Promise<RunResult> =>
      runOrThrow('rpm', ['--root', root, '--nodeps', '--nosignature', ...words]);
    await runOrThrow('sh', ['-ec', FAKE_ROOT, 'sh', root, toolPath('busybox')]);
    await inRoot('--install', rpm);
    assert.match(await readFile(log, 'utf8'), /^systemd-sysusers lookaside\.conf\n$/);
    const verified = await run('rpm', ['--root', root, '--nodeps', '--verify', 'lookaside']);
    assert.equal(verified.stdout, '');
    await inRoot('--erase', 'lookaside');
    const left = await runOrThrow('find', [
      root,
      '-path',
      '*lookaside*',
      '-not',
      '-path',
      '*/rpm/*',
    ]);
    assert.equal(left.stdout, '');
  });

  it('refuse wrong use', async () => {
    for (const [args, env, expected] of [
      [[], {}, /^package: expected one directory for the packages\n$/],
      [[at('not')], { MAINTAINER: 'Nobody' }, /^package: MAINTAINER: expected .*, got Nobody\n$/],
      [[at('not')], { MAINTAINER: undefined }, /^package: MAINTAINER: expected .*, got nothing\n$/],
      [[at('not')], { SOURCE_DATE_EPOCH: 'now' }, /^package: SOURCE_DATE_EPOCH: .*, got now\n$/],
    ] as const) {
      const words = ['--import=tsx', MAIN, ...args];
      const { code, stderr } = await run(process.execPath, words, { env: { ...ENV, ...env } });
      assert.match(stderr, expected);
      assert.equal(code, 2);
    }
    await assert.rejects(stat(at('not')), { code: 'ENOENT' });
  });

  describeWith(['lintian', 'rpmlint', 'man'], 'by the linters', () => {
    it('have no errors for lintian', async () => {
      const { code, stdout } = await run('lintian', ['--allow-root', '--tag-display-limit=0', deb]);
      assert.doesNotMatch(stdout, /^E:/m);
      assert.equal(code, 0, stdout);
    });

    it('have no errors for rpmlint, but that nobody has signed them', async () => {
      const { stdout } = await run('rpmlint', [rpm]);
      const errors = [...stdout.matchAll(/^lookaside\.noarch: E: (\S+)/gm)].map(([, tag]) => tag);
      // Groups are of old releases; the sums of the release are signed, not its packages.
      assert.deepEqual(new Set(errors), new Set(['no-group-tag', 'no-signature']));
    });

    it('have a manual page of all commands and options', async () => {
      const page = at('deb/usr/share/man/man1/lookaside.1.gz');
      const env = {
        LC_ALL: 'C.UTF-8',
        MANWIDTH: '200',
        MANROFFSEQ: '',
        MAN_KEEP_FORMATTING: undefined,
      };
      const { stdout, stderr } = await runOrThrow('man', ['--warnings', '--local-file', page], {
        env,
      });
      assert.equal(stderr, '');
      const { stdout: help } = await runLookaside(['--help']);
      const commands = [...help.matchAll(/^ {2}([a-z][a-z-]+) .*/gm)].map(([, name = '']) => name);
      for (const command of commands) assert.ok(stdout.includes(`lookaside ${command}`), command);
      const { stdout: options } = await runLookaside(['serve', '--help']);
      for (const [, flag = ''] of options.matchAll(/^ {2}(--[a-z-]+)/gm)) {
        assert.match(stdout, new RegExp(`^ +${flag}( |$)`, 'm'), flag);
      }
    });
  });
});

/** Arguments: the root, and a busybox. */
const FAKE_ROOT = `
mkdir -p "$1/bin" "$1/usr/bin"
cp "$2" "$1/bin/busybox"
# Where Debian's busybox-static is not the one: the libraries that it stands on.
ldd "$2" | grep -o '/[^ ]*' | while read -r library; do
  cp --parents --dereference "$library" "$1"
done
ln -s busybox "$1/bin/sh"
printf '#!/bin/sh\\necho "systemd-sysusers $*" >>/log\\n' >"$1/usr/bin/systemd-sysusers"
chmod +x "$1/usr/bin/systemd-sysusers"
`;
