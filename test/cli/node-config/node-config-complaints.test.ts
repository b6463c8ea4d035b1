// `lookaside node-config` used wrongly, or in a world that does not let it work.
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { asNobody } from '../../kit/process/as-nobody.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { describeWith } from '../../with-tools.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { REJECTING, filesIn, useNodeConfig } from './use-node-config.ts';

describeWith(['gpg'], 'lookaside node-config complains', () => {
  const { signer, at, team, call, writeJson } = useNodeConfig();

  interface Complaining {
    readonly args: () => Promise<readonly string[]> | readonly string[];
    readonly message: RegExp;
    readonly hint?: RegExp;
  }
  const out = () => ['--out', at('out')];
  const raw = async (text: string | Uint8Array): Promise<string[]> => {
    await writeFile(at('policy.json'), text);
    return [...out(), ...team(), '--merge', at('policy.json')];
  };
  const refused = /^hint: nodes refuse the whole file too: see containers-policy\.json\(5\)$/;
  const cases: Readonly<Record<string, Complaining>> = {
    'no --out': {
      args: () => [...team(), ...REJECTING],
      message: /^node-config needs --out: where to write the files$/,
      hint: /^hint: give --out DIR, or --out -$/,
    },
    'an operand': {
      args: () => ['signatures', ...out()],
      message: /^too many arguments for 'node-config'/,
    },
    'no keys': {
      args: () => [...out(), ...REJECTING],
      message: /^expected keys, got none$/,
      hint: /^hint: give --scope quay\.io\/team=team\.asc, or --keys$/,
    },
    'keys that are not there': {
      args: () => [...out(), ...REJECTING, '--scope', `quay.io=${at('none.asc')}`],
      message: /^--scope: "quay\.io": cannot read keys: ENOENT: .*none\.asc/,
      hint: /^hint: /,
    },
    'a private key': {
      args: async () => {
        const { stdout } = await runOrThrow('gpg', ['--armor', '--export-secret-keys'], {
          env: { GNUPGHOME: signer().home },
        });
        await writeFile(at('private.asc'), stdout);
        return [...out(), ...REJECTING, '--scope', `quay.io=${at('private.asc')}`];
      },
      message: /private\.asc: expected public keys, got a private key$/,
      hint: /^hint: export public keys with/,
    },
    '--policy': {
      args: () => [...out(), ...REJECTING, '--policy', 'x'],
      message: /^node-config writes a policy from keys and scopes, not from --policy$/,
      hint: /^hint: give --scope, --keys or scopes; --merge FILE keeps a policy$/,
    },
    'no default': {
      args: () => [...out(), ...team()],
      message: /^--default is required: it decides about images outside all scopes$/,
      hint: /^hint: give --default reject or --default insecureAcceptAnything, or --merge FILE$/,
    },
    'a scope in the file and in a flag': {
      args: async () => {
        await writeJson('a.yaml', { scopes: { 'quay.io/team': { keys: 'red.asc' } } });
        return [...out(), ...REJECTING, ...team(), '--config', at('a.yaml')];
      },
      message: /^--scope: "quay\.io\/team" is in the configuration file too$/,
      hint: /^hint: name its keys in only one of them$/,
    },
    'an address that is none': {
      args: () => [...out(), ...REJECTING, ...team(), '--url', 'sigs.example'],
      message: /^--url: expected an https:\/\/ address of a store, got "sigs\.example"$/,
      hint: /^hint: give --url https:\/\/signatures\.example\.com$/,
    },
    'different keys in one file': {
      args: () => {
        const other = `h.example=${at('blue.gpg')}`;
        return [...out(), ...REJECTING, ...team(), '--scope', other, '--keys-as', 'no-reboot'];
      },
      message:
        /^--keys-as no-reboot: \/etc\/\S+ is one file for all scopes, but these have different keys$/,
      hint: /^hint: use --keys-as data: the policy is taken without a reboot too$/,
    },
    'a file of the system for a home directory': {
      args: () => [...out(), ...REJECTING, ...team(), '--rootless', '--keys-as', 'no-reboot'],
      message: /^--keys-as no-reboot cannot be used with --rootless$/,
      hint: /^hint: leave out one of them$/,
    },
    'a policy that is not there': {
      args: () => [...out(), ...team(), '--merge', at('none.json')],
      message: /^--merge: cannot read .*none\.json: ENOENT/,
      hint: /^hint: name a policy\.json that can be read$/,
    },
    'a policy that is a directory': {
      args: () => [...out(), ...team(), '--merge', at()],
      message: /^--merge: cannot read .*: EISDIR/,
      hint: /^hint: name a policy\.json that can be read$/,
    },
    'a policy without end': {
      args: () => [...out(), ...team(), '--merge', '/dev/zero'],
      message: /^--merge: \/dev\/zero: expected at most 16 MiB, got more$/,
      hint: /^hint: name a policy\.json that can be read$/,
    },
    'a policy that is no JSON': {
      args: () => raw('{'),
      message: /policy\.json: expected JSON$/,
      hint: refused,
    },
    'a policy with a byte order mark': {
      args: () => raw('\uFEFF{"default":[{"type":"reject"}]}'),
      message: /policy\.json: expected JSON$/,
      hint: refused,
    },
    'a policy with a scope twice': {
      args: () =>
        raw(
          '{"default":[{"type":"reject"}],"transports":{"docker":{\n"a":[{"type":"reject"}],\n"\\u0061":[{"type":"reject"}]}}}',
        ),
      message: /policy\.json: expected each member once, got one twice in line 3$/,
      hint: refused,
    },
    'a policy with an unknown member': {
      args: () => raw('{"default":[{"type":"reject"}],"transport":{}}'),
      message: /policy\.json: .*"transport"/,
      hint: refused,
    },
    'a policy without a default': {
      args: () => raw('{"transports":{}}'),
      message: /policy\.json: default: /,
      hint: refused,
    },
    'a policy that is nested deep': {
      args: () => raw('['.repeat(200_000) + ']'.repeat(200_000)),
      message: /policy\.json: expected JSON$/,
      hint: refused,
    },
    'an --out that is a file': {
      args: () => ['--out', at('red.asc'), ...REJECTING, ...team()],
      message: /^cannot write .*red\.asc\/etc\/\S+: (?:ENOTDIR|EEXIST)/,
      hint: /^hint: name a directory that can be written to with --out$/,
    },
    'a directory where a file goes': {
      args: async () => {
        await mkdir(at('out/etc/containers/policy.json/x'), { recursive: true });
        return [...out(), ...REJECTING, ...team()];
      },
      message: /^cannot write .*out\/etc\/containers\/policy\.json: it is a directory$/,
      hint: /^hint: move it away$/,
    },
    'pools of files': {
      args: () => [...out(), ...REJECTING, ...team(), '--pool', 'worker'],
      message: /^--pool has no effect with --target files$/,
      hint: /^hint: it is for --target machineconfig and butane, and for --cluster$/,
    },
    'a version of Ignition in Butane': {
      args: () => [...out(), ...REJECTING, ...team(), '--target=butane', '--ignition=3.4.0'],
      message: /^--ignition has no effect with --target butane$/,
    },
    'a version of Butane in a script': {
      args: () => [...out(), ...REJECTING, ...team(), '--target=script', '--butane=4.16.0'],
      message: /^--butane has no effect with --target script$/,
    },
    'a form of report for files': {
      args: () => [...out(), ...REJECTING, ...team(), '--format', 'json'],
      message: /^--format has no effect with --target files$/,
      hint: /^hint: it is for --check and --cluster$/,
    },
    'force without anything to force': {
      args: () => ['--out', '-', ...REJECTING, ...team(), '--force'],
      message: /^--force has no effect with --target files$/,
      hint: /^hint: it is for --merge, and for --out DIR with --target files$/,
    },
    'force beside --check': {
      args: () => ['--check', at(), ...team(), '--force'],
      message: /^--force has no effect with --check$/,
    },
    'pools beside --diff': {
      args: () => ['--diff', at(), ...team(), '--pool', 'infra'],
      message: /^--pool has no effect with --diff$/,
    },
    'a link that may lead out of the tree': {
      args: async () => {
        await mkdir(at('out/etc'), { recursive: true });
        await mkdir(at('else'));
        await symlink(at('else'), at('out/etc/pki'));
        return [...out(), ...REJECTING, ...team()];
      },
      message: /^cannot write below .*out\/etc\/pki: it is a symbolic link, and may lead out of /,
      hint: /^hint: replace it by a directory, or write to another --out$/,
    },
  };
  for (const [title, { args, message, hint }] of Object.entries(cases)) {
    it(`of ${title}`, async () => {
      const { code, stdout, stderr } = await call(...(await args()));
      const [first = '', second, ...rest] = stderr.trimEnd().split('\n');
      assert.equal(code, 2, stderr);
      assert.equal(stdout.length, 0);
      assert.match(first, /^lookaside: /);
      assert.match(first.slice('lookaside: '.length), message);
      if (hint) assert.match(second ?? '', hint);
      assert.deepEqual(rest, []);
      const left = (await filesIn(at())).filter((file) => file.startsWith('out/etc'));
      assert.deepEqual(left, []);
    });
  }

  it('of a store without an address', async () => {
    const { code, stderr } = await runInProcess(['node-config', ...out(), ...REJECTING, ...team()]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^lookaside: node-config needs the address of the store\nhint: give --url/,
    );
  });

  it('of a directory that it may not write to, and leaves it as it is', async () => {
    await mkdir(at('out/etc'), { recursive: true });
    await chmod(at(), 0o755);
    const { code, stderr } = await asNobody(async () => call(...out(), ...REJECTING, ...team()));
    assert.equal(code, 2);
    assert.match(stderr, /^lookaside: cannot write .*: EACCES: .*\nhint: name a directory/);
    assert.deepEqual(await readdir(at('out/etc')), []);
  });
});
