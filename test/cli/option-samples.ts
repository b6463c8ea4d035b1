// For every option, values that it takes, with what they become, and values that it refuses, with what
// is said of them.
import type { OptionName } from '../../cli/base/options.ts';
import { TARGET_NAMES } from '../../generator/nodes/targets/target.ts';

const LONG = 'x'.repeat(300);
const ADDRESS = 'HOST:PORT, [IPV6]:PORT or :PORT';
interface Samples {
  readonly good: readonly (readonly [value: unknown, becomes: unknown])[];
  readonly bad: readonly (readonly [value: unknown, message: string])[];
}

const COLUMNS = {
  text: {
    good: [['/some where', '/some where']],
    bad: [
      ['', 'expected a value, got nothing'],
      [5, 'expected text, got 5'],
      [true, 'expected text, got true'],
      [{ a: 1 }, 'expected text, got {"a":1}'],
    ],
  },
  several: {
    good: [
      ['a', ['a']],
      [
        ['a', 'b'],
        ['a', 'b'],
      ],
      [[], []],
    ],
    bad: [
      ['', 'expected a value or a list of values, got ""'],
      [[''], '0: expected a value, got nothing'],
      [7, 'expected a value or a list of values, got 7'],
    ],
  },
  branch: {
    good: ['main', 'release/1.x', 'é', 'a-b_c', '#1', LONG].map((name) => [name, name]),
    bad: [
      ...[
        '-x',
        'a b',
        'a..b',
        'a~1',
        'a^',
        'a:b',
        'a?',
        'a*',
        'a[b',
        'a\\b',
        'x.lock',
        'a@{1}',
      ].map((name): [unknown, string] => [
        name,
        `expected a branch name, got ${JSON.stringify(name)}`,
      ]),
      ['a\nb', 'expected a branch name, got "a\\nb"'],
      ['a//b', 'expected a branch name, got "a//b"'],
      ['a/', 'expected a branch name, got "a/"'],
      [1.5, 'expected text, got 1.5'],
    ],
  },
  path: {
    good: [
      ['.', ''],
      ['', ''],
      ['a', 'a'],
      ['./a//b/', 'a/b'],
      ['-x', '-x'],
      ['a..b', 'a..b'],
      ['.github/a.git', '.github/a.git'],
    ],
    bad: [
      ['/a', 'expected a path inside the repository, got "/a"'],
      ['../a', 'expected a path inside the repository, got "../a"'],
      ['a/..', 'expected a path inside the repository, got "a/.."'],
      ['.git', 'expected a path that git can check out, got ".git"'],
      ['a/.Git. /b', 'expected a path that git can check out, got "a/.Git. /b"'],
      ['GIT~1', 'expected a path that git can check out, got "GIT~1"'],
      [1, 'expected a path, got 1'],
    ],
  },
  address: {
    good: [
      ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
      ['localhost:0', { host: 'localhost', port: 0 }],
      ['[::1]:443', { host: '::1', port: 443 }],
      ['[::]:65535', { host: '::', port: 65_535 }],
      ['[::ffff:192.0.2.1]:80', { host: '::ffff:192.0.2.1', port: 80 }],
      [':8080', { host: '', port: 8080 }],
    ],
    bad: [
      ...[
        '8080',
        '127.0.0.1',
        '::1:80',
        'x:65536',
        'x:-1',
        'x:80a',
        ':',
        '',
        '[x]:1',
        '[1.2.3.4]:1',
        '[]:1',
        '[1:2]:80',
        '[:::]:80',
      ].map((value): [unknown, string] => [
        value,
        `expected ${ADDRESS}, got ${JSON.stringify(value)}`,
      ]),
      [8080, `expected ${ADDRESS}, got 8080`],
    ],
  },
} satisfies Record<string, Samples>;

