import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { toBudgets } from '../../../cli/base/budget-options.ts';
import { type Environment, readSettings } from '../../../cli/base/read-settings.ts';
import { UsageError } from '../../../cli/base/usage-error.ts';
import { DEFAULT_BUDGETS } from '../../../generator/terms/budgets.ts';
import { useTemporary } from '../../kit/temporary.ts';

const complaint = async (
  flags: Readonly<Record<string, unknown>>,
  environment: Environment = {},
): Promise<UsageError> => {
  const error: unknown = await readSettings(flags, environment).catch((reason: unknown) => reason);
  assert.ok(error instanceof UsageError, `got ${JSON.stringify(error)}`);
  assert.doesNotMatch(error.message, /\n/);
  return error;
};

const readStrict = async (...args: Parameters<typeof readSettings>): Promise<boolean> =>
  (await readSettings(...args)).strict;

describe('settings', () => {
  const directory = useTemporary();
  const writeConfig = async (content: unknown): Promise<string> => {
    const file = join(directory(), 'etc', 'lookaside.yaml');
    await mkdir(join(directory(), 'etc'), { recursive: true });
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };

  it('have the budgets of the generator as defaults', async () => {
    assert.deepEqual(toBudgets(await readSettings({}, {})), DEFAULT_BUDGETS);
  });

  it('are the defaults where nothing is given', async () => {
    assert.deepEqual(await readSettings({}, {}), {
      keys: [],
      scopes: undefined,
      release: false,
      releases: undefined,
      source: undefined,
      policy: undefined,
      'policy-root': '/',
      branch: undefined,
      path: '',
      'max-path-depth': 32,
      'max-path-length': 1024,
      'gpgv-limit': 2000,
      'max-entries': 4_000_000,
      'max-path-bytes': 1024 ** 3,
      'max-transfer': 4 * 1024 ** 3,
      'max-connections': 10_000,
      'max-disk': 16 * 1024 ** 3,
      to: undefined,
      'pull-request': false,
      forge: undefined,
      wait: undefined,
      'commit-url': undefined,
      at: undefined,
      cluster: undefined,
      digest: [],
      manifests: undefined,
      'per-file': 200,
      without: [],
      write: undefined,
      'dry-run': false,
      'keep-going': false,
      clear: false,
      timeout: 120_000,
      'sign-by': undefined,
      from: undefined,
      digests: undefined,
      'from-refused': undefined,
      jobs: 4,
      reread: 86_400_000,
      require: [],
      map: [],
      images: undefined,
      'images-from': undefined,
      'images-to': undefined,
      'insecure-accept-anything': false,
      'mirrored-images': undefined,
      tags: [],
      list: false,
      copy: false,
      stages: false,
      identity: undefined,
      'passphrase-file': undefined,
      gpg: 'gpg',
      again: false,
      base: undefined,
      'allow-removals': false,
      'all-branches': false,
      'no-color': false,
      'on-invalid': 'quarantine',
      'git-token-file': undefined,
      'git-user': 'x-access-token',
      'git-ssh-key-file': undefined,
      'git-known-hosts-file': undefined,
      'git-ca-file': undefined,
      'state-dir': join(homedir(), '.local/state/lookaside'),
      format: 'text',
      strict: false,
      'expiry-warning': 30 * 86_400_000,
      out: undefined,
      listen: { host: '::', port: 8080 },
      'status-listen': { host: 'localhost', port: 8081 },
      drain: 0,
      'webhook-secret-file': undefined,
      'webhook-forges': [
        'github',
        'forgejo',
        'gitea',
        'gogs',
        'gitlab',
        'bitbucket',
        'azure',
        'generic',
      ],
      peers: undefined,
      'notify-url': [],
      'notify-secret-file': undefined,
      'audit-log': undefined,
      poll: 60_000,
      'cache-missing': 0,
      'access-log': 'combined',
      'trusted-proxies': [],
      'tls-cert': undefined,
      'tls-key': undefined,
      url: undefined,
      scope: [],
      target: 'files',
      name: 'lookaside',
      default: undefined,
      merge: undefined,
      force: false,
      clients: 'any',
      'keys-as': 'file',
      rootless: false,
      staging: undefined,
      pool: [],
      ignition: '3.2.0',
      butane: '4.12.0',
      check: undefined,
      diff: undefined,
      server: undefined,
      platform: [],
      authfile: undefined,
      origins: {},
    });
  });

  it('say where each value comes from', async () => {
    const config = await writeConfig({ branch: 'a', path: 'b', poll: '1s' });
    const { origins } = await readSettings({ config, branch: 'c' }, { LOOKASIDE_PATH: 'd' });
    assert.deepEqual(origins, {
      branch: '--branch',
      path: 'LOOKASIDE_PATH',
      poll: `${config}: poll`,
    });
  });

  it('take the paths of SCOPE=PATH relative to the file too, and - for a stream', async () => {
    const file = await writeConfig({ scope: ['a.example=one=1.asc', '=/abs.asc'], out: '-' });
    const { scope, out } = await readSettings({ config: file }, {});
    assert.deepEqual(scope, [
      { name: 'a.example', path: join(directory(), 'etc', 'one=1.asc') },
      { name: '', path: '/abs.asc' },
    ]);
    assert.equal(out, '-');
    const single = await readSettings({ config: await writeConfig({ scope: 'b.example=k' }) }, {});
    assert.deepEqual(single.scope, [{ name: 'b.example', path: join(directory(), 'etc', 'k') }]);
    const wrong = await complaint({ config: await writeConfig({ scope: 7 }) });
    assert.match(wrong.message, /: scope: expected a value or a list of values, got 7$/);
  });

  it('take SCOPE=PATH of the environment by commas', async () => {
    const { scope } = await readSettings({}, { LOOKASIDE_SCOPE: 'a.example:5000=a,b.example=b' });
    assert.deepEqual(scope, [
      { name: 'a.example:5000', path: 'a' },
      { name: 'b.example', path: 'b' },
    ]);
  });

  it('keep their state where the user keeps state', async () => {
    const settings = await readSettings({}, { XDG_STATE_HOME: '/var/state' });
    assert.equal(settings['state-dir'], '/var/state/lookaside');
  });

  it('keep their state at home where XDG_STATE_HOME is relative or empty, as its specification has it', async () => {
    for (const given of ['', 'state']) {
      const settings = await readSettings({}, { XDG_STATE_HOME: given, HOME: '/home/me' });
      assert.equal(settings['state-dir'], '/home/me/.local/state/lookaside');
    }
  });

  it('come from flags over the environment over the file over the defaults', async () => {
    const config = await writeConfig({
      branch: 'of-file',
      poll: '5m',
      path: 'of/file',
      format: 'json',
    });
    const environment = {
      LOOKASIDE_CONFIG: config,
      LOOKASIDE_BRANCH: 'of-environment',
      LOOKASIDE_POLL: '7s',
    };
    const settings = await readSettings({ branch: 'of-flag' }, environment);
    assert.equal(settings.branch, 'of-flag');
    assert.equal(settings.poll, 7000);
    assert.equal(settings.path, 'of/file');
    assert.equal(settings.format, 'json');
    assert.equal(settings['access-log'], 'combined');
  });

  it('prefer the file of the flag to that of the environment', async () => {
    const config = await writeConfig({ branch: 'flag' });
    const settings = await readSettings({ config }, { LOOKASIDE_CONFIG: '/nowhere' });
    assert.equal(settings.branch, 'flag');
  });

  it('let a flag win though its value means nothing', async () => {
    const config = await writeConfig({ path: 'sub', poll: '5m' });
    const settings = await readSettings({ config, path: '.', poll: '0s' }, {});
    assert.equal(settings.path, '');
    assert.equal(settings.poll, 0);
  });

  it('take paths of the file relative to the file, and others as they are', async () => {
    const file = await writeConfig({
      keys: ['keys', '../more.asc', '/abs.asc'],
      'state-dir': '../state',
      'webhook-secret-file': 'secret',
      policy: 'policy.json',
      'policy-root': '../root',
      scopes: {
        'registry.example': { keys: ['one.asc', '/abs.asc'] },
        '*.test': { keys: '../two' },
      },
      out: 'out',
      path: 'sub/tree',
      branch: 'a/b',
    });
    const settings = await readSettings({ config: relative(process.cwd(), file) }, {});
    const etc = join(directory(), 'etc');
    assert.deepEqual(settings.keys, [join(etc, 'keys'), join(directory(), 'more.asc'), '/abs.asc']);
    assert.equal(settings['state-dir'], join(directory(), 'state'));
    assert.equal(settings['webhook-secret-file'], join(etc, 'secret'));
    assert.equal(settings.out, join(etc, 'out'));
    assert.equal(settings.policy, join(etc, 'policy.json'));
    assert.equal(settings['policy-root'], join(directory(), 'root'));
    assert.deepEqual(settings.scopes, {
      'registry.example': { keys: [join(etc, 'one.asc'), '/abs.asc'], require: 'any' },
      '*.test': { keys: [join(directory(), 'two')], require: 'any' },
    });
    assert.equal(settings.path, 'sub/tree');
    assert.equal(settings.branch, 'a/b');
    assert.deepEqual((await readSettings({ keys: ['keys'] }, {})).keys, ['keys']);
  });

  it('take several values where that makes sense', async () => {
    const config = await writeConfig({ keys: 'one.asc', 'trusted-proxies': ['10.0.0.0/8', '::1'] });
    const fromFile = await readSettings({ config }, {});
    assert.deepEqual(fromFile.keys, [join(directory(), 'etc/one.asc')]);
    assert.deepEqual(fromFile['trusted-proxies'], ['10.0.0.0/8', '::1']);
    const fromEnvironment = await readSettings(
      {},
      { LOOKASIDE_KEYS: '/a.asc:/b.gpg', LOOKASIDE_TRUSTED_PROXIES: 'fd00::/8,10.0.0.0/8' },
    );
    assert.deepEqual(fromEnvironment.keys, ['/a.asc', '/b.gpg']);
    assert.deepEqual(fromEnvironment['trusted-proxies'], ['fd00::/8', '10.0.0.0/8']);
  });

  it('take what is given or not from flags, the environment and the file', async () => {
    assert.equal(await readStrict({ strict: true }, {}), true);
    assert.equal(await readStrict({}, { LOOKASIDE_STRICT: 'true' }), true);
    assert.equal(await readStrict({}, { LOOKASIDE_STRICT: 'false' }), false);
    assert.equal(await readStrict({ config: await writeConfig({ strict: true }) }, {}), true);
    const config = await writeConfig('strict: "true"');
    assert.equal(await readStrict({ config }, {}), true);
    assert.equal(await readStrict({ config }, { LOOKASIDE_STRICT: 'false' }), false);
    assert.equal(await readStrict({ config, strict: true }, { LOOKASIDE_STRICT: 'false' }), true);
  });

  for (const [what, content] of [
    ['an empty file', ''],
    ['a comment', '# nothing yet\n'],
    ['null', 'null'],
  ] as const) {
    it(`are the defaults with ${what}`, async () => {
      assert.equal((await readSettings({ config: await writeConfig(content) }, {})).poll, 60_000);
    });
  }

  const badFiles: Readonly<
    Record<string, readonly [content: string, message: RegExp, hint?: string]>
  > = {
    'that is a list': ['- a\n- b', /: expected a mapping of options, got a list$/],
    'that is a secret, which stays one': [
      's3cret',
      /: expected a mapping of options, got a string$/,
    ],
    'that is no YAML': [
      'a: [',
      /^cannot read the configuration file .* line 1, column 5$/,
      'it must be YAML with one option a line, for example `poll: 5m`',
    ],
    'with the same key twice': [
      'poll: 1s\npoll: 2s',
      /^cannot read the configuration file .*unique/,
    ],
    'with an unknown key': ['brnch: x', /: unknown key brnch$/, 'did you mean branch?'],
    'with another unknown key': ['xyz: x', /: unknown key xyz$/],
    'with a key in capitals': ['Poll: 1s', /: unknown key Poll$/, 'did you mean poll?'],
    'with a bad value': ['poll: soon', /lookaside\.yaml: poll: expected a duration/],
    'that names a file again': ['config: x', /: unknown key config$/],
    'with a list where one value goes': [
      'branch: [a, b]',
      /: branch: expected text, got \["a","b"\]$/,
    ],
    'whose scopes are no mapping': [
      'scopes: [a]',
      /: scopes: expected a mapping of scopes, got \["a"\]$/,
    ],
    'with a scope that is no mapping': [
      'scopes: {registry.example: a.asc}',
      /: scopes: registry\.example: /,
    ],
    'with a scope without keys': [
      'scopes: {registry.example: {}}',
      /: scopes: registry\.example: expected keys, or release: true for images that a release vouches for$/,
    ],
    'with a scope without a host': [
      'scopes: {team/app: {keys: a.asc}}',
      /: scopes: team\/app: expected HOST, HOST\/NAMESPACE, .* or \*\.DOMAIN, got "team\/app": it has no host: docker\.io is that of images without one$/,
    ],
    'with an unknown member of a scope': [
      'scopes: {registry.example: {keys: a.asc, requires: all}}',
      /: scopes: registry\.example: unknown key requires$/,
      'did you mean require?',
    ],
    'with a misspelt member of a signedIdentity': [
      'scopes: {registry.example: {keys: a.asc, signedIdentity: {type: matchExact, prefx: a}}}',
      /: scopes: registry\.example: signedIdentity: unknown key prefx$/,
      'did you mean prefix?',
    ],
    'with a member of a scope that is like none': [
      'scopes: {registry.example: {keys: a.asc, colour: red}}',
      /: scopes: registry\.example: unknown key colour$/,
      'use one of keys, release, require, signedIdentity, prefix, vendor, store, keyPath',
    ],
    'with a misspelt member of a release area': [
      'releases: [{from: x, key: a.asc}]',
      /: releases: 0: unknown key key$/,
      'did you mean keys?',
    ],
    'with two kinds of signedIdentity in one': [
      'scopes: {registry.example: {keys: a.asc, signedIdentity: {type: matchExact, prefix: a}}}',
      /: scopes: registry\.example: signedIdentity: unknown key prefix$/,
      'who may sign which images, and under which names: see "Scopes"',
    ],
    'with the same scope twice': [
      'scopes:\n  registry.example: {keys: a.asc}\n  registry.example: {keys: b.asc}',
      /^cannot read the configuration file .*unique/,
    ],
    'with neither true nor false': ['strict: yes', /: strict: expected true or false, got "yes"$/],
    'with a path that is nothing': ['keys: ""', /: keys: expected a value or a list/],
    'with a policy that is nothing': ['policy: ""', /: policy: expected a value, got nothing$/],
    'with a list that holds no text': ['keys: [1]', /: keys: expected a value or a list of values/],
  };
  for (const [title, [content, message, hint]] of Object.entries(badFiles)) {
    it(`refuse a file ${title}`, async () => {
      const error = await complaint({ config: await writeConfig(content) });
      assert.match(error.message, message);
      if (hint) assert.equal(error.hint, hint);
    });
  }

  it('refuse a file that is not there', async () => {
    const error = await complaint({ config: '/nowhere/x.yaml' });
    assert.match(error.message, /^cannot read the configuration file "\/nowhere\/x\.yaml": ENOENT/);
    assert.equal(error.hint, 'name it with --config or LOOKASIDE_CONFIG');
  });

  for (const [variable, hint] of [
    ['LOOKASIDE_BRNCH', 'did you mean LOOKASIDE_BRANCH?'],
    ['LOOKASIDE_KEY', 'did you mean LOOKASIDE_KEYS?'],
    ['LOOKASIDE_CONF', 'did you mean LOOKASIDE_CONFIG?'],
    ['LOOKASIDE_SCOPES', undefined],
    ['LOOKASIDE_', undefined],
  ] as const) {
    it(`refuse the variable ${variable}`, async () => {
      const error = await complaint({}, { [variable]: 'x' });
      assert.equal(error.message, `unknown environment variable ${variable}`);
      if (hint) assert.equal(error.hint, hint);
      assert.ok(error.hint);
    });
  }

  it('do not mind other variables', async () => {
    await readSettings({}, { LOOKASIDER: 'x', lookaside_x: 'x', PATH: '/bin' });
  });
});
