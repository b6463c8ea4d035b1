// The install script, run by the shells of small and large systems below a directory.
import assert from 'node:assert/strict';
import {
  appendFile,
  cp,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { writeInstallScript } from '../../generator/nodes/targets/install-script.ts';
import { OPTIONS, anyFiles, anyLines } from '../generator/nodes/targets/samples.ts';
import { describeWith, findTool, toolPath } from '../with-tools.ts';
import { SCOPES, readTree, takeSnapshot, writeTarget } from '../kit/node/node-config.ts';
import { POLICY, isRoot, makeRoot } from '../kit/node/node-root.ts';
import { type RunResult, run, runOrThrow } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';

const STATE = 'var/lib/lookaside-node-config';

describeWith(['shellcheck', 'busybox'], 'the install script', () => {
  const directory = useTemporary();
  const written = useTemporary('suite');
  let script = '';
  let files: ReadonlyMap<string, string>;
  before(async () => {
    files = await writeTarget('files', join(written(), 'files'));
    await writeTarget('script', written());
    script = join(written(), 'install-lookaside.sh');
  });

  const root = () => join(directory(), "a root with 'odd' $name");
  const shells = { sh: ['sh'], busybox: [findTool('busybox') ?? 'busybox', 'sh'] };

  const install = (...args: readonly string[]) => runScript(script, args);
  function runScript(path: string, args: readonly string[], shell = shells.sh): Promise<RunResult> {
    const [command = '', ...words] = shell;
    return run(command, [...words, path, '--root', root(), ...args]);
  }

  async function readInstalled(): Promise<ReadonlyMap<string, string>> {
    const all = [...(await readTree(root()))];
    return new Map(all.filter(([path]) => !path.startsWith('var/') && !path.startsWith('usr/')));
  }

  for (const [name, shell] of Object.entries(shells)) {
    it(`installs, installs again and undoes itself in ${name}`, async () => {
      const before = await makeRoot(root());
      const first = await runScript(script, [], shell);
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stdout, new RegExp(`^replaced: .*/${POLICY}$`, 'm'));
      assert.match(first.stdout, /^created: .*\.asc$/m);
      assert.deepEqual(await readInstalled(), files);
      const installed = await takeSnapshot(root());

      const second = await runScript(script, [], shell);
      assert.equal(second.code, 0, second.stderr);
      assertUnchanged(second.stdout);
      assert.deepEqual(await takeSnapshot(root()), installed);

      const undo = await runScript(script, ['--undo'], shell);
      assert.equal(undo.code, 0, undo.stderr);
      assert.deepEqual(await takeSnapshot(root()), before);
      const again = await runScript(script, ['--undo'], shell);
      assert.match(again.stdout, /^nothing to undo/);
      assert.equal(again.code, 0);
    });
  }

  it('gives files the mode and the owner that nodes need', async () => {
    await makeRoot(root());
    await install();
    const own = isRoot ? '0:0' : `${process.getuid?.()}:${process.getgid?.()}`;
    for (const line of await takeSnapshot(root())) {
      if (files.has(line.split(' ', 1)[0] ?? '')) assert.match(line, new RegExp(`100644 ${own} `));
    }
  });

  it('makes what is missing, down to an empty root, and removes it again', async () => {
    await mkdir(root());
    const { code } = await install();
    assert.equal(code, 0);
    assert.deepEqual(await readInstalled(), files);
    await install('--undo');
    assert.deepEqual(await takeSnapshot(root()), []);
  });

  it('leaves alone what was as it should be', async () => {
    await cp(join(written(), 'files'), root(), { recursive: true });
    const before = await takeSnapshot(root());
    const { stdout } = await install();
    assertUnchanged(stdout);
    assert.deepEqual(await takeSnapshot(root()), before);
    await install('--undo');
    assert.deepEqual(await takeSnapshot(root()), before);
  });

  it('changes nothing in a dry run', async () => {
    const before = await makeRoot(root());
    const { stdout, code } = await install('--dry-run');
    assert.equal(code, 0);
    assert.match(stdout, /^would be replaced: /m);
    assert.deepEqual(await takeSnapshot(root()), before);
    await install();
    const installed = await takeSnapshot(root());
    const undo = await install('--undo', '--dry-run');
    assert.match(undo.stdout, /^would be restored: /m);
    assert.deepEqual(await takeSnapshot(root()), installed);
  });

  it('keeps what others have changed since, unless forced', async () => {
    const before = await makeRoot(root());
    await install();
    await writeFile(join(root(), POLICY), 'changed\n');
    const changed = await takeSnapshot(root());
    for (const args of [[], ['--undo'], ['--undo', '--dry-run']]) {
      const refused = await install(...args);
      assert.equal(refused.code, 1, args.join(' '));
      assert.match(refused.stderr, /changed by others since, .*policy\.json/);
      assert.deepEqual(await takeSnapshot(root()), changed);
    }
    const forced = await install('--undo', '--force');
    assert.equal(forced.code, 0, forced.stderr);
    assert.deepEqual(await takeSnapshot(root()), before);
  });

  it('leaves directories that others have put something into', async () => {
    await mkdir(root());
    await install();
    const foreign = join(root(), 'etc/containers/registries.d/other.yaml');
    await writeFile(foreign, 'docker: {}\n');
    const { stdout, code } = await install('--undo');
    assert.equal(code, 0);
    assert.match(stdout, /^not empty, left: .*registries\.d$/m);
    assert.deepEqual([...(await readTree(root())).values()], ['docker: {}\n']);
  });

  it('takes back what a later version does not install', async () => {
    const before = await makeRoot(root());
    await install();
    const later = await writeTarget('script', join(directory(), 'later'), [
      ...SCOPES.slice(0, 1),
      '--name=lookaside',
    ]);
    assert.equal(later.size, 1);
    const path = join(directory(), 'later/install-lookaside.sh');
    const dryRun = await runScript(path, ['--dry-run']);
    assert.match(dryRun.stdout, /^would be removed: .*any\.example\.org\.asc$/m);
    const { stdout, code } = await runScript(path, []);
    assert.equal(code, 0);
    assert.match(stdout, /^removed: .*any\.example\.org\.asc$/m);
    const expected = await writeTarget('files', join(directory(), 'fewer'), SCOPES.slice(0, 1));
    assert.deepEqual(await readInstalled(), expected);
    await install();
    assert.deepEqual(await readInstalled(), files);
    await install('--undo');
    assert.deepEqual(await takeSnapshot(root()), before);
  });

  it('refuses a link that may lead out of the root', async () => {
    await makeRoot(root());
    await mkdir(join(root(), 'etc/pki'));
    await symlink('/', join(root(), 'etc/pki/containers'));
    const before = await takeSnapshot(root());
    const { code, stderr } = await install();
    assert.equal(code, 1);
    assert.match(stderr, /etc\/pki\/containers is a symbolic link/);
    assert.deepEqual(await takeSnapshot(root()), before);
  });

  it('undoes nothing through a link that leads out of the root', async () => {
    await makeRoot(root());
    await install();
    for (const [path, args] of [
      ['etc', ['--undo', '--force']],
      ['etc/pki/containers', ['--undo']],
      ['etc/containers', []],
      ['var', ['--undo', '--force']],
    ] as const) {
      const outside = join(directory(), 'outside');
      await rename(join(root(), path), outside);
      await symlink(outside, join(root(), path));
      const before = await takeSnapshot(directory());
      const { code, stderr } = await install(...args);
      assert.match(stderr, /is a symbolic link, and may lead out of/, path);
      assert.equal(code, 1);
      assert.deepEqual(await takeSnapshot(directory()), before);
      await rm(join(root(), path));
      await rename(outside, join(root(), path));
    }
  });

  it('takes no path with dots from what an earlier run has written down', async () => {
    await makeRoot(root());
    await install();
    await writeFile(join(directory(), 'outside'), 'kept');
    await appendFile(join(root(), STATE, 'manifest'), 'new etc/../../outside\n');
    const { code, stderr } = await install('--undo', '--force');
    assert.match(stderr, /may lead out of/);
    assert.equal(code, 1);
    assert.equal(await readFile(join(directory(), 'outside'), 'utf8'), 'kept');
  });

  it('refuses what would give a scope to two files, unless forced', async () => {
    const other = 'etc/containers/registries.d/other.yaml';
    const conflicts = [
      'docker:\n  quay.io/team:\n    sigstore: x\n',
      'docker:\n    "quay.io/team" : {}\n',
      "docker:\n  '*.example.org':\r\n",
    ];
    await makeRoot(root());
    for (const text of conflicts) {
      await writeFile(join(root(), other), text);
      const before = await takeSnapshot(root());
      for (const args of [[], ['--dry-run']]) {
        const { code, stderr } = await install(...args);
        assert.match(stderr, /other\.yaml has a scope of these files too/);
        assert.equal(code, 1);
        assert.deepEqual(await takeSnapshot(root()), before);
      }
    }
    assert.equal((await install('--force')).code, 0);
    await install('--undo');
    const harmless =
      'default-docker: {}\ndocker:\n  # quay.io/team:\n  quay.io/team/x: {}\n  quayxio/team: {}\n';
    await writeFile(join(root(), other), harmless);
    const { code, stderr } = await install();
    assert.equal(code, 0, stderr);
  });

  it('refuses a second default, but replaces that of the distribution', async () => {
    const args = ['--keys=signatures/keys/release.asc'];
    await writeTarget('script', join(directory(), 'all'), args);
    const path = join(directory(), 'all/install-lookaside.sh');
    await makeRoot(root());
    const registries = join(root(), 'etc/containers/registries.d');
    await writeFile(join(registries, 'default.yaml'), 'default-docker: {}\n');
    const { code, stderr } = await runScript(path, []);
    assert.equal(code, 0, stderr);
    await writeFile(join(registries, '.own.yaml'), 'default-docker: {}\n');
    assert.match((await runScript(path, [])).stderr, /\.own\.yaml has a scope of these files too/);
  });

  it('refuses what is no file', async () => {
    await mkdir(join(root(), POLICY), { recursive: true });
    const { code, stderr } = await install();
    assert.equal(code, 1);
    assert.match(stderr, /policy\.json is not a file/);
    assert.equal((await readTree(root())).size, 0);
  });

  const wrong = {
    'an unknown argument': [['--wrong'], /unknown argument --wrong/],
    'a root without a name': [['--root'], /--root needs a directory/],
    'a root that is not there': [['--root=/not/there'], /\/not\/there is not a directory/],
  } as const;
  for (const [what, [args, message]] of Object.entries(wrong)) {
    it(`refuses ${what}`, async () => {
      const { code, stderr, stdout } = await run('sh', [script, ...args]);
      assert.equal(code, 2);
      assert.match(stderr, message);
      assert.equal(stdout, '');
    });
  }

  it('lets only root change the system', async () => {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const sh = ['sh', script, '--root', '/'];
    const { code, stderr } = isRoot
      ? await run('setpriv', [...nobody, ...sh])
      : await run('sh', sh.slice(1));
    assert.equal(code, 2);
    assert.match(stderr, /only root can change \//);
  });

  it('says how it is used', async () => {
    const { code, stdout } = await run(script, ['--help']);
    assert.equal(code, 0);
    for (const flag of ['--undo', '--root DIR', '--dry-run', '--force']) {
      assert.ok(stdout.includes(flag), flag);
    }
  });

  it('gives shellcheck nothing to say, whatever the names', async () => {
    const check = ['--shell=sh', '--severity=style'];
    await runOrThrow(toolPath('shellcheck'), [...check, script]);
    const odd = ["it's", '$(x) `y`', '-n', 'a"b', '*?[x]', 'END_OF_FILE', '\\', '~', 'ü 日本'];
    const oddFiles = odd.map((name) => ({
      path: `etc/${name}/policy.json`,
      bytes: Buffer.from(`${name}\n`),
    }));
    const [file] = writeInstallScript(oddFiles, { ...OPTIONS, name: 'Odd.name_-1' });
    // It would rather have names with $ expanded.
    await runOrThrow(toolPath('shellcheck'), [...check, '--exclude=SC2016', '-'], {
      input: file?.bytes ?? '',
      env: { LC_ALL: 'C.UTF-8' },
    });
  });

  it('brings any text to any path, and back again', async () => {
    let number = 0;
    await fc.assert(
      fc.asyncProperty(anyFiles(anyLines), fc.nat({ max: 1 }), async (anything, which) => {
        number += 1;
        const below = join(directory(), String(number));
        const [first] = anything;
        await mkdir(join(below, dirname(first?.path ?? '')), { recursive: true });
        await writeFile(join(below, first?.path ?? ''), 'old');
        await mkdir(join(below, 'var/lib'), { recursive: true });
        const before = await takeSnapshot(below);
        const [file] = writeInstallScript(anything, OPTIONS);
        const path = join(directory(), 'any.sh');
        await writeFile(path, file?.bytes ?? '');
        const [command = '', ...words] = Object.values(shells)[which] ?? [];
        for (const args of [[], []]) {
          await runOrThrow(command, [...words, path, '--root', below, ...args]);
        }
        for (const { path: name, bytes } of anything) {
          assert.deepEqual(await readFile(join(below, name)), bytes);
        }
        await runOrThrow(command, [...words, path, '--root', below, '--undo']);
        assert.deepEqual(await takeSnapshot(below), before);
        assert.deepEqual(await readdir(join(below, 'var/lib')), []);
        await rm(below, { recursive: true });
      }),
      { numRuns: 15 },
    );
  });

  it(`keeps what was there in ${STATE}, for its owner alone`, async () => {
    await makeRoot(root());
    const old = await readFile(join(root(), POLICY));
    await install();
    assert.deepEqual(await readFile(join(root(), STATE, 'kept', POLICY)), old);
    const line = (await takeSnapshot(root())).find((entry) => entry.startsWith(`${STATE} `));
    assert.match(line ?? '', / 40700 /);
  });
});

function assertUnchanged(stdout: string): void {
  for (const line of stdout.trimEnd().split('\n')) assert.match(line, /^unchanged: /);
}
