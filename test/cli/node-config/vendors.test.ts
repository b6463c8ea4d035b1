// Scopes with a store of their own, and vendors' entries: what nodes get for them, and what they have already.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parse } from 'yaml';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { run } from '../../kit/process/run.ts';
import { describeWith } from '../../with-tools.ts';
import {
  ANYTHING,
  REJECT,
  REJECTING,
  URL,
  filesIn,
  signedBy,
  signedByFile,
  useNodeConfig,
} from './use-node-config.ts';

const REDHAT_KEY = '/etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release';
const ACCESS = 'https://access.redhat.com/webassets/docker/content/sigstore';
const IO = 'https://registry.redhat.io/containers/sigstore';
const REGISTRIES = 'etc/containers/registries.d';
/** As containers-common brings them, word for word. */
const DISTRIBUTED = {
  'registry.access.redhat.com.yaml': `docker:
     registry.access.redhat.com:
         lookaside: ${ACCESS}
`,
  'registry.redhat.io.yaml': `docker:
     registry.redhat.io:
         lookaside: ${IO}
`,
} as const;

const both = (store: string) => ({ lookaside: store, sigstore: store });

describeWith(['gpg', 'skopeo'], 'lookaside node-config, for the stores of vendors,', () => {
  const { at, call, write, writeJson, readPolicy } = useNodeConfig();
  const configure = async (scopes: object): Promise<readonly string[]> => [
    '--config',
    await writeJson('lookaside.yaml', { scopes }),
  ];
  const readYaml = async (file: string): Promise<unknown> =>
    parse(await readFile(at('out', REGISTRIES, file), 'utf8'));
  const put = async (path: string, text: string | Uint8Array): Promise<void> => {
    await mkdir(dirname(at('out', path)), { recursive: true });
    await writeFile(at('out', path), text);
  };
  const redhat = {
    'registry.access.redhat.com': { vendor: 'redhat' },
    'registry.redhat.io': { vendor: 'redhat' },
  };

  const checkNode = async (scopes: object): Promise<string> => {
    const { code, stdout } = await call('--check', at('out'), ...(await configure(scopes)));
    assert.equal(code, / fault: | faults: |^faults/m.test(String(stdout)) ? 1 : 0);
    return String(stdout);
  };

  it('names the store and the keys of the vendor, and writes no copy of them', async () => {
    const args = await configure({ ...redhat, 'quay.io/team': { keys: 'red.asc' } });
    const said = await write(...args, ...REJECTING);
    assert.match(said, new RegExp(`${REDHAT_KEY} is not written`));
    assert.deepEqual(await filesIn(at('out')), [
      'etc/containers/policy.json',
      `${REGISTRIES}/lookaside.yaml`,
      ...Object.keys(DISTRIBUTED).map((file) => `${REGISTRIES}/${file}`),
      'etc/pki/containers/lookaside-quay.io-team.asc',
    ]);
    const requirement = [signedBy({ keyPath: REDHAT_KEY })];
    const { transports } = Object(await readPolicy());
    assert.deepEqual(transports.docker, {
      'registry.access.redhat.com': requirement,
      'registry.redhat.io': requirement,
      'quay.io/team': [signedByFile('-quay.io-team')],
    });
    assert.deepEqual(await readYaml('lookaside.yaml'), { docker: { 'quay.io/team': both(URL) } });
  });

  it('needs no address of this store where every scope has another', async () => {
    const without = async (...args: readonly string[]) =>
      runInProcess(['node-config', '--default', 'reject', '--out', at('out'), ...args]);
    const { code, stderr } = await without(...(await configure(redhat)));
    assert.equal(code, 0, stderr);
    assert.deepEqual(await readYaml('registry.redhat.io.yaml'), {
      docker: { 'registry.redhat.io': both(IO) },
    });
    await put(REDHAT_KEY, await readFile(at('red.asc')));
    const check = ['node-config', '--check', at('out')];
    const checked = await runInProcess([...check, ...(await configure(redhat))]);
    assert.match(String(checked.stdout), /^good: 2 scopes/m);
    const own = await configure({ ...redhat, 'quay.io/team': { keys: 'red.asc' } });
    const needed = await without(...own);
    assert.equal(needed.code, 2);
    assert.match(needed.stderr, /node-config needs the address of the store/);
  });

  it('means the same as the files of distributions, in files of the same names', async () => {
    await write(...(await configure(redhat)), ...REJECTING, '--clients', '5.22+');
    for (const [file, text] of Object.entries(DISTRIBUTED)) {
      assert.deepEqual(await readYaml(file), parse(text));
    }
  });

  it('lets parts of a vendor have a store or keys of their own', async () => {
    const scopes = {
      'registry.redhat.io': { vendor: 'redhat', store: 'https://copy.example/redhat' },
      'registry.redhat.io/redhat/index': { vendor: 'redhat', keyPath: '/etc/pki/isv' },
      'registry.suse.com': { vendor: 'suse', keys: 'blue.gpg' },
    };
    await write(...(await configure(scopes)), ...REJECTING);
    const { transports } = Object(await readPolicy());
    assert.deepEqual(transports.docker, {
      'registry.redhat.io': [signedBy({ keyPath: REDHAT_KEY })],
      'registry.redhat.io/redhat/index': [signedBy({ keyPath: '/etc/pki/isv' })],
      'registry.suse.com': [signedByFile('-registry.suse.com')],
    });
    assert.deepEqual(await readYaml('lookaside.yaml'), {
      docker: {
        'registry.redhat.io/redhat/index': both(IO),
        'registry.suse.com': both('https://registry.suse.com/sigstore'),
      },
    });
    assert.deepEqual(await readYaml('registry.redhat.io.yaml'), {
      docker: { 'registry.redhat.io': both('https://copy.example/redhat') },
    });
  });

  it('is read by skopeo without a complaint', async () => {
    const all = {
      ...redhat,
      'quay.io/openshift-release-dev/ocp-release': { vendor: 'openshift' },
      'registry.opensuse.org': { vendor: 'suse', keys: 'red.asc' },
    };
    await write(...(await configure(all)), ...REJECTING);
    // No image is there, and nobody is asked: both files are read before that matters.
    const { stderr } = await run('skopeo', [
      '--policy',
      at('out/etc/containers/policy.json'),
      '--registries.d',
      at('out', REGISTRIES),
      'copy',
      `dir:${at('none')}`,
      'docker://127.0.0.1:1/none',
    ]);
    assert.match(stderr, /none\/manifest\.json: no such file|Source image rejected/);
  });

  it('leaves the staging directory of a machine that signs to its own images', async () => {
    const args = await configure({ ...redhat, 'quay.io/team': { keys: 'red.asc' } });
    await write(...args, ...REJECTING, '--staging', '/srv/staging', '--clients', '5.22+');
    assert.deepEqual(await readYaml('registry.redhat.io.yaml'), {
      docker: { 'registry.redhat.io': { lookaside: IO } },
    });
    assert.deepEqual(await readYaml('lookaside.yaml'), {
      docker: {
        'quay.io/team': {
          lookaside: 'file:///srv/staging',
          'lookaside-staging': 'file:///srv/staging',
        },
      },
    });
  });

  it('refuses to lay a scope over a file that has it under another name', async () => {
    await put(`${REGISTRIES}/redhat.yaml`, DISTRIBUTED['registry.redhat.io.yaml']);
    const { code, stderr } = await call(
      '--out',
      at('out'),
      ...REJECTING,
      ...(await configure(redhat)),
    );
    assert.equal(code, 2);
    assert.match(stderr, /redhat\.yaml: expected the scope "registry\.redhat\.io" in one file/);
    assert.match(stderr, /hint: remove it from redhat\.yaml/);
  });

  it('merges into a policy that has the same keys at the same path, seen or not', async () => {
    const requirement = [signedBy({ keyPath: REDHAT_KEY })];
    const docker = { 'registry.access.redhat.com': requirement, 'registry.redhat.io': requirement };
    const policy = await writeJson('policy.json', { default: ANYTHING, transports: { docker } });
    const merge = ['--merge', policy, '--policy-root', at('root'), ...(await configure(redhat))];
    await write(...merge);
    await mkdir(dirname(at(`root${REDHAT_KEY}`)), { recursive: true });
    await copyFile(at('red.asc'), at(`root${REDHAT_KEY}`));
    await write(...merge);
    assert.deepEqual(await readPolicy(), { default: ANYTHING, transports: { docker } });
  });

  it('does not merge where other keys were asked for, but with --force', async () => {
    const docker = { 'registry.redhat.io': [signedBy({ keyPath: '/etc/pki/other' })] };
    const policy = await writeJson('policy.json', { default: ANYTHING, transports: { docker } });
    const merge = ['--merge', policy, '--policy-root', at('root'), ...(await configure(redhat))];
    const { code, stderr } = await call('--out', at('out'), ...merge);
    assert.equal(code, 2);
    assert.match(stderr, /"registry\.redhat\.io" would accept images that it refuses now/);
    await write(...merge, '--force');
  });

  describe('checks a node', () => {
    /** A node as RHEL ships it, but for a policy that asks for signatures. */
    beforeEach(async () => {
      const requirement = [signedBy({ keyPath: REDHAT_KEY })];
      const docker = Object.fromEntries(Object.keys(redhat).map((name) => [name, requirement]));
      const policy = JSON.stringify({ default: REJECT, transports: { docker } });
      await put('etc/containers/policy.json', policy);
      for (const [file, text] of Object.entries(DISTRIBUTED)) {
        await put(`${REGISTRIES}/${file}`, text.replace('lookaside', 'sigstore'));
      }
      await put(REDHAT_KEY, await readFile(at('red.asc')));
    });

    it('of RHEL, and finds nothing wrong with it, whether or not it knows the keys', async () => {
      assert.match(await checkNode(redhat), /^good: 2 scopes, 0 faults, 0 warnings$/m);
      const known = { 'registry.redhat.io': { vendor: 'redhat', keys: 'red.asc' } };
      assert.match(await checkNode(known), /^good: 1 scope, 0 faults, 0 warnings$/m);
    });

    it('and minds docker only where that looks at no policy', async () => {
      for (const options of [
        '#OPTIONS=--signature-verification=false',
        "OPTIONS='--signature-verification=true'",
        "OPTIONS='--selinux-enabled'",
      ]) {
        await put('etc/sysconfig/docker', `${options}\n`);
        assert.match(await checkNode(redhat), /^good: 2 scopes, 0 faults/m);
      }
    });

    for (const [title, spoil, expected] of [
      [
        'the policy takes anything',
        () =>
          put(
            'etc/containers/policy.json',
            JSON.stringify({
              default: REJECT,
              transports: { docker: { 'registry.redhat.io': ANYTHING } },
            }),
          ),
        /weaker-scope: expected signedBy a key in \/etc\/pki\/rpm-gpg\/RPM-GPG-KEY-redhat-release, got insecure/,
      ],
      [
        'the file of keys is missing',
        () => rm(at('out', REDHAT_KEY)),
        /RPM-GPG-KEY-redhat-release: key-file-missing/,
      ],
      [
        'a second file has the scope',
        () => put(`${REGISTRIES}/own.yaml`, DISTRIBUTED['registry.redhat.io.yaml']),
        /duplicate-scope: expected the scope "registry\.redhat\.io" in one file/,
      ],
      [
        'the scope has our own store',
        () =>
          put(
            `${REGISTRIES}/registry.redhat.io.yaml`,
            DISTRIBUTED['registry.redhat.io.yaml'].replace(IO, URL),
          ),
        /store-differs: expected "https:\/\/registry\.redhat\.io\/containers\/sigstore", got "https:\/\/sigs\.example"/,
      ],
      [
        'the policy names another file',
        async () => {
          const file = at('out/etc/containers/policy.json');
          await put('etc/pki/other', await readFile(at('red.asc')));
          const text = await readFile(file, 'utf8');
          await writeFile(file, text.replaceAll(REDHAT_KEY, '/etc/pki/other'));
        },
        /wrong-keys: .*unexpected \/etc\/pki\/other; missing \/etc\/pki\/rpm-gpg/,
      ],
    ] as const) {
      it(`and tells where ${title}`, async () => {
        await spoil();
        assert.match(await checkNode(redhat), expected);
      });
    }

    it('and tells where the known keys of the vendor are not those of the node', async () => {
      const scopes = { 'registry.redhat.io': { vendor: 'redhat', keys: 'blue.gpg' } };
      assert.match(
        await checkNode(scopes),
        /wrong-keys: expected the keys of "registry\.redhat\.io"/,
      );
    });
  });

  it('gives flatpak the store, and wants the keys themselves', async () => {
    const suse = { 'registry.suse.com': { vendor: 'suse', keys: 'red.asc' } };
    await write('--target', 'flatpak', ...REJECTING, ...(await configure(suse)));
    const options = await readFile(at('out/lookaside-registry.suse.com.flatpak'), 'utf8');
    assert.match(options, /--signature-lookaside=https:\/\/registry\.suse\.com\/sigstore\n/);
    const args = ['--out', at('out'), '--target', 'flatpak', ...REJECTING];
    const { code, stderr } = await call(...args, ...(await configure(redhat)));
    assert.equal(code, 2);
    assert.match(stderr, /names keys by the keyPath that nodes have/);
    assert.match(
      stderr,
      /hint: take keyPath out of the scope, or vendor, and give its store and its keys/,
    );
  });
});
