// Policies as people, tools and slips make them: all transports, all requirements, all members; in
// some of them a node finds a fault, and refuses the whole file.
import type { Random } from '../random.ts';

/** What policies are about. */
export interface PolicyWorld {
  /** `HOST:PORT` of the registry. */
  readonly host: string;
  /** The key that signed the image. */
  readonly key: { readonly path: string; readonly base64: string };
  /** One that did not. */
  readonly other: { readonly path: string; readonly base64: string };
}

const HEX = 'ab'.repeat(32);
const ANYTHING = '{"type":"insecureAcceptAnything"}';

/** Scopes that a transport knows, and that it does not. */
const SCOPES: Readonly<Record<string, readonly [good: string[], bad: string[]]>> = {
  docker: [['quay.io', 'https://quay.io', 'A/B:c', ' ', '*.io', 'x@y@z'], []],
  'docker-daemon': [['docker.io/library/app:v1', '/', HEX], [`sha256:${HEX}`]],
  'docker-archive': [[''], ['/a.tar', 'docker.io/library/app']],
  tarball: [[''], ['/a.tar', '-']],
  dir: [
    ['/a', '/a b/c', '/a...'],
    ['a', '/', '/a/', '/a//b', '/a/../b', './a', '/.', '//'],
  ],
  oci: [
    ['/a', '/a:b'],
    ['a:b', '/', '/a/', '/a/./b', '/..'],
  ],
  'oci-archive': [
    ['/a.tar', '/a.tar:b'],
    ['a.tar', '/a//b.tar', '/'],
  ],
  sif: [['/a.sif'], ['a.sif', '/', '/a/', '/a/..']],
  'containers-storage': [
    ['[/a]', '[b@/a]', `[/a]x:y@${HEX}`, `[/a]x@sha256:${HEX}`, `[/a]@sha256:${HEX}@${HEX}`],
    ['x', '[]', '[a]', '[@/a]', '[b@]', '[b@a]', '[/a]x@y', `[/a]@${HEX}@${HEX}`, '/a]', '[/a'],
  ],
  // This build of skopeo has neither, and so takes their scopes unseen: see transport-scopes.test.ts.
  atomic: [['registry.example.com/ns/stream:tag'], []],
  ostree: [['/repo:ns/name'], []],
  Docker: [['quay.io', '/'], []],
  unknown: [['anything at all'], []],
};

/** The text of a policy. */
export function makePolicy(random: Random, world: PolicyWorld): string {
  const members = [`"default":${makeRequirements(random, world)}`];
  if (random.chance(0.03)) members.pop();
  if (random.chance(0.9)) members.push(`"transports":${makeTransports(random, world)}`);
  return spoil(random, members);
}

function makeTransports(random: Random, world: PolicyWorld): string {
  if (random.chance(0.03)) return random.pick(['null', '[]', '{}', '"docker"']);
  const docker = `"docker":${makeDocker(random, world)}`;
  const others = Array.from({ length: random.below(3) }, () => makeTransport(random, world));
  return `{${[docker, ...others.filter(hasOwnName)].join(',')}}`;
}

function hasOwnName(member: string, index: number, all: readonly string[]): boolean {
  return !all.slice(0, index).some((other) => nameOf(other) === nameOf(member));
}

function nameOf(member: string): string | undefined {
  return member.split(':', 1)[0];
}

/** Scopes that the image lies in, and some that it does not. */
function makeDocker(random: Random, world: PolicyWorld): string {
  const { host } = world;
  const around = [`${host}/ns/repo:v1`, `${host}/ns/repo`, `${host}/ns`, host, '*.0.0.1', ''];
  const strange = [`${host}/NS`, `https://${host}`, `${host}/`, 'ns/repo', '*.1:5', '127.0.0.1'];
  const names = new Set([random.pick(around), random.pick(around), random.pick(strange)]);
  const scopes = [...names].map((name) => `"${name}":${makeRequirements(random, world)}`);
  if (random.chance(0.03)) scopes.push(scopes[0] ?? '');
  return random.chance(0.02) ? 'null' : `{${scopes.join(',')}}`;
}

function makeTransport(random: Random, world: PolicyWorld): string {
  const name = random.pick(Object.keys(SCOPES).filter((one) => one !== 'docker'));
  const [good = [], bad = []] = SCOPES[name] ?? [];
  const scope = bad.length > 0 && random.chance(0.12) ? random.pick(bad) : random.pick(good);
  const requirements = random.chance(0.9) ? `[${ANYTHING}]` : makeRequirements(random, world);
  return `"${name}":{"${scope}":${requirements}}`;
}

function makeRequirements(random: Random, world: PolicyWorld): string {
  if (random.chance(0.02)) return random.pick(['[]', 'null', '{}', '[null]', '["reject"]', '[[]]']);
  const length = random.chance(0.85) ? 1 : 2;
  return `[${Array.from({ length }, () => makeRequirement(random, world)).join(',')}]`;
}

