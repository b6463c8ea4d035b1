// What `lookaside sign` says where it cannot sign, and that nothing is half done then.
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignWorld, type SignRunOptions } from '../../kit/push/sign-world.ts';
import { freePort } from '../../kit/process/free-port.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import type { PushedImage } from '../../kit/registry/registry.ts';
import { startGitSsh } from '../../kit/remote/git-ssh.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith, toolPath } from '../../with-tools.ts';

const PASSPHRASE = 'correct horse';
const KEYS = {
  good: { name: 'Good' },
  locked: { name: 'Locked', passphrase: PASSPHRASE },
  stranger: { name: 'Stranger' },
  expired: { name: 'Old', at: new Date('2020-02-01T00:00:00Z'), expires: '1y' },
};
type By = keyof typeof KEYS;

/** What is said, by whom, and with which exit code. */
interface Fault extends SignRunOptions {
  readonly by?: By;
  readonly args: (image: string) => readonly string[];
  readonly code: number;
  /** A line of standard error without `lookaside: `, or of standard output. */
  readonly message: RegExp;
  readonly hint?: RegExp;
}

const TOOLS = [
  'skopeo',
  'docker-registry',
  'gpg',
  'gpgv',
  'git',
  'git-http-backend',
  'sshd',
] as const;

