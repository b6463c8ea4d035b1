// What can go wrong with a push: one clear line, the right exit code, nothing half done, and the staging
// directory as it was.
import assert from 'node:assert/strict';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../kit/process/free-port.ts';
import {
  DEFAULT_CONFIG,
  PushWorld,
  type SignedImage,
  installHook,
  stage,
} from '../../kit/push/push-world.ts';
import { makeGitRemote } from '../../kit/remote/git-remote.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

interface Fault {
  readonly title: string;
  /** Brings the fault about; gives what differs in the call. */
  readonly cause: (world: PushWorld) => Promise<Call | void>;
  readonly message: RegExp;
  readonly hint: RegExp;
}

interface Call {
  readonly to?: string;
  readonly args?: readonly string[];
}

const FAULTS: readonly Fault[] = [
  {
    title: 'a hook that refuses',
    cause: async (world) =>
      installHook(
        world.remote.path,
        'pre-receive',
        'echo "policy: no pushes on Fridays" >&2; exit 1',
      ),
    message: /no pushes on Fridays/,
    hint: /hook of the repository refuses/,
  },
  {
    title: 'a full disk',
    cause: async (world) =>
      installHook(
        world.remote.path,
        'pre-receive',
        'echo "fatal: write error: No space left on device" >&2; exit 1',
      ),
    message: /No space left on device/,
    hint: /disk of the repository is full/,
  },
  {
    title: 'an account that may only read',
    cause: async (world) => {
      await world.remote.gitBare('config', 'http.receivepack', 'false');
      return { to: (await world.remote.serveHttp()).url };
    },
    message: /403/,
    hint: /log in as git does/,
  },
  {
    title: 'an account that may only read, in a dry run',
    cause: async (world) => {
      await world.remote.gitBare('config', 'http.receivepack', 'false');
      return { to: (await world.remote.serveHttp()).url, args: ['--dry-run'] };
    },
    message: /403/,
    hint: /log in as git does/,
  },
  {
    title: 'a password that is asked for and not known',
    cause: async ({ remote }) => ({ to: (await remote.serveHttp({ token: 's3cret' })).url }),
    message: /could not read Username|Authentication failed/,
    hint: /--git-token-file/,
  },
  {
    title: 'a host that is down',
    cause: async () => ({ to: `http://127.0.0.1:${await freePort()}/signatures.git` }),
    message: /Failed to connect|Connection refused|Couldn't connect/,
    hint: /nothing takes connections there/,
  },
  {
    title: 'a repository that is not there',
    cause: async ({ remote }) => ({ to: join(remote.path, '../none.git') }),
    message: /none\.git/,
    hint: /check the address/,
  },
  {
    title: 'a branch that is not there',
    cause: async () => ({ args: ['--branch', 'release'] }),
    message: /has no branch release/,
    hint: /--branch: main/,
  },
  {
    title: 'a repository that does not say who may sign',
    cause: async (world) => void (await world.remote.publish({ 'lookaside.yaml': null })),
    message: /does not say who may sign: there is no lookaside\.yaml at the root of main/,
    hint: /lookaside init.*--keys/,
  },
  {
    title: 'a configuration that names no keys',
    cause: async (world) => void (await world.remote.publish({ 'lookaside.yaml': 'poll: 5m\n' })),
    message: /lookaside\.yaml at the root of main names no keys/,
    hint: /--keys/,
  },
  {
    title: 'a configuration that cannot be used',
    cause: async (world) => void (await world.remote.publish({ 'lookaside.yaml': 'scopez: 5\n' })),
    message: /signatures\.git: lookaside\.yaml: unknown key scopez/,
    hint: /did you mean scopes/,
  },
  {
    title: 'a subtree that nobody could check out',
    cause: async (world) =>
      void (await world.remote.publish({
        'lookaside.yaml': `path: sub/.GIT\n${DEFAULT_CONFIG}`,
      })),
    message: /lookaside\.yaml: path: expected a path that git can check out, got "sub\/\.GIT"/,
    hint: /subtree of the/,
  },
  {
    title: 'a key file that the repository does not have',
    cause: async (world) => void (await world.remote.publish({ 'keys/signer.asc': null })),
    message:
      /lookaside\.yaml: scopes: "registry\.example": keys\/signer\.asc is not in the repository/,
    hint: /commit the public keys/,
  },
  {
    title: 'keys outside the repository',
    cause: async (world) =>
      void (await world.remote.publish({ 'lookaside.yaml': 'keys: ../keys.asc\n' })),
    message: /expected keys in the repository, got \.\.\/keys\.asc/,
    hint: /put the public keys into the repository/,
  },
  {
    title: 'a file in the way of a directory',
    cause: async (world) => void (await world.remote.publish({ team: 'a file\n' })),
    message: /team: expected a directory, got a file/,
    hint: /move the file away/,
  },
  {
    title: 'a branch that others always move first',
    cause: async (world) => {
      // A commit on top of the newest, just before the push is looked at.
      await installHook(
        world.remote.path,
        'pre-receive',
        'read old new ref; unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n' +
          'tip=$(git rev-parse main); git update-ref refs/heads/main $(git -c user.name=x -c user.email=x@x commit-tree -p $tip -m other $tip^{tree})',
      );
      return { args: ['--timeout', '1s'] };
    },
    message: /not pushed: other pushes to main came first (?:once|\d+ times), until --timeout$/,
    hint: /longer --timeout/,
  },
  {
    title: 'a lock that a push left behind',
    cause: async ({ remote }) => {
      await writeFile(join(remote.path, 'refs/heads/main.lock'), '');
      return { args: ['--timeout', '1s'] };
    },
    message:
      /not pushed: main could not be moved, tried (?:once|\d+ times), until --timeout: error: cannot lock ref 'refs\/heads\/main': .*File exists/,
    hint: /remove the lock/,
  },
];

