// Wrong use and a broken world: exit code 2, one line that says what, one that says what to do.
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { formatUsageError } from '../../cli/base/usage-error.ts';
import { readKeys } from '../../cli/inputs/read-keys.ts';
import { runProgram } from '../../cli/program.ts';
import { asNobody } from '../kit/process/as-nobody.ts';
import { freePort } from '../kit/process/free-port.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { makeSigner } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';
import { unfailing } from '../kit/program/unfailing.ts';

const SECRET = 's3cret-t0ken';

interface Expected {
  readonly message: RegExp;
  readonly hint?: RegExp;
}

function assertUsageError(text: string, { message, hint }: Expected): void {
  const [first = '', second, ...rest] = text.trimEnd().split('\n');
  assert.match(first, /^lookaside: ([^A-Z\s]|LOOKASIDE)/);
  assert.doesNotMatch(first, /\.$/);
  assert.match(first.slice('lookaside: '.length), message);
  if (hint) assert.match(second ?? '', hint);
  if (second !== undefined) assert.match(second, /^hint: \S/);
  assert.deepEqual(rest, []);
  assert.ok(!text.includes(SECRET), text);
}

/** What the program says, run in this process. */
async function complaintOf(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const stdin = Readable.from([]);
  const world = {
    environment,
    stdin,
    stdout,
    stderr,
    signals: new EventEmitter(),
    openssl: '3',
    ...unfailing,
  };
  const error: unknown = await runProgram(args, world).catch((reason: unknown) => reason);
  assert.equal(stdout.read(), null);
  assert.equal(stderr.read(), null);
  return formatUsageError(error);
}