describeWith(TOOLS, 'lookaside sign', () => {
  const directory = useTemporary();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  let world: SignWorld<By>;
  let image: PushedImage;
  before(async () => {
    world = await SignWorld.make(KEYS);
    await world.accept(['good', 'locked', 'expired']);
    image = await world.pushImage('team/app', 'v1');
  });
  after(() => world.stop());

  const program = async (name: string, script: string): Promise<string> => {
    await writeFile(at(name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return at(name);
  };
  const tip = async (): Promise<string> => world.remote.gitBare('rev-parse', 'main');

  /** Has it fail, and sees that the repository is as it was. */
  const fail = async (fault: Fault): Promise<void> => {
    const before = await tip();
    const { args, by = 'good', code, message, hint } = fault;
    const result = await world.sign(by, args(image.reference), fault);
    assert.equal(result.code, code, result.stderr + result.stdout);
    assert.match(`${result.stderr}${result.stdout}`, message);
    if (hint) assert.match(`${result.stderr}${result.stdout}`, hint);
    assert.equal(await tip(), before);
  };

  /** Has it fail at a repository that can be read only, and looks at what gpg was asked for. */
  const failToPush = async (fault: Omit<Fault, 'args' | 'code'>): Promise<void> => {
    const log = `echo "$*" >>'${at('calls')}'`;
    const gpg = await program('gpg', `${log}\nexec '${toolPath('gpg')}' "$@"`);
    for (const dryRun of [[], ['--dry-run']]) {
      await fail({ ...fault, args: (name) => [name, '--gpg', gpg, ...dryRun], code: 2 });
    }
    assert.doesNotMatch(await readFile(at('calls'), 'utf8'), /--sign$/m);
  };

  describe('complains', () => {
    const faults: Readonly<Record<string, Fault>> = {
      'of a key that no scope accepts': {
        by: 'stranger',
        args: (name) => [name],
        code: 1,
        message:
          /^refused .*: unknown-signer: .*\n +hint: In a checkout of .*, put the public key .*\nnothing went to /,
      },
      'of an image that no scope covers': {
        args: (name) => [name, '--identity', 'quay.io/team/app'],
        code: 1,
        message: /^refused .*: out-of-scope: no scope covers "quay\.io\/team\/app:v1"/,
        hint: /\n +hint: Add a scope for the image to lookaside\.yaml of \/.*, or sign under a name that a scope covers\.\n/,
      },
      'of a key that no scope accepts, before it signs': {
        by: 'stranger',
        args: (name) => [name, '--dry-run'],
        code: 1,
        message:
          /^refused .*: unknown-signer: the key [0-9A-F]{40} is not in the keyring\n +hint: In a checkout of .*, put the public key .*\nnothing would go to /,
      },
      'of an image that no scope covers, before it signs': {
        args: (name) => [name, '--identity', 'quay.io/team/app', '--dry-run'],
        code: 1,
        message: /^refused .*: out-of-scope: no scope covers "quay\.io\/team\/app:v1"/,
        hint: /\n +hint: Add a scope for the image to lookaside\.yaml of \/.*, or sign under a name that a scope covers\.\n/,
      },
      'of an expired key': {
        by: 'expired',
        args: (name) => [name],
        code: 2,
        message: /^lookaside: the key [0-9A-F]{40} of Old <.*> expired on 2021-01-31\nhint: extend/,
      },
      'of a passphrase that nobody can be asked for': {
        by: 'locked',
        args: (name) => [name],
        code: 2,
        message: /^lookaside: gpg-agent cannot ask for the passphrase of Locked/,
        hint: /^hint: .*GPG_TTY/m,
      },
      'of a tag that is not there, and of every other': {
        args: (name) => [name, `${name}x`, `${name}y`],
        code: 2,
        message:
          /^lookaside: .*:v1x is not in the registry\nhint: .*\nlookaside: .*:v1y is not in the registry\n/,
      },
      'of a platform that a single image has not': {
        args: (name) => [name, '--platform', 'linux/s390x'],
        code: 2,
        message: /^lookaside: .* is one manifest, not a list/,
      },
      'of no gpg': {
        args: (name) => [name, '--gpg', '/nowhere/gpg'],
        code: 2,
        message: /^lookaside: gpg, which signs, cannot be run as "\/nowhere\/gpg"/,
        hint: /^hint: install GnuPG, or name the program with --gpg PROGRAM$/m,
      },
      'of a repository that is not there': {
        args: (name) => [name],
        to: '/nowhere/signatures.git',
        code: 2,
        message: /^lookaside: .*\/nowhere\/signatures\.git/,
        hint: /^hint: /m,
      },
      'of nowhere to bring signatures to': {
        args: (name) => [name],
        to: '',
        code: 2,
        message: /^lookaside: sign needs a place for the signatures\nhint: .*--to .*--out DIR\n$/,
      },
      'of two places': {
        args: (name) => [name, '--out', '/nowhere'],
        code: 2,
        message: /^lookaside: --to and --out both say where signatures go\n/,
      },
      'of a format that it does not have': {
        args: (name) => [name, '--format', 'sarif'],
        code: 2,
        message:
          /^lookaside: sign does not support the format sarif\nhint: use --format text or --format json\n$/,
      },
      'of what is no image': {
        args: () => ['Quay.io/Team/App'],
        code: 2,
        message: /^lookaside: expected an image, got "Quay\.io\/Team\/App"\nhint: /,
      },
      'of a digest that nodes do not know': {
        args: (name) => [`${name}@sha512:${'0'.repeat(128)}`],
        code: 2,
        message: /^lookaside: expected a sha256 digest, got sha512:0+\n/,
      },
      'of a digest that is of something else': {
        args: (name) => [`${name}@sha256:${'0'.repeat(64)}`],
        code: 2,
        message: /^lookaside: .*@sha256:0+ is not in the registry\n/,
      },
      'of one tag for two images': {
        args: (name) => [name, `${name}x`, '--identity', 'quay.io/team/app:v1'],
        code: 2,
        message:
          /^lookaside: --identity .* has a tag, and can name one image only\nhint: leave out/,
      },
      'of an identity that is none': {
        args: (name) => [name, '--identity', `quay.io/a@sha256:${'0'.repeat(64)}`],
        code: 2,
        message: /^lookaside: --identity: expected a name with or without a tag, got "quay/,
      },
      'of a file of credentials that is not there': {
        args: (name) => [name, '--authfile', '/nowhere/auth.json'],
        code: 2,
        message: /^lookaside: --authfile: ENOENT/,
      },
    };
    for (const [title, fault] of Object.entries(faults)) {
      it(title, async () => fail(fault));
    }

    for (const option of [
      ['--branch', 'main'],
      ['--path', 'signatures'],
      ['--git-token-file', '/nowhere/token'],
      ['--pull-request'],
      ['--forge', 'gitlab'],
      ['--wait', 'https://signatures.example.test'],
      ['--timeout', '1m'],
    ]) {
      it(`of ${option[0]} with --out, where it has no effect`, async () => {
        await fail({
          args: (name) => [name, '--out', at('out'), ...option],
          to: '',
          code: 2,
          message: new RegExp(
            `^lookaside: ${option[0]} is for signatures that are pushed, and --out`,
          ),
          hint: /^hint: leave one of them out$/m,
        });
      });
    }

    it('of no key', async () => {
      const { code, stderr } = await runLookaside(['sign', image.reference, '--out', at('out')]);
      assert.equal(code, 2);
      assert.match(stderr, /^lookaside: sign needs a key to sign with\nhint: give --sign-by KEY/);
    });

    it('of no image, also in a file or on standard input', async () => {
      const [empty, missing, broken] = [at('empty'), at('missing'), at('broken')];
      await writeFile(empty, '# none\n\n');
      await writeFile(broken, `# list\r\n${image.reference}\r\n${'--help '.repeat(1000)}\n`);
      for (const [args, message] of [
        [[], /^lookaside: sign needs an image\nhint: name images as nodes pull them/],
        [['--images', empty], /^lookaside: --images: .*empty names none\nhint: /],
        [['--images', '-'], /^lookaside: --images: - names none\nhint: /],
        [
          ['--images', missing],
          /^lookaside: --images: .*missing.*\nhint: name a file with an image/,
        ],
        [
          ['--images', broken],
          /^lookaside: --images: .*broken:3: expected an image, got "--help .{1,1000}…\nhint: write it as/,
        ],
      ] as const) {
        const { code, stderr } = await runLookaside(['sign', ...args, '--sign-by', 'x']);
        assert.equal(code, 2);
        assert.match(stderr, message);
      }
    });

    it('of no skopeo', async () => {
      const gpg = toolPath('gpg');
      await mkdir(at('bin'));
      await program('bin/git', `exec '${toolPath('git')}' "$@"`);
      await fail({
        args: (name) => [name, '--gpg', gpg],
        env: { PATH: at('bin') },
        code: 2,
        message:
          /^lookaside: skopeo, which asks the registry, cannot be run\nhint: install skopeo\n$/,
      });
    });

    it('of a list in a list, which nodes refuse', async () => {
      const type = 'application/vnd.oci.image.index.v1+json';
      const manifests = `http://${world.registry.host}/v2/team/nested/manifests`;
      const list = await world.pushImage('team/nested', 'v1', ['amd64', 's390x']);
      const put = async (tag: string, body: string): Promise<void> => {
        const headers = { 'Content-Type': type };
        const { status } = await fetch(`${manifests}/${tag}`, { method: 'PUT', headers, body });
        assert.equal(status, 201);
      };
      const platform = { os: 'linux', architecture: 'amd64' };
      const entry = { mediaType: type, size: 1, digest: list.digest, platform };
      await put('outer', JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [entry] }));
      const message = /^lookaside: nodes refuse the list of .*is itself a list\nhint: push/;
      await fail({ args: () => [`${list.name}:outer`], code: 1, message });
      const absent = [`${list.name}:outer`, `${list.name}:absent`];
      await fail({ args: () => absent, code: 2, message: /itself a list\n(?:.*\n)*.*not in the/ });
    });

    it('of a registry that is down, once', async () => {
      const host = `127.0.0.1:${await freePort()}`;
      const { code, stderr } = await world.sign('good', [`${host}/a:1`, `${host}/a:1`]);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /^lookaside: 127\.0\.0\.1:\d+ does not answer: .*\nhint: try again when it answers\n$/,
      );
    });

    it('of a wrong passphrase', async () => {
      await writeFile(at('passphrase'), 'wrong\n');
      await fail({
        by: 'locked',
        args: (name) => [name, '--passphrase-file', at('passphrase')],
        code: 2,
        message:
          /^lookaside: the passphrase does not unlock the private key of Locked <.*>\nhint: /,
      });
    });

    it('of a directory that cannot be written to', async () => {
      await writeFile(at('file'), '');
      await fail({
        args: (name) => [name, '--out', at('file', 'out')],
        to: '',
        code: 2,
        message: /^lookaside: .*ENOTDIR/,
      });
    });

    describe('before it signs', () => {
      it('of a repository that may only be read, over http', async () => {
        await world.remote.gitBare('config', 'http.receivepack', 'false');
        const { url } = await world.remote.serveHttp();
        await failToPush({
          to: url,
          message: /^lookaside: git push failed: .*403/,
          hint: /^hint: log in as git does/m,
        });
      });

      it('of nobody who commits', async () => {
        await writeFile(at('gitconfig'), '[user]\n\tuseConfigOnly = true\n');
        const names = ['AUTHOR_NAME', 'AUTHOR_EMAIL', 'COMMITTER_NAME', 'COMMITTER_EMAIL'];
        const unset = Object.fromEntries(names.map((name) => [`GIT_${name}`, undefined]));
        await failToPush({
          env: { ...unset, GIT_CONFIG_GLOBAL: at('gitconfig') },
          message:
            /^lookaside: git commit-tree failed: fatal: no (?:email|name) was given[^;\n]*\n/,
          hint: /^hint: tell git who commits/m,
        });
      });

      it('of a key for commits that is not there', async () => {
        const key = at('none.pub');
        await writeFile(
          at('gitconfig'),
          `[commit]\n\tgpgSign = true\n[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = ${key}\n`,
        );
        await failToPush({
          env: { GIT_CONFIG_GLOBAL: at('gitconfig') },
          message: /^lookaside: git commit-tree failed: .*none\.pub/,
          hint: /^hint: commits are to be signed \(commit\.gpgSign\)/m,
        });
      });

      it('of a repository that may only be read, over ssh', async () => {
        const ssh = await startGitSsh();
        try {
          const { GIT_SSH_COMMAND: command = '' } = ssh.environment;
          // As a git host does for a key that may only read.
          const refuse =
            'case "$*" in *git-receive-pack*) echo "ERROR: The key you are authenticating with has been marked as read only." >&2; exit 1;; esac';
          const wrapper = await program('ssh', `${refuse}\nexec ${command} "$@"`);
          await failToPush({
            to: ssh.urlOf(world.remote.path),
            env: { GIT_SSH_COMMAND: wrapper, GIT_SSH_VARIANT: 'ssh' },
            message: /^lookaside: git push failed: ERROR: The key .* read only/,
          });
        } finally {
          await ssh.stop();
        }
      });
    });

    it('of a hook that refuses the push', async () => {
      const hook = join(world.remote.path, 'hooks', 'pre-receive');
      await mkdir(join(world.remote.path, 'hooks'), { recursive: true });
      await writeFile(hook, '#!/bin/sh\necho "not today" >&2\nexit 1\n', { mode: 0o755 });
      try {
        await fail({
          args: (name) => [name],
          code: 2,
          message: /^lookaside: git push failed: .*/,
          hint: /^hint: a hook of the repository refuses the push/m,
        });
      } finally {
        await writeFile(hook, '#!/bin/sh\n', { mode: 0o755 });
      }
    });
  });

  it('pushes nothing where a tag moves while it is signed', async () => {
    const moving = await world.pushImage('team/moving', 'v1');
    const other = await world.pushImage('team/moving', 'v2');
    const copy = 'skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false';
    // When it signs, somebody pushes the tag again.
    const move = `case "$*" in *--sign) ${copy} docker://${other.reference} docker://${moving.reference} >&2;; esac`;
    const gpg = await program('gpg', `${move}\nexec '${toolPath('gpg')}' "$@"`);

    await fail({
      args: () => [image.reference, moving.reference, '--gpg', gpg],
      code: 1,
      message: new RegExp(
        `^held back .*\nrefused .*, ${moving.digest}: tag-moved: the tag was moved while it was signed, to ${other.digest}\n +hint: sign again, or say which one: .*:v1@sha256:HEX\nnothing went to .*, because of what is refused\n$`,
      ),
    });
    const again = await world.pushImage('team/moving', 'v1');
    const args = [image.reference, moving.reference, '--gpg', gpg, '--format', 'json'];
    const { code, stdout } = await world.sign('good', args);
    const { commit, signatures } = JSON.parse(stdout) as {
      commit: unknown;
      signatures: { digest: string; status: string; code?: string }[];
    };
    assert.deepEqual([code, commit], [1, null]);
    assert.deepEqual(
      signatures.map(({ digest, status, code: fault }) => [digest, status, fault]),
      [
        [image.digest, 'held', undefined],
        [again.digest, 'refused', 'tag-moved'],
      ],
    );
  });

  it('holds back what is good where something else is refused', async () => {
    const both = await world.pushImage('team/held', 'v1');
    // Each name is tried first, so that of two images the first one is signed.
    const args = [image.reference, both.reference, '--format', 'json'];
    await world.accept(['good', 'locked', 'expired'], {}, `${world.registry.host}/team/held`);
    try {
      const { code, stdout } = await world.sign('good', args);
      const { signatures } = JSON.parse(stdout) as { signatures: { status: string }[] };
      assert.deepEqual([code, ...signatures.map(({ status }) => status)], [1, 'refused', 'held']);
    } finally {
      await world.accept(['good', 'locked', 'expired']);
    }
  });

  it('signs nothing that would make the repository larger than it allows itself', async () => {
    const { reference } = await world.pushImage('team/large', 'v1');
    const scopes = { [world.registry.host]: { keys: 'keys' } };
    await world.remote.publish({
      'lookaside.yaml': JSON.stringify({ 'max-entries': 4, scopes }),
    });
    try {
      const before = await world.signatures();
      for (const args of [[], ['--dry-run']]) {
        const { code, stdout, stderr } = await world.sign('good', [reference, ...args]);
        assert.deepEqual([code, stderr], [1, '']);
        assert.match(
          stdout,
          /^refused .*: state-refused: it has 5 \w+ or more, but --max-entries allows 4\n +hint: remove from the branch what does not belong there, or raise the budget: see docs\/limits\.md\n/,
        );
      }
      assert.deepEqual(await world.signatures(), before);
    } finally {
      await world.accept(['good', 'locked', 'expired']);
    }
  });

  it('leaves nothing in a directory where not all of it can be written', async () => {
    const other = await world.pushImage('other/app', 'v1');
    // When it signs, somebody puts a file where it needs a directory.
    const block = `case "$*" in *--sign) mkdir -p '${at('out')}'; touch '${at('out', 'other')}';; esac`;
    const gpg = await program('gpg', `${block}\nexec '${toolPath('gpg')}' "$@"`);
    const args = [image.reference, other.reference, '--out', at('out'), '--gpg', gpg];
    const { code, stderr } = await world.sign('good', args, { to: '' });
    assert.equal(code, 2);
    assert.match(stderr, /^lookaside: .*(?:EEXIST|ENOTDIR).*\/other/);
    const left = await readdir(at('out', 'team'), { recursive: true });
    assert.deepEqual(
      left.filter((name) => name.includes('signature-')),
      [],
    );
  });

  it('leaves nothing in a directory for what is refused', async () => {
    const keys = await world.keyFile('good');
    const args = [image.reference, '--out', at('out'), '--keys', keys];
    const { code } = await world.sign('stranger', args, { to: '' });
    assert.equal(code, 1);
    await assert.rejects(readdir(at('out')), { code: 'ENOENT' });
  });

  describe('when the passphrase is right', () => {
    it('unlocks a key with the first line of a file', async () => {
      await writeFile(at('passphrase'), `${PASSPHRASE}\r\nand more\n`);
      const args = [image.reference, '--passphrase-file', at('passphrase')];
      const { code, stderr } = await world.sign('locked', args);
      assert.deepEqual([code, stderr], [0, '']);
    });
  });
});