function makeRequirement(random: Random, world: PolicyWorld): string {
  const kind = random.below(10);
  if (kind === 0) return spoil(random, ['"type":"reject"']);
  if (kind === 1) return spoil(random, ['"type":"insecureAcceptAnything"']);
  if (kind === 2) {
    const identity = makeIdentity(random, world);
    return spoil(random, ['"type":"signedBaseLayer"', `"baseLayerIdentity":${identity}`]);
  }
  if (kind === 3) {
    // Of no path and no data newer clients think otherwise than this one, so there are none here.
    const key = random.pick([
      '"keyPath":"/none"',
      `"keyData":"Zm9v\\nIGJhcg==\\n"`,
      '"keyData":""',
    ]);
    return spoil(random, ['"type":"sigstoreSigned"', key, ...maybeIdentity(random, world)]);
  }
  const type = random.chance(0.95) ? 'GPGKeys' : random.pick(['signedByGPGKeys', 'gpgkeys', '']);
  const members = ['"type":"signedBy"', `"keyType":"${type}"`, makeKey(random, world)];
  if (random.chance(0.03)) members.push(makeKey(random, world));
  return spoil(random, [...members, ...maybeIdentity(random, world)]);
}

function makeKey(random: Random, { key, other }: PolicyWorld): string {
  const one = random.chance(0.8) ? key : other;
  const broken = one.base64.replaceAll(
    /.{76}/g,
    (line) => `${line}${random.pick(['\\n', '\\r\\n'])}`,
  );
  return random.pick([
    `"keyPath":"${one.path}"`,
    `"keyPaths":["${one.path}"]`,
    `"keyPaths":["${other.path}","${one.path}"]`,
    `"keyData":"${one.base64}"`,
    `"keyData":"${broken}"`,
    `"keyData":"${broken}\\n"`,
    `"keyData":"${one.base64.slice(0, 4)}\\r${one.base64.slice(4)}"`,
    ...(random.chance(0.2) ? STRANGE_KEYS : []),
  ]);
}

const STRANGE_KEYS = [
  '"keyPath":"/none"',
  '"keyPath":""',
  '"keyPath":null',
  '"keyPath":5',
  '"keyPaths":[]',
  '"keyPaths":null',
  '"keyPaths":[""]',
  '"keyPaths":[null]',
  '"keyPaths":"/none"',
  '"keyData":""',
  '"keyData":null',
  '"keyData":"a2V5"',
  '"keyData":"a2V5 "',
  '"keyData":"a2V"',
  '"keyData":"a29="',
  '"keyData":"a2=\\n="',
  '"keyData":"====\\n"',
  '"keyData":"_-=="',
  '"keyData":[107,null]',
  '"keyData":[256]',
  '"keyData":{}',
];

function maybeIdentity(random: Random, world: PolicyWorld): string[] {
  return random.chance(0.5) ? [`"signedIdentity":${makeIdentity(random, world)}`] : [];
}

function makeIdentity(random: Random, world: PolicyWorld): string {
  const { host } = world;
  const type = random.pick(['matchExact', 'matchRepoDigestOrExact', 'matchRepository']);
  const own = `${host}/ns/repo`;
  const names = [own, own, `${own}:v1`, `${own}:v2`, 'repo:v1', 'index.docker.io/repo:v1'];
  const strange = ['Team/app:v1', '[::1]:5/app:v1', `${host}/NS/repo:v1`, '', 'a/b@sha256:ab'];
  const name = random.chance(0.95) ? random.pick(names) : random.pick(strange);
  const prefixes = [host, `${host}/ns`, own, 'docker.io', 'index.docker.io', 'mirror', 'localhost'];
  const badPrefixes = [`${host}/`, `${own}:v1`, '', '[::1]', 'a b', 'https://quay.io', '*.io'];
  const prefix = () => random.pick(random.chance(0.95) ? prefixes : badPrefixes);
  return random.pick([
    () => spoil(random, [`"type":"${type}"`]),
    () => spoil(random, ['"type":"exactReference"', `"dockerReference":"${name}"`]),
    () => spoil(random, ['"type":"exactRepository"', `"dockerRepository":"${name}"`]),
    () =>
      spoil(random, [
        '"type":"remapIdentity"',
        `"prefix":"${prefix()}"`,
        `"signedPrefix":"${prefix()}"`,
      ]),
    () => (random.chance(0.1) ? 'null' : spoil(random, [`"type":"${type}"`])),
  ])();
}

/** An object, which now and then has a member twice, misspelt, too many or too few. */
function spoil(random: Random, members: readonly string[]): string {
  if (!random.chance(0.008)) return `{${members.join(',')}}`;
  const one = random.pick(members);
  const spoilt = random.pick([
    [...members, one],
    [...members, one.replace(/^"(.)/, (_, first: string) => `"${first.toUpperCase()}`)],
    [...members, '"note":"ours"'],
    [...members, '"__proto__":1'],
    members.filter((member) => member !== one),
    members.map((member) => (member === one ? member.replace(/^"(.)/, '"$1$1') : member)),
  ]);
  return `{${spoilt.join(',')}}`;
}