describeWith(['git', 'git-http-backend', 'gpg'], 'lookaside complains', () => {
  const directory = useTemporary();
  const at = (...names: string[]): string => join(directory(), ...names);
  let remote: GitRemote;
  before(async () => {
    remote = await makeGitRemote();
    await remote.publish({ 'sub/x': 'x' });
  });
  after(() => remote.remove());

  /** By the built program. */
  const complains = async (args: readonly string[], expected: Expected): Promise<void> => {
    const temporary = at('tmp');
    await mkdir(temporary);
    const { code, stdout, stderr } = await runLookaside(args, { env: { TMPDIR: temporary } });
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assertUsageError(stderr, expected);
    // Nothing is left of what it began.
    assert.deepEqual(await readdir(temporary), []);
  };

  describe('of the command line', () => {
    const cases: Readonly<Record<string, readonly [readonly string[], Expected]>> = {
      'no SOURCE': [['check'], { message: /^missing required argument 'SOURCE'$/ }],
      'two of them': [['check', '.', '.'], { message: /^too many arguments for 'check'/ }],
      'an unknown command': [
        ['chek', '.'],
        { message: /^unknown command 'chek'$/, hint: /did you mean check\?/ },
      ],
      'an unknown flag': [
        ['check', '.', '--brnch', 'x'],
        { message: /^unknown option '--brnch'$/, hint: /did you mean --branch\?/ },
      ],
      "another command's flag": [
        ['check', '.', '--out', 'x'],
        { message: /^unknown option '--out'$/, hint: /^hint: / },
      ],
      'a flag without its value': [
        ['check', '.', '--keys'],
        { message: /^option '--keys <PATH>' argument missing$/ },
      ],
      'a bad value': [
        ['check', '.', '--format', 'xml'],
        {
          message: /^--format: expected text, json, github, sarif or junit, got "xml"$/,
          hint: /format of the report/,
        },
      ],
      'a format that show does not know': [
        ['show', 'x', '--format', 'junit'],
        {
          message: /^show does not support the format junit$/,
          hint: /use --format text or --format json/,
        },
      ],
      'no FILE to show': [['show'], { message: /^missing required argument 'FILE'$/ }],
      'a flag that show does not take': [
        ['show', 'x', '--strict'],
        { message: /^unknown option '--strict'$/ },
      ],
      'a flag with a value that takes none': [
        ['check', '.', '--strict=yes'],
        { message: /--strict/ },
      ],
      'a flag for scopes, which are in the file only': [
        ['check', '.', '--scopes', '{}'],
        { message: /^unknown option '--scopes'$/ },
      ],
      'a subtree that leads out': [
        ['check', '.', '--path', '../x'],
        { message: /^--path: expected a path inside the repository, got "\.\.\/x"$/ },
      ],
      'a transport that runs programs': [
        ['check', 'ext::sh -c id'],
        { message: /^cannot fetch from ext::$/, hint: /use one of file, git, http/ },
      ],
      'a SOURCE that looks like a flag': [
        ['check', '--', '-x'],
        { message: /^expected a directory or git URL, got "-x"$/, hint: /write \.\/-x/ },
      ],
      'a password in the URL': [
        ['check', `https://me:${SECRET}@git.example/x.git`],
        { message: /^the URL contains a user name or password/, hint: /--git-token-file/ },
      ],
      'a configuration that is not there': [
        ['check', '.', '--config', '/nowhere.yaml'],
        { message: /^cannot read the configuration file "\/nowhere\.yaml": ENOENT/ },
      ],
    };
    for (const [title, [args, expected]] of Object.entries(cases)) {
      it(title, async () => assertUsageError(await complaintOf(args), expected));
    }

    it('an unknown variable', async () =>
      assertUsageError(await complaintOf(['check', '.'], { LOOKASIDE_KEYZ: 'x' }), {
        message: /^unknown environment variable LOOKASIDE_KEYZ$/,
        hint: /did you mean LOOKASIDE_KEYS\?/,
      }));

    it('a bad value of a variable', async () =>
      assertUsageError(await complaintOf(['check', '.'], { LOOKASIDE_FORMAT: 'x' }), {
        message: /^LOOKASIDE_FORMAT: expected text, json, github, sarif or junit, got "x"$/,
      }));

    it('nothing at all, with help', async () => {
      const { code, stderr } = await runLookaside([]);
      assert.equal(code, 2);
      assert.match(stderr, /^Usage: lookaside /);
    });

    it('a command without its operand, with where its help is', async () => {
      const { code, stderr } = await runLookaside(['probe']);
      assert.equal(code, 2);
      assert.equal(
        stderr,
        "lookaside: missing required argument 'URL'\nhint: see lookaside probe --help\n",
      );
    });

    it('but not of a question for help or the version', async () => {
      const help = await runLookaside(['check', '--help']);
      assert.equal(help.code, 0);
      assert.match(help.stdout, /--format <FORMAT>/);
      const version = await runLookaside(['--version']);
      assert.equal(version.code, 0);
      assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
    });
  });

  describe('of a token file', () => {
    const cases: Readonly<Record<string, readonly [source: string, token: string, Expected]>> = {
      'for a directory': ['.', 'token', { message: /^--git-token-file is for https:\/\/ sources/ }],
      'for ssh': [
        'git@git.example:x.git',
        'token',
        { message: /^--git-token-file is for https:\/\/ sources/ },
      ],
      'for a host over plain HTTP': [
        'http://git.example/x.git',
        'token',
        { message: /^--git-token-file is for https:\/\/ sources/ },
      ],
      'that is empty': [
        'https://git.example/x.git',
        '\n',
        { message: /is empty$/, hint: /first line/ },
      ],
    };
    for (const [title, [source, token, expected]] of Object.entries(cases)) {
      it(title, async () => {
        const file = at('token');
        await writeFile(file, token);
        await complains(['check', source, '--git-token-file', file], expected);
      });
    }

    it('that is not there', async () =>
      complains(['check', 'https://git.example/x.git', '--git-token-file', at('none')], {
        message: /^--git-token-file: ENOENT/,
        hint: /readable/,
      }));
  });

  describe('of keys', () => {
    const cure = /gpg --export/;
    it('that are not there', async () =>
      complains(['check', '.', '--keys', at('none.asc')], {
        message: /^--keys: cannot read keys: ENOENT: .*none\.asc/,
        hint: /name a file of public keys that can be read/,
      }));

    it('in a directory that has none', async () => {
      await mkdir(at('keys'));
      await writeFile(at('keys', 'README'), 'x');
      await complains(['check', '.', '--keys', at('keys')], {
        message: /keys: expected \.asc or \.gpg files, got none$/,
        hint: /put public keys there/,
      });
    });

    it('that are garbage', async () => {
      for (const [name, content] of [
        ['a.asc', 'garbage'],
        ['b.gpg', '\0\u0001garbage'],
        ['c.asc', ''],
        [
          'd.asc',
          '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n',
        ],
      ] as const) {
        await writeFile(at(name), content);
        const complaint = await complaintOf(['check', '.', '--keys', at(name)]);
        assertUsageError(complaint, {
          message:
            /expected OpenPGP public keys(?: that nodes import, got none|, got an empty file)/,
          hint: cure,
        });
        assert.ok(complaint.startsWith(`lookaside: ${at(name)}: `), complaint);
      }
    });

    it('that are private, without a word of them', async () => {
      const signer = await makeSigner();
      const key = await signer.makeKey({ algorithm: 'ed25519' });
      const argumentsForGpg = ['--batch', '--armor', '--export-secret-keys', key.fingerprint];
      const { stdout } = await runOrThrow('gpg', argumentsForGpg, {
        env: { GNUPGHOME: signer.home },
      });
      await signer.stop();
      await writeFile(at('private.asc'), stdout);
      await complains(['check', '.', '--keys', at('private.asc')], {
        message: /private\.asc: .*private/,
        hint: cure,
      });
    });

    it('that may not be read', async () => {
      await writeFile(at('key.asc'), 'x');
      await chmod(at('key.asc'), 0);
      const reading = asNobody(() => readKeys([at('key.asc')], '--keys'));
      await assert.rejects(reading, {
        name: 'UsageError',
        message: new RegExp(`^--keys: cannot read keys: EACCES: .*${at('key.asc')}`),
      });
    });
  });

  describe('of the source', () => {
    it('a directory that is not there', async () =>
      complains(['check', at('none')], {
        message: /none: no such directory$/,
        hint: /name a directory or a git URL/,
      }));

    it('a file', async () => {
      await writeFile(at('file'), 'x');
      await complains(['check', at('file')], { message: /file: not a directory$/, hint: /name a/ });
    });

    it('a subtree that a directory does not have', async () =>
      complains(['check', directory(), '--path', 'none'], { message: /none: no such directory$/ }));

    it('a subtree that a commit does not have', async () =>
      complains(['check', remote.path, '--path', 'none'], {
        message: /^commit [0-9a-f]{40} has no directory "none"$/,
        hint: /--path/,
      }));

    it('a branch that is not there', async () =>
      complains(['check', remote.fileUrl, '--branch', 'none'], {
        message: /^the repository has no branch none; it has main$/,
        hint: /--branch/,
      }));

    it('a repository that is not there', async () =>
      complains(['check', at('none.git')], { message: /^git ls-remote failed: .*none\.git/ }));

    it('a host that does not answer', async () => {
      const port = await freePort();
      await complains(['check', `http://127.0.0.1:${port}/x.git`], {
        message: /^git ls-remote failed: .*(Failed|Couldn't) .*connect/,
      });
    });

    it('a host that wants a token, or another one', async () => {
      const { url } = await remote.serveHttp({ token: 'right' });
      await complains(['check', url], { message: /could not read Username/ });
      await writeFile(at('token'), SECRET);
      const { code, stderr } = await runLookaside(['check', url, '--git-token-file', at('token')]);
      assert.equal(code, 2);
      assert.match(stderr, /^lookaside: git \S+ failed: .*Authentication failed/);
      assert.ok(!stderr.includes(SECRET));
    });
  });
});