const choice = (...values: string[]): Samples => {
  const form = `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
  return {
    good: values.map((value) => [value, value]),
    bad: ['', 'x', `${values[0]} `, `X${values[0]}`, 1, true].map((value) => [
      value,
      `expected ${form}, got ${JSON.stringify(value)}`,
    ]),
  };
};

const duration = (
  form: string,
  good: readonly [unknown, number][],
  bad: readonly unknown[],
): Samples => ({
  good: [
    ['60s', 60_000],
    ['5m', 300_000],
    ['250ms', 250],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['0s', 0],
    ['0', 0],
    [0, 0],
    ...good,
  ],
  bad: [
    'soon',
    '5',
    '-1s',
    '1.5s',
    '5 s',
    '5S',
    '1D',
    '1w',
    '',
    60,
    true,
    '9'.repeat(400),
    ...bad,
  ].map((value) => [value, `expected ${form}, got ${JSON.stringify(value)}`]),
});

const KEYS = { keys: 'a.asc' };
const WILDCARD = 'a wildcard takes no port and no repository behind the domain';
const NO_HOST = 'it has no host: docker.io is that of images without one';
/** What is said of some bad scopes, behind them. */
const SCOPE_FAULTS: ReadonlyMap<string, string> = new Map([
  ['https://registry.example', 'leave out the scheme'],
  ['registry.example//team', 'write one slash where there are two'],
  [
    'registry.example/app:v1@',
    'leave out the sign at the end, or write a tag behind ":" or a digest behind "@"',
  ],
  [
    'registry.example/app@sha256:ab',
    'a digest is "sha256:" and 64 hexadecimal digits in lower case',
  ],
  ['registry.example/', 'leave out the slash at the end'],
  ['a b', 'leave out the white space'],
  ['*', 'for images outside all scopes give --keys'],
  ['*.example/team', WILDCARD],
  ['*.example:5000', WILDCARD],
  ['registry.*', 'a wildcard stands only before a domain; a scope covers all that lies below it'],
  ['quay.io/Team', 'repositories are in lower case'],
  ['registry.example/Team', 'repositories are in lower case'],
  ['team', NO_HOST],
  ['team/app', NO_HOST],
]);

function faultOf(scope: string): string {
  const fault = SCOPE_FAULTS.get(scope);
  return fault === undefined ? '' : `: ${fault}`;
}

const SCOPE_NAME = 'expected HOST, HOST/NAMESPACE, HOST/NAMESPACE/REPOSITORY or *.DOMAIN, got ';

const SCOPE = { keys: ['a.asc'], require: 'any' } as const;
const NO_KEYS = { keys: [], require: 'any' } as const;
const STORE = 'https://vendor.example';

/** What is wrong with stores, key paths and vendors, behind the member that it is told of. */
const VENDOR_FAULTS: readonly (readonly [scope: object, fault: string])[] = [
  [
    { ...KEYS, store: 'vendor.example' },
    'store: expected an https:// address of a store, got "vendor.example"',
  ],
  [
    { ...KEYS, store: 'https://user:word@vendor.example' },
    'store: expected an address without user name, password and query: everybody may read it',
  ],
  [
    { ...KEYS, store: 'https://vendor.example/?token=1' },
    'store: expected an address without user name, password and query: everybody may read it',
  ],
  [{ store: STORE }, 'keys: expected keys, or keyPath where nodes have them already, got neither'],
  [
    { keyPath: '/etc/pki/key' },
    'keys: expected the keys of keyPath too: signatures in this store are judged by them',
  ],
  [
    { store: STORE, keyPath: 'key.asc' },
    'keyPath: expected an absolute path without dot segments, got "key.asc"',
  ],
  [
    { store: STORE, keyPath: '/etc/../key.asc' },
    'keyPath: expected an absolute path without dot segments, got "/etc/../key.asc"',
  ],
  [
    { ...KEYS, store: STORE, prefix: 'images' },
    'prefix: expected none beside store: it is a place in this store, and the signatures are in another',
  ],
  [
    { ...KEYS, keyPath: '/etc/pki/key', require: 'all' },
    'require: expected any beside keyPath: nodes take a signature by any key of one file',
  ],
  [{ vendor: 'ubuntu' }, 'vendor: expected redhat or openshift or suse, got "ubuntu"'],
  [
    { vendor: 'redhat' },
    'vendor: expected a scope of redhat (registry.access.redhat.com, registry.redhat.io, or a part of one), got "registry.example"; for a mirror give keys and signedIdentity in its place',
  ],
];

const SCOPES: Samples = {
  good: [
    [{ '': KEYS }, { '': { keys: ['a.asc'], require: 'any' } }],
    [
      { 'registry.example': { release: true } },
      { 'registry.example': { keys: [], release: true, require: 'any' } },
    ],
    ...[
      'registry.example',
      'registry.example:5000',
      'localhost',
      '*.example',
      '*.registry.example',
      'registry.example/team',
      'registry.example/team/app',
      'registry.example/team/app:v1',
      `registry.example/team/app@sha256:${'ab'.repeat(32)}`,
    ].map((name): [unknown, unknown] => [
      { [name]: KEYS },
      { [name]: { keys: ['a.asc'], require: 'any' } },
    ]),
    [
      {
        'registry.example': {
          keys: ['a', 'b'],
          require: 'all',
          prefix: './x//y/',
          signedIdentity: { type: 'matchRepository' },
        },
      },
      {
        'registry.example': {
          keys: ['a', 'b'],
          require: 'all',
          prefix: 'x/y',
          signedIdentity: { type: 'matchRepository' },
        },
      },
    ],
    [
      { 'registry.example': { ...KEYS, store: 'https://vendor.example/sigs/' } },
      { 'registry.example': { ...SCOPE, store: 'https://vendor.example/sigs' } },
    ],
    [
      { 'registry.example': { store: 'file:///srv/sigs', keyPath: '/etc/pki/key' } },
      {
        'registry.example': { ...NO_KEYS, store: 'file:///srv/sigs', keyPath: '/etc/pki/key' },
      },
    ],
    [
      { 'registry.example': { ...KEYS, keyPath: '/etc/pki/key' } },
      { 'registry.example': { ...SCOPE, keyPath: '/etc/pki/key' } },
    ],
    [
      {
        'registry.redhat.io': { vendor: 'redhat' },
        'registry.access.redhat.com/ubi9': {
          ...KEYS,
          vendor: 'redhat',
          store: 'https://copy.example',
          keyPath: '/etc/pki/own',
        },
        'registry.suse.com': { ...KEYS, vendor: 'suse' },
      },
      {
        'registry.redhat.io': {
          ...NO_KEYS,
          store: 'https://registry.redhat.io/containers/sigstore',
          keyPath: '/etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release',
        },
        'registry.access.redhat.com/ubi9': {
          ...SCOPE,
          store: 'https://copy.example',
          keyPath: '/etc/pki/own',
        },
        'registry.suse.com': { ...SCOPE, store: 'https://registry.suse.com/sigstore' },
      },
    ],
  ],
  bad: [
    [
      { 'registry.example': { keys: 'a', release: true } },
      'registry.example: expected keys or release: true, got both: images of a release need no signature of their own',
    ],
    [
      { 'registry.example': { release: false } },
      'registry.example: release: expected true, got false',
    ],
    [{}, 'expected at least one scope, got none'],
    ...VENDOR_FAULTS.map(([scope, fault]): [unknown, string] => [
      { 'registry.example': scope },
      `registry.example: ${fault}`,
    ]),
    [[], 'expected a mapping of scopes, got []'],
    ['x', 'expected a mapping of scopes, got "x"'],
    ...[
      'team/app',
      'registry.example/',
      'registry.example//team',
      '/registry.example',
      'https://registry.example',
      '*',
      '*.',
      '*.example/team',
      '*..',
      '*.a..b',
      '*.-a.example',
      '*.example:5000',
      'registry.*',
      'registry.example/Team',
      'a b',
    ].map((name): [unknown, string] => [
      { [name]: KEYS },
      `${name}: ${SCOPE_NAME}${JSON.stringify(name)}${faultOf(name)}`,
    ]),
    ...[`*.${'x.'.repeat(500)}io`, `registry.example/${'x'.repeat(240)}`].map(
      (name): [unknown, string] => [
        { [name]: KEYS },
        `${name}: ${SCOPE_NAME.replace(/, got $/, '')} of at most 255 characters, got ${name.length}`,
      ],
    ),
    [
      { 'registry.example': { keys: '' } },
      'registry.example: keys: expected a value or a list of values, got ""',
    ],
    [
      { 'registry.example': {} },
      'registry.example: expected keys, or release: true for images that a release vouches for',
    ],
    [
      { 'registry.example': { ...KEYS, require: 'both' } },
      'registry.example: require: expected any or all, got "both"',
    ],
    [
      { 'registry.example': { ...KEYS, prefix: '../y' } },
      'registry.example: prefix: expected a path inside the repository, got "../y"',
    ],
    [
      { 'registry.example': { ...KEYS, prefix: 'a\\b' } },
      'registry.example: prefix: expected a path without backslashes and control characters, got "a\\\\b"',
    ],
    [
      { 'registry.example': { ...KEYS, signedIdentity: { type: 'none' } } },
      'registry.example: signedIdentity: type: expected one of the six types of containers-policy.json',
    ],
  ],
};

const FLAG: Samples = {
  good: [
    [true, true],
    [false, false],
    ['true', true],
    ['false', false],
  ],
  bad: ['', 'yes', 'True', '1', 1, null].map((value) => [
    value,
    `expected true or false, got ${JSON.stringify(value)}`,
  ]),
};

const REPOSITORY_FORM = 'expected HOST/REPOSITORY without a tag, for example quay.io/vendor/app';
const parsed = (host: string, repository: string) => ({
  host,
  repository,
  tag: undefined,
  digest: undefined,
});

const REPOSITORY: Samples = {
  good: [
    ['quay.io/vendor/app', parsed('quay.io', 'vendor/app')],
    ['localhost:5000/a', parsed('localhost:5000', 'a')],
    ['localhost/a.b/c__d', parsed('localhost', 'a.b/c__d')],
  ],
  bad: [
    ...['', 'quay.io', 'vendor/app', 'quay.io/app:v1', 'quay.io/App', 'quay.io/a/', 7].map(
      (value): [unknown, string] => [value, `${REPOSITORY_FORM}, got ${JSON.stringify(value)}`],
    ),
    [`quay.io/${LONG}`, 'expected a name of at most 255 characters, got 308'],
  ],
};

const GLOB_FORM = "expected a tag or a pattern such as 'v1.*', with ! before what is left out";

const TAG_GLOBS: Samples = {
  good: [
    ['v1.*', ['v1.*']],
    [
      ['*', '!*-rc_1'],
      ['*', '!*-rc_1'],
    ],
    [[], []],
  ],
  bad: [
    ...['', 'a/b', '!', 'v?'].map((value): [unknown, string] => [
      value,
      `${GLOB_FORM}, got ${JSON.stringify(value)}`,
    ]),
    [['v1', 'v?'], `1: ${GLOB_FORM}, got "v?"`],
    [1.2, `${GLOB_FORM}, got 1.2`],
  ],
};

const MIRRORED = { from: 'quay.io/vendor/app', to: 'example.com/mirror/app' };
const MIRRORED_READ = {
  from: parsed('quay.io', 'vendor/app'),
  to: parsed('example.com', 'mirror/app'),
  tags: [],
  keys: [],
  insecureAcceptAnything: false,
};

const MIRRORED_IMAGES: Samples = {
  good: [
    [[MIRRORED], [MIRRORED_READ]],
    [
      [
        {
          ...MIRRORED,
          tags: 'v1.*',
          keys: ['/vendor.asc'],
          signedIdentity: { type: 'matchRepository' },
          server: 'https://signatures.example.com',
        },
        { ...MIRRORED, to: 'example.com/again', policy: '/p.json', insecureAcceptAnything: true },
      ],
      [
        {
          ...MIRRORED_READ,
          tags: ['v1.*'],
          keys: ['/vendor.asc'],
          signedIdentity: { type: 'matchRepository' },
          server: 'https://signatures.example.com',
        },
        {
          ...MIRRORED_READ,
          to: parsed('example.com', 'again'),
          policy: '/p.json',
          insecureAcceptAnything: true,
        },
      ],
    ],
  ],
  bad: [
    [[], 'expected at least one repository to mirror, got none'],
    [{}, 'expected a list of repositories to mirror, got {}'],
    [[{ ...MIRRORED, to: 'example.com' }], `0: to: ${REPOSITORY_FORM}, got "example.com"`],
    [[{ from: MIRRORED.from }], `0: to: ${REPOSITORY_FORM}, got nothing`],
    [[{ ...MIRRORED, tags: ['v?'] }], `0: tags: 0: ${GLOB_FORM}, got "v?"`],
    [[{ ...MIRRORED, keys: 7 }], '0: keys: expected a value or a list of values, got 7'],
    [
      [MIRRORED, MIRRORED],
      '1: to: expected a place of its own for each repository, got example.com/mirror/app twice',
    ],
    [
      [{ from: MIRRORED.from, to: MIRRORED.from }],
      '0: to: expected another place than quay.io/vendor/app, where the images come from',
    ],
  ],
};

const SCOPE_FLAG: Samples = {
  good: [
    ['quay.io/team=a.asc', [{ name: 'quay.io/team', path: 'a.asc' }]],
    ['=a.asc', [{ name: '', path: 'a.asc' }]],
    ['*.example=/a=b.asc', [{ name: '*.example', path: '/a=b.asc' }]],
    [
      ['h.example=a', 'h.example:5000/x:v1=b'],
      [
        { name: 'h.example', path: 'a' },
        { name: 'h.example:5000/x:v1', path: 'b' },
      ],
    ],
    [[], []],
  ],
  bad: [
    ...[
      'quay.io/team',
      'quay.io/team=',
      'registry.example//team=a.asc',
      'registry.example/app:v1@=a.asc',
      'team=a.asc',
      'quay.io/Team=a.asc',
      '=',
      '*=a',
    ].map((value): [unknown, string] => [
      value,
      `expected SCOPE=PATH, got ${JSON.stringify(value)}${faultOf(value.replace(/=?[^=]*$/, ''))}`,
    ]),
    [['a.b=c', 'x'], 'expected SCOPE=PATH, got "x"'],
    ['', 'expected a value or a list of values, got ""'],
    [7, 'expected a value or a list of values, got 7'],
  ],
};

const FILE_NAME = 'expected a name of letters, digits, dots and dashes, and not "default", got ';
const NAME: Samples = {
  good: ['lookaside', 'A.b_c-1', '0', 'default2', 'x'.repeat(63)].map((name) => [name, name]),
  bad: [
    ...['a/b', '.a', '-a', 'a b', 'ü', '..', 'default', 'x'.repeat(64)].map(
      (name): [unknown, string] => [name, `${FILE_NAME}${JSON.stringify(name)}`],
    ),
    [1, 'expected text, got 1'],
  ],
};

const USER: Samples = {
  good: ['x-token-auth', 'gitlab+deploy-token-1', 'é', 'a b', LONG].map((name) => [name, name]),
  bad: [
    ...['a:b', 'a\nb', 'a\0', '\u{9b}'].map((name): [unknown, string] => [
      name,
      `expected a user name without colons and control characters, got ${JSON.stringify(name)}`,
    ]),
    [1, 'expected text, got 1'],
  ],
};

const STAGING: Samples = {
  good: [
    ['/srv/signatures', '/srv/signatures'],
    ['/srv//sig natures/', '/srv/sig natures'],
    ['/', '/'],
    ['/ü/...', '/ü/...'],
  ],
  bad: [
    ...['srv', './srv', '/srv/../x', '/./x', '/a\nb', '~/x'].map((path): [unknown, string] => [
      path,
      `expected an absolute path without dot segments, got ${JSON.stringify(path)}`,
    ]),
    [1, 'expected text, got 1'],
  ],
};

const POOLS: Samples = {
  good: [
    ['worker', ['worker']],
    ['worker,master', ['worker', 'master']],
    [
      ['worker', 'infra,worker'],
      ['worker', 'infra'],
    ],
    [[], []],
  ],
  bad: [
    ['', 'expected a value or a list of values, got ""'],
    [7, 'expected a value or a list of values, got 7'],
    ...[',', 'Worker', 'a b', '-a', 'a-', 'x'.repeat(64)].map((value): [unknown, string] => [
      [value],
      `expected names like worker,master, got ${JSON.stringify(value === ',' ? '' : value)}`,
    ]),
  ],
};

const FORGE_WORDS =
  'expected words of github, forgejo, gitea, gogs, gitlab, bitbucket, azure, generic, got ';
const FORGES: Samples = {
  good: [
    ['github', ['github']],
    ['generic,github,generic', ['github', 'generic']],
    [
      ['gitlab', 'gitea,forgejo'],
      ['forgejo', 'gitea', 'gitlab'],
    ],
  ],
  bad: [
    ['', 'expected a value or a list of values, got ""'],
    [7, 'expected a value or a list of values, got 7'],
    [[], `${FORGE_WORDS}none`],
    ...['GitHub', 'github,', 'github gitlab', 'bitbucket-cloud'].map((value): [unknown, string] => [
      value,
      `${FORGE_WORDS}${JSON.stringify(value === 'github,' ? '' : value)}`,
    ]),
  ],
};

const PLATFORMS: Samples = {
  good: [
    ['linux/amd64', ['linux/amd64']],
    [
      ['linux/arm/v7', 'windows/386'],
      ['linux/arm/v7', 'windows/386'],
    ],
    [[], []],
  ],
  bad: [
    ['', 'expected OS/ARCH or OS/ARCH/VARIANT, got ""'],
    [7, 'expected OS/ARCH, got 7'],
    ...['amd64', 'linux/', '/amd64', 'linux/arm/v7/x', 'Linux/amd64', 'linux/a b'].map(
      (value): [unknown, string] => [
        [value],
        `expected OS/ARCH or OS/ARCH/VARIANT, got ${JSON.stringify(value)}`,
      ],
    ),
  ],
};

const BUTANE: Samples = {
  good: ['4.8.0', '4.12.0', '4.20.0'].map((version) => [version, version]),
  bad: [
    ...['4.12', '5.1.0', '4.12.1', 'v4.12.0', '4.100.0', '4.12.0-rc.1'].map(
      (version): [unknown, string] => [
        version,
        `expected the version of an OpenShift release, for example 4.14.0, got ${JSON.stringify(version)}`,
      ],
    ),
    [4.12, 'expected text, got 4.12'],
  ],
};

const COUNT: Samples = {
  good: [
    ['1', 1],
    [64, 64],
    ['2000000', 2_000_000],
  ],
  bad: ['0', '-1', '1.5', '1e3', 'x', ''].map((value): [unknown, string] => [
    value,
    `expected a whole number from 1, got ${JSON.stringify(value)}`,
  ]),
};

const SIZE: Samples = {
  good: [
    ['1024', 1024],
    [1024, 1024],
    ['4KiB', 4096],
    ['4MiB', 4 * 1024 ** 2],
    ['16GiB', 16 * 1024 ** 3],
    ['1TiB', 1024 ** 4],
  ],
  bad: ['0', '0MiB', '4MB', '4M', '4 MiB', '-1', '1.5GiB', '99999999TiB', ''].map(
    (value): [unknown, string] => [
      value,
      `expected a size like 4MiB, got ${JSON.stringify(value)}`,
    ],
  ),
};

const PROCESSOR_TIME: Samples = {
  good: [
    ['1s', 1000],
    ['1500ms', 1500],
    ['1m', 60_000],
  ],
  bad: [
    ['0s', 'expected at least 1s of processor time'],
    ['999ms', 'expected at least 1s of processor time'],
    ['2', 'expected a duration like 2s, got "2"'],
  ],
};

const RENAMINGS: Samples = {
  good: [
    ['dev.example=example.com', [{ from: 'dev.example', to: 'example.com' }]],
    [
      ['a.example:5000/x=b.example/y', 'c.example=c.example'],
      [
        { from: 'a.example:5000/x', to: 'b.example/y' },
        { from: 'c.example', to: 'c.example' },
      ],
    ],
    [[], []],
  ],
  bad: [
    ['', 'expected a value or a list of values, got ""'],
    [7, 'expected a value or a list of values, got 7'],
    ...['a.example', 'a.example=', '=b', 'a=b=c', 'a.example/=b', 'a/b:v1=c', 'a/X=b'].map(
      (value): [unknown, string] => [
        value,
        `expected FROM=TO, each HOST or HOST/NAMESPACE without a tag, got ${JSON.stringify(value)}`,
      ],
    ),
  ],
};

const APART = 'expected a path apart from those of other areas, got ';
const RELEASE_PLACE = 'expected a path without sha256=… and @sha256=…, got ';

const RELEASES: Samples = {
  good: [
    [[{ from: 'releases', keys: 'a' }], [{ prefix: '', from: 'releases', keys: ['a'] }]],
    [
      [
        { prefix: './ocp/', from: 'x//ocp/', keys: ['a', 'b'] },
        { prefix: 'ocp2', from: 'x/okd', keys: 'c' },
      ],
      [
        { prefix: 'ocp', from: 'x/ocp', keys: ['a', 'b'] },
        { prefix: 'ocp2', from: 'x/okd', keys: ['c'] },
      ],
    ],
    [[{ from: '.', keys: 'a' }], [{ prefix: '', from: '', keys: ['a'] }]],
  ],
  bad: [
    [[], 'expected at least one release area, got none'],
    [{}, 'expected a list of release areas, got {}'],
    ['x', 'expected a list of release areas, got "x"'],
    [[{ keys: 'a' }], '0: from: expected a path, got nothing'],
    [[{ from: 'x' }], '0: keys: expected a value or a list of values, got nothing'],
    [[{ from: '../x', keys: 'a' }], '0: from: expected a path inside the repository, got "../x"'],
    [[{ from: 'x/sha256=ab', keys: 'a' }], `0: from: ${RELEASE_PLACE}"x/sha256=ab"`],
    [[{ prefix: 'x@sha256=ab', from: 'x', keys: 'a' }], `0: prefix: ${RELEASE_PLACE}"x@sha256=ab"`],
    ...[
      ['x', 'x'],
      ['x', 'x/y'],
      ['x/y', 'x'],
      ['.', 'x'],
    ].map(([one = '', other = '']): [unknown, string] => [
      [
        { prefix: 'a', from: one, keys: 'k' },
        { prefix: 'b', from: other, keys: 'k' },
      ],
      `1: from: ${APART}${JSON.stringify(other)} beside ${JSON.stringify(one.replace('.', ''))}`,
    ]),
    [
      [
        { from: 'a', keys: 'k' },
        { prefix: 'b', from: 'b', keys: 'k' },
      ],
      `1: prefix: ${APART}"b" beside ""`,
    ],
  ],
};

export const SAMPLES: Readonly<Record<OptionName, Samples>> = {
  keys: COLUMNS.several,
  scopes: SCOPES,
  releases: RELEASES,
  source: COLUMNS.text,
  policy: COLUMNS.text,
  'policy-root': COLUMNS.text,
  branch: COLUMNS.branch,
  path: COLUMNS.path,
  'on-invalid': choice('quarantine', 'refuse'),
  'git-token-file': COLUMNS.text,
  'git-user': USER,
  'git-ssh-key-file': COLUMNS.text,
  'git-known-hosts-file': COLUMNS.text,
  'git-ca-file': COLUMNS.text,
  'state-dir': COLUMNS.text,
  format: choice('text', 'json', 'github', 'sarif', 'junit'),
  strict: FLAG,
  'expiry-warning': duration(
    'a duration like 30d or 12h',
    [
      ['365d', 365 * 86_400_000],
      ['100000d', 100_000 * 86_400_000],
    ],
    [],
  ),
  'max-path-depth': COUNT,
  'max-path-length': SIZE,
  'gpgv-limit': PROCESSOR_TIME,
  'max-entries': COUNT,
  'max-path-bytes': SIZE,
  'max-transfer': SIZE,
  'max-disk': SIZE,
  out: COLUMNS.text,
  listen: COLUMNS.address,
  'status-listen': COLUMNS.address,
  'webhook-secret-file': COLUMNS.text,
  'webhook-forges': FORGES,
  'notify-url': {
    good: [
      [
        'https://events.example.com/lookaside?key=1',
        [new URL('https://events.example.com/lookaside?key=1')],
      ],
      [
        ['http://user:p%40ss@localhost:9000', 'https://[::1]/'],
        [new URL('http://user:p%40ss@localhost:9000'), new URL('https://[::1]/')],
      ],
      [[], []],
    ],
    bad: [
      ...['ftp://host/', 'host:9000', '/events', 'https://user:a%zz@host/'].map(
        (value): [unknown, string] => [
          value,
          'expected an http or https URL, such as https://events.example.com/lookaside',
        ],
      ),
      ['', 'expected an http or https URL, such as https://events.example.com/lookaside'],
      [[7], 'expected an http or https URL, such as https://events.example.com/lookaside'],
      [7, 'expected an http or https URL, such as https://events.example.com/lookaside'],
    ],
  },
  'notify-secret-file': COLUMNS.text,
  'audit-log': COLUMNS.text,
  'max-connections': {
    good: [
      ['16', 16],
      [10_000, 10_000],
      ['1000000', 1_000_000],
    ],
    bad: [
      ...['15', '1000001', '1e3', '-20', '20.5', '', 'many'].map((value): [unknown, string] => [
        value,
        `expected a whole number from 16 to 1000000, got ${JSON.stringify(value)}`,
      ]),
      [true, 'expected a number, got true'],
    ],
  },
  drain: duration('a duration like 10s or 1m, at most 24h', [['24h', 86_400_000]], ['25h', '2d']),
  peers: {
    good: [
      ['lookaside-peers', { name: 'lookaside-peers', port: undefined }],
      [
        'peers.store.svc.cluster.local.:8443',
        { name: 'peers.store.svc.cluster.local.', port: 8443 },
      ],
      ['192.0.2.7', { name: '192.0.2.7', port: undefined }],
      ['[2001:db8::7]', { name: '2001:db8::7', port: undefined }],
      ['[2001:db8::7]:65535', { name: '2001:db8::7', port: 65_535 }],
    ],
    bad: [
      ...[
        '',
        ':8080',
        'a b',
        '-a',
        'a:0',
        'a:65536',
        'a:b',
        'a,b',
        'https://a',
        'a/webhook',
        '2001:db8::7',
        '[a]',
        '[::g]:1',
        '[1.2.3.4]',
        'é',
      ].map((value): [unknown, string] => [
        value,
        `expected NAME, NAME:PORT or [IPV6]:PORT, got ${JSON.stringify(value)}`,
      ]),
      [8080, 'expected NAME, NAME:PORT or [IPV6]:PORT, got 8080'],
    ],
  },
  poll: duration(
    'a duration like 60s or 5m, at most 596h',
    [
      ['596h', 596 * 3_600_000],
      ['24d', 24 * 86_400_000],
    ],
    ['597h', '25d'],
  ),
  'cache-missing': duration(
    'a duration like 5s, at most 24h',
    [
      ['24h', 86_400_000],
      ['1440m', 86_400_000],
    ],
    ['25h', '2d'],
  ),
  'access-log': choice('combined', 'json', 'none'),
  'trusted-proxies': COLUMNS.several,
  'tls-cert': COLUMNS.text,
  'tls-key': COLUMNS.text,
  url: COLUMNS.text,
  'commit-url': {
    good: [
      'https://git.example.com/team/signatures/commit/{commit}',
      'http://localhost:3000/c?id={commit}#{commit}',
    ].map((value) => [value, value]),
    bad: [
      ...[
        'https://git.example.com/team/signatures',
        'javascript:alert({commit})',
        'ssh://git.example.com/{commit}',
        'https://{commit}.example.com/',
        'https://git.example.com:{commit}/',
        '{commit}',
      ].map((value): [unknown, string] => [
        value,
        `expected an http or https URL with {commit} behind its host, such as https://git.example.com/team/signatures/commit/{commit}, got ${JSON.stringify(value)}`,
      ]),
      [
        'https://user:secret@git.example.com/commit/{commit}',
        'expected a URL without user name and password: readers would see them',
      ],
      [5, 'expected text, got 5'],
    ],
  },
  scope: SCOPE_FLAG,
  target: choice(...TARGET_NAMES),
  name: NAME,
  default: choice('reject', 'insecureAcceptAnything'),
  merge: COLUMNS.text,
  force: FLAG,
  clients: choice('any', '5.22+', '5.40+'),
  'keys-as': choice('file', 'data', 'no-reboot'),
  rootless: FLAG,
  staging: STAGING,
  pool: POOLS,
  ignition: choice('2.2.0', '3.1.0', '3.2.0', '3.4.0'),
  butane: BUTANE,
  check: COLUMNS.text,
  cluster: COLUMNS.text,
  write: COLUMNS.text,
  manifests: COLUMNS.text,
  diff: COLUMNS.text,
  digest: COLUMNS.several,
  'per-file': {
    good: [
      ['9', 9],
      [200, 200],
      ['1000', 1000],
    ],
    bad: ['8', '1001', '-9', '20.5', '', 'many'].map((value) => [
      value,
      `expected a whole number from 9 to 1000, got ${JSON.stringify(value)}`,
    ]),
  },
  server: COLUMNS.text,
  images: COLUMNS.text,
  at: {
    good: [
      ['2027-03-31', { at: new Date('2027-03-31T00:00:00Z') }],
      ['2027-03-31T12:30:00Z', { at: new Date('2027-03-31T12:30:00Z') }],
      ['90d', { days: 90 }],
    ],
    bad: [
      '',
      'soon',
      '31.3.2027',
      '2027-3-31',
      '2027-03-31T12:30',
      '-1d',
      '1w',
      '999999d',
      '2027-02-31',
      '2027-13-01',
      '2027-03-31T25:00:00Z',
      20270331,
      true,
    ].map((value): [unknown, string] => [
      value,
      `expected a date like 2027-03-31, a time like 2027-03-31T12:00:00Z, or days from now like 90d, got ${JSON.stringify(value)}`,
    ]),
  },
  without: COLUMNS.several,
  'sign-by': COLUMNS.text,
  from: COLUMNS.text,
  digests: COLUMNS.text,
  release: FLAG,
  'from-refused': COLUMNS.text,
  jobs: {
    good: [
      ['1', 1],
      [8, 8],
      [64, 64],
    ],
    bad: [
      ...['', '-1', '1.5', 'x'].map((value): [unknown, string] => [
        value,
        `expected a whole number from 1 to 64, got ${JSON.stringify(value)}`,
      ]),
      ...['0', '65', 0, 65].map((value): [unknown, string] => [
        value,
        `expected a whole number from 1 to 64, got ${JSON.stringify(value)}`,
      ]),
      [true, 'expected a number, got true'],
    ],
  },
  reread: duration('a duration like 1d or 12h', [['30d', 30 * 86_400_000]], []),
  require: COLUMNS.several,
  map: RENAMINGS,
  list: FLAG,
  copy: FLAG,
  'images-from': REPOSITORY,
  'images-to': REPOSITORY,
  tags: TAG_GLOBS,
  'insecure-accept-anything': FLAG,
  'mirrored-images': MIRRORED_IMAGES,
  stages: FLAG,
  identity: COLUMNS.text,
  'passphrase-file': COLUMNS.text,
  gpg: COLUMNS.text,
  again: FLAG,
  platform: PLATFORMS,
  authfile: COLUMNS.text,
  base: COLUMNS.text,
  'allow-removals': FLAG,
  'all-branches': FLAG,
  to: COLUMNS.text,
  'pull-request': FLAG,
  forge: choice('github', 'gitlab', 'gitea'),
  wait: COLUMNS.text,
  'dry-run': FLAG,
  'keep-going': FLAG,
  clear: FLAG,
  timeout: duration('a duration like 2m', [['10m', 600_000]], []),
  'no-color': FLAG,
};
