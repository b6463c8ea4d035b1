// Every command in every situation in which containers, services and pipelines start programs: it works, or
// says what is missing and how to cure it.
import assert from 'node:assert/strict';
import { chmod, cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../kit/eventually.ts';
import { startBackground } from '../kit/process/background.ts';
import { freePort } from '../kit/process/free-port.ts';
import { type RunResult, run } from '../kit/process/run.ts';
import { SignWorld } from '../kit/push/sign-world.ts';
import { PUSHER } from '../kit/push/push-world.ts';
import { EXAMPLE } from '../kit/server/example-server.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** Has no entry in passwd. */
const NOBODY = ['setpriv', '--reuid=54321', '--regid=0', '--clear-groups'];

type Command =
  | 'check'
  | 'check git'
  | 'show'
  | 'explain'
  | 'generate'
  | 'init'
  | 'hook'
  | 'node-config'
  | 'push'
  | 'sign'
  | 'completion'
  | 'help'
  | 'version';

interface Situation {
  /** What stands before the command, in a directory that it may write to; gpg has its keys in another. */
  readonly wrapper: (place: string, keys: string) => readonly string[];
  /** Undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What is said, with a hint, by commands that cannot work then. */
  readonly says?: Partial<Record<Command, RegExp>>;
  /** What all say then. */
  readonly allSay?: RegExp;
  /** Whether nothing that is printed can be read. */
  readonly isMute?: true;
  /** Why `serve` cannot be tried; false where it can. */
  readonly serves?: RegExp | false;
}

const NO_TEMPORARY = /cannot make a temporary directory: .*\nhint: set TMPDIR to a directory/;
const NO_GIT = /cannot start git .*no such program.*\nhint: install git/;
const inShell = (script: string) => (): readonly string[] => [
  '/bin/sh',
  '-c',
  `${script}; exec "$@"`,
  'sh',
];

const SITUATIONS: Readonly<Record<string, Situation>> = {
  'by a user without a name, a home or a locale, in the group 0': {
    wrapper: () => [...NOBODY, '/bin/sh', '-c', 'umask 077; exec "$@"', 'sh'],
    env: { HOME: undefined, GNUPGHOME: undefined, LANG: undefined, LC_ALL: undefined },
    says: { sign: /neither GNUPGHOME nor HOME is set.*\nhint: set GNUPGHOME/ },
  },
  'by such a user whose home is /, with umask 0': {
    wrapper: () => [...NOBODY, '/bin/sh', '-c', 'umask 0; exec "$@"', 'sh'],
    env: { HOME: '/', GNUPGHOME: undefined },
    says: { sign: /gpg cannot use its directory: .*\nhint: set GNUPGHOME/ },
  },
  'without a place for temporary files': {
    wrapper: () => [],
    env: { TMPDIR: '/nonexistent' },
    says: {
      check: NO_TEMPORARY,
      'check git': NO_TEMPORARY,
      show: NO_TEMPORARY,
      explain: NO_TEMPORARY,
      generate: NO_TEMPORARY,
      hook: NO_TEMPORARY,
      push: NO_TEMPORARY,
      sign: NO_TEMPORARY,
    },
    serves: NO_TEMPORARY,
  },
  'on a read-only root, with places that can be written, and no shared memory': {
    wrapper: (place, keys) => {
      const script = [
        'mount --make-rprivate /',
        `mount --bind '${place}' '${place}'`,
        `mount --bind '${keys}' '${keys}'`,
        'mount -t tmpfs -o ro tmpfs /dev/shm',
        'mount --bind / / && mount -o remount,ro,bind /',
        `cd '${place}'`,
      ];
      return ['unshare', '--mount', ...inShell(script.join(' && '))()];
    },
  },
  'in a directory that was removed': {
    wrapper: inShell('mkdir gone && cd gone && rmdir ../gone'),
    says: {
      generate: /cannot write below tree: ENOENT.*\nhint: name a directory/,
      init: /ENOENT.*\nhint: /,
      hook: /not a git repository.*\nhint: run it in the repository/,
    },
  },
  'without other programs': {
    wrapper: () => [],
    env: { PATH: '/nonexistent' },
    says: {
      'check git': NO_GIT,
      init: NO_GIT,
      hook: NO_GIT,
      push: NO_GIT,
      sign: /gpg, which signs, cannot be run .*\nhint: install GnuPG/,
    },
  },
  'without standard streams': { wrapper: inShell('exec <&- >&- 2>&-'), isMute: true },
  'with few open files': {
    wrapper: () => ['prlimit', '--nofile=30:30'],
    allSay: /too many open files.*\nhint: raise the limit of open files/,
    serves: /too many open files.*\nhint: raise the limit of open files/,
  },
  'as process 1': {
    wrapper: () => ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'],
    // What signals do to it then is told by process-one.test.ts.
    serves: false,
  },
};

describeWith(
  ['gpg', 'git', 'skopeo', 'docker-registry', 'setpriv', 'prlimit', 'unshare'],
  'every command',
  () => {
    const directory = useTemporary('suite');
    let world: SignWorld<'team'>;
    let image: string;
    let staging: string;
    let digest: string;
    before('make what they work on', async function () {
      if (process.geteuid?.() !== 0) this.skip();
      world = await SignWorld.make({ team: {} });
      await world.accept(['team']);
      ({ digest } = await world.pushImage('team/app', 'v1'));
      image = `${world.registry.host}/team/app`;
      const claims = { dockerReference: `${image}:v1`, manifestDigest: digest };
      staging = join(directory(), 'staging');
      const place = join(staging, `team/app@${digest.replace(':', '=')}`);
      await mkdir(place, { recursive: true });
      await writeFile(join(place, 'signature-1'), await world.signer.sign(world.keys.team, claims));
      await writeFile(join(directory(), 'gitconfig'), '[safe]\n\tdirectory = *\n');
    });
    after(async () => world?.stop());

    const commandsFor = (
      store: string,
    ): Readonly<Record<Command, readonly [works: RegExp, ...args: string[]]>> => ({
      check: [/^good: 11 files/m, 'check', EXAMPLE],
      'check git': [/^good: /m, 'check', store],
      show: [/rejected: empty/, 'show', '/dev/null'],
      explain: [/^verdict: /m, 'explain', `${image}@${digest}`, EXAMPLE],
      generate: [/7 signatures of 3/, 'generate', EXAMPLE, '--out', 'tree'],
      init: [/git -C/, 'init', 'repository'],
      hook: [/./, 'hook', 'pre-receive'],
      'node-config': [
        /./,
        'node-config',
        `--keys=${join(EXAMPLE, 'keys')}`,
        '--url=https://sig.example',
        '--default=reject',
        '--out=-',
      ],
      push: [/pushed/, 'push', staging, '--to', store],
      sign: [
        /^signed /m,
        'sign',
        `${image}:v1`,
        '--again',
        '--sign-by',
        world.keys.team.fingerprint,
        '--to',
        store,
      ],
      completion: [/complete /, 'completion', 'bash'],
      help: [/^Usage: /, 'help'],
      version: [/^\d/, 'version'],
    });

    for (const [title, situation] of Object.entries(SITUATIONS)) {
      describe(title, () => {
        let place: string;
        let env: Readonly<Record<string, string | undefined>>;
        before(async () => {
          place = join(directory(), String((await readdir(directory())).length));
          await mkdir(place);
          await chmod(place, 0o777);
          await cp(world.remote.path, store(), { recursive: true });
          // For a user who owns none of it.
          await run('chmod', ['-R', 'a+rwX', store()]);
          env = {
            ...PUSHER,
            GIT_CONFIG_GLOBAL: join(directory(), 'gitconfig'),
            GNUPGHOME: world.signer.home,
            TMPDIR: place,
            ...situation.env,
          };
        });
        const store = (): string => join(place, 'store.git');
        const command = (...args: readonly string[]): readonly string[] => [
          ...situation.wrapper(place, world.signer.home),
          process.execPath,
          MAIN,
          ...args,
        ];
        const start = async (args: readonly string[]): Promise<RunResult> => {
          const [program = '', ...rest] = command(...args);
          return run(program, rest, { cwd: place, env });
        };

        it('works, or says what is missing and how to cure it', async () => {
          for (const [name, [works, ...args]] of Object.entries(commandsFor(store()))) {
            const { code, stdout, stderr } = await start(args);
            const said = situation.allSay ?? situation.says?.[name as Command];
            const told = `${title}: ${name}: ${code}\n${stdout}\n${stderr}`;
            if (said) {
              assert.equal(code, 2, told);
              assert.match(stderr, said, told);
            } else if (situation.isMute) {
              assert.ok(code === 0 || name === 'hook' || code === 1, told);
            } else {
              assert.match(stdout + stderr, works, told);
              assert.ok(code === 0 || code === 1 || name === 'hook', told);
            }
            assert.doesNotMatch(stderr, /^\s+at |uv_|system error/m, told);
          }
        });

        if (situation.serves === false) return;
        it('serves, or says why not', async () => {
          const [port, status] = [await freePort(), await freePort()];
          const state = join(place, 'state');
          const [program = '', ...rest] = command(
            'serve',
            EXAMPLE,
            `--listen=127.0.0.1:${port}`,
            `--status-listen=127.0.0.1:${status}`,
            `--state-dir=${state}`,
          );
          const server = await startBackground(program, rest, { cwd: place, env });
          if (situation.serves) {
            assert.equal(await server.ended(), 2);
            assert.match(server.stderr(), situation.serves);
            return;
          }
          await eventually(async () => {
            for (const one of [port, status]) {
              const { status: answer } = await fetch(`http://127.0.0.1:${one}/`);
              assert.equal(answer, 200, server.stderr());
            }
          });
          assert.equal(await server.stop(), 0, server.stderr());
          assert.equal((await stat(state)).mode & 0o777, 0o700, 'the state directory is private');
        });
      });
    }

    it('says that serve needs a place for its state where the user has no home', async () => {
      const wrapper = [...NOBODY, process.execPath, MAIN, 'serve', EXAMPLE];
      const [program = '', ...rest] = wrapper;
      const env = { HOME: undefined, XDG_STATE_HOME: undefined };
      const { code, stderr } = await run(program, rest, { env });
      assert.equal(code, 2);
      assert.match(stderr, /^lookaside: --state-dir: .*HOME is not set.*\nhint: .*--state-dir DIR/);
    });
  },
);