describeWith(
  ['git', 'git-http-backend', 'gpg', 'gpgv'],
  'lookaside push, and what is in its way',
  () => {
    const directory = useTemporary();
    let world: PushWorld;
    let image: SignedImage;
    before(async () => {
      world = await PushWorld.make();
      image = await world.sign();
    });
    after(() => world.stop());
    let start = '';
    beforeEach(async () => {
      start = await world.remote.git('rev-parse', 'HEAD');
    });
    afterEach(async () => {
      await installHook(world.remote.path, 'pre-receive', 'exit 0');
      await rm(join(world.remote.path, 'refs/heads/main.lock'), { force: true });
      await world.remote.git('reset', '--hard', '--quiet', start);
      await world.remote.push('--force');
    });

    for (const { title, cause, message, hint } of FAULTS) {
      it(`tells of ${title}`, async () => {
        const staging = join(directory(), 'staging');
        const [path = ''] = await stage(staging, [image]);
        const { to, args = [] } = (await cause(world)) ?? {};
        const result = await world.push(
          [staging],
          ['--clear', ...args],
          to === undefined ? {} : { to },
        );
        assert.equal(result.code, 2, result.stdout + result.stderr);
        assert.equal(result.stdout, '');
        const [first = '', second = '', ...more] = result.stderr.trimEnd().split('\n');
        assert.match(first, /^lookaside: /);
        assert.match(first, message);
        assert.match(second, /^hint: /);
        assert.match(second, hint);
        assert.deepEqual(more, []);
        assert.deepEqual([...(await world.signatures()).keys()], []);
        assert.deepEqual(await readFile(join(staging, path)), image.bytes);
      });
    }

    it('pushes for the other scopes where the keys of one cannot be used, and says so', async () => {
      const scopes = ['registry.example', 'registry.example/vendor'];
      const keys = ['keys/signer.asc', 'keys/vendor.asc'];
      const lines = scopes.map((scope, index) => `  ${scope}:\n    keys: ${keys[index]}\n`);
      await world.remote.publish({ 'lookaside.yaml': `scopes:\n${lines.join('')}` });
      const staging = join(directory(), 'staging');
      const theirs = await world.sign({ repository: 'vendor/app' });
      await stage(staging, [image, theirs]);
      const { code, stdout, stderr } = await world.push([staging, '--keep-going']);
      assert.equal(code, 1, stderr);
      assert.match(
        stderr,
        /^lookaside: warning: the scope "registry\.example\/vendor" cannot be judged: .*lookaside\.yaml: scopes: "registry\.example\/vendor": keys\/vendor\.asc is not in the repository\nhint: commit the public keys there/m,
      );
      assert.match(stdout, /cannot-verify: the scope "registry\.example\/vendor" cannot be judged/);
      const [pushed = '', ...more] = (await world.signatures()).keys();
      assert.deepEqual([pushed.startsWith('team/app@'), more], [true, []]);
    });

    it('pushes nothing if one of many is bad, and with --keep-going the good ones', async () => {
      const staging = join(directory(), 'staging');
      const stranger = await world.signer.makeKey({ algorithm: 'ed25519' });
      const bad = await world.sign({ key: stranger });
      const elsewhere = await world.signer.sign(world.key, {
        dockerReference: 'elsewhere.example/team/app:v1',
        manifestDigest: image.digest,
      });
      await stage(staging, [image, bad, { ...image, bytes: elsewhere }]);
      await writeFile(join(staging, 'signature-1'), '<html>');
      const before = await readdir(staging, { recursive: true });
      const held = await world.push([staging], ['--clear']);
      assert.equal(held.code, 1, held.stderr);
      assert.match(held.stdout, /unknown-signer/);
      assert.match(held.stdout, /out-of-scope/);
      assert.match(held.stdout, /html/);
      assert.match(
        held.stdout,
        /nothing was pushed.*1 would be new, 3 refused\nhint: --keep-going pushes the good one without those that are refused\n$/,
      );
      assert.deepEqual([...(await world.signatures()).keys()], []);
      assert.deepEqual(await readdir(staging, { recursive: true }), before);

      const gone = await world.push([staging], ['--keep-going', '--clear']);
      assert.equal(gone.code, 1);
      assert.match(gone.stdout, /pushed to .*1 new, 3 refused/);
      assert.doesNotMatch(gone.stdout, /--keep-going/);
      assert.equal((await world.signatures()).size, 1);
      assert.equal((await readdir(staging, { recursive: true })).length, before.length - 1);
    });

    it('makes the first commit of an empty repository, by --keys', async () => {
      const empty = await makeGitRemote();
      try {
        const staging = join(directory(), 'staging');
        const [path = ''] = await stage(staging, [image]);
        const keys = join(directory(), 'key.asc');
        await writeFile(keys, await world.exportKey(world.key));
        for (const to of [empty.fileUrl, empty.path]) {
          const result = await world.push([staging], ['--keys', keys], { to });
          assert.equal(result.code, 0, result.stderr);
        }
        assert.equal(await empty.gitBare('ls-tree', '-r', '--name-only', 'main'), path);
        assert.equal(await empty.gitBare('rev-list', '--count', 'main'), '1');
      } finally {
        await empty.remove();
      }
    });
  },
);
