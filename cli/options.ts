// Every option of the program in one table: the flags, the environment variables, the
// configuration file and the README's table are made from it or tested against it.
import { z } from 'zod';
import {
  isNamePrefix,
  looksLikeHost,
  normalizeHost,
  parseDockerReference,
} from '../generator/docker-reference.ts';
import { signedIdentitySchema } from '../generator/policy/signed-identity-schema.ts';

/** Where a listener binds. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** What a value of the wrong kind gets. */
const expected = (form: string) => ({
  error: (issue: { readonly input?: unknown }) =>
    `expected ${form}, got ${JSON.stringify(issue.input) ?? 'nothing'}`,
});

const text = z.string(expected('text')).min(1, 'expected a value, got nothing');

/** Timers that are set for longer go off at once. Milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** `60s`, `5m`; in milliseconds. */
const duration = (form: string, longest: number) =>
  z.union([z.string(), z.literal(0)], expected(form)).transform((value, context) => {
    const [, amount, unit] = /^([0-9]+)(ms|s|m|h|d)$/.exec(String(value)) ?? [];
    if (String(value) === '0') return 0;
    const milliseconds = Number(amount) * (UNITS[unit ?? ''] ?? Infinity);
    if (milliseconds <= longest) return milliseconds;
    context.addIssue(`expected ${form}, got ${JSON.stringify(value)}`);
    return z.NEVER;
  });

/** `HOST:PORT`, `[::1]:PORT`. */
const address = z.string(expected('HOST:PORT')).transform((value, context): ListenAddress => {
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-f:]+)\]|([^:[\]]*)):([0-9]{1,5})$/i.exec(value) ?? [];
  const host = bracketed ?? plain;
  if (!host || port === undefined || Number(port) > 65_535) {
    context.addIssue(`expected HOST:PORT, got ${JSON.stringify(value)}`);
    return z.NEVER;
  }
  return { host, port: Number(port) };
});

/** A subtree: no leading, trailing or doubled slash, no dot segments; '' for the whole. */
const subtree = z.string(expected('a path')).transform((value, context) => {
  const components = value.split('/').filter((component) => component !== '' && component !== '.');
  if (components.includes('..') || value.startsWith('/')) {
    context.addIssue(`expected a path inside the repository, got ${JSON.stringify(value)}`);
    return z.NEVER;
  }
  return components.join('/');
});

const branch = text.regex(/^(?!-)(?!.*(?:\.\.|@\{|\/\/|\.lock$|\/$))[^\s~^:?*[\\\p{Cc}]+$/u, {
  error: (issue) => `expected a branch name, got ${JSON.stringify(issue.input)}`,
});

/**
 * A value or several: a list in the configuration file; in the environment `:` stands between
 * paths, `,` between other values.
 */
const several = z.union(
  [text.transform((value) => [value]), z.array(text)],
  expected('a value or a list of values'),
);

/** Given or not; in the environment and the configuration file true or false. */
const flag = z
  .union([z.boolean(), z.enum(['true', 'false'])], expected('true or false'))
  .transform((value) => String(value) === 'true');

/** A part of all images, as containers-policy.json(5) writes it. */
const scopeName = z.string().refine(
  (name) => {
    if (name === '') return true;
    if (name.startsWith('*.')) return /^[a-z0-9.-]+$/i.test(name.slice(2));
    const [host = ''] = name.split('/', 1);
    return looksLikeHost(host) && normalizeHost(host) === host && isReferencePrefix(name);
  },
  {
    error: (issue) =>
      `expected HOST, HOST/NAMESPACE, HOST/NAMESPACE/REPOSITORY or *.DOMAIN, got ${JSON.stringify(issue.input)}`,
  },
);

function isReferencePrefix(name: string): boolean {
  return isNamePrefix(name) || (name.includes('/') && parseDockerReference(name) !== undefined);
}

const scopes = z
  .record(
    scopeName,
    z.strictObject({
      keys: several,
      require: z.enum(['any', 'all'], expected('any or all')).default('any'),
      signedIdentity: signedIdentitySchema.optional(),
      prefix: subtree.optional(),
    }),
    expected('a mapping of scopes'),
  )
  .refine((given) => Object.keys(given).length > 0, 'expected at least one scope, got none');

/** The commands that take an option. */
export type Command = 'check' | 'generate' | 'serve' | 'show';

interface Option {
  /** What the flag takes, as help shows it; none for one that is given or not. */
  readonly argument?: string;
  readonly description: string;
  readonly commands: readonly Command[];
  /** As it would be written; undefined if there is none. */
  readonly default?: string;
  /** May be given more than once. */
  readonly repeatable?: true;
  /** A path: in the configuration file it is relative to that file. */
  readonly isPath?: true;
  /** Has no flag and no environment variable. */
  readonly isInFileOnly?: true;
  readonly schema: z.ZodType;
}

const ALL: readonly Command[] = ['check', 'generate', 'serve'];
const JUDGING: readonly Command[] = [...ALL, 'show'];

export const OPTIONS = {
  keys: {
    argument: 'PATH',
    description: 'public keys to accept: a file, or a directory of .asc and .gpg files',
    commands: JUDGING,
    repeatable: true,
    isPath: true,
    schema: several,
  },
  scopes: {
    description: 'who may sign which images, and under which names: see "Scopes"',
    commands: JUDGING,
    isInFileOnly: true,
    schema: scopes,
  },
  policy: {
    argument: 'FILE',
    description: "a node's policy.json to judge by, in place of keys and scopes",
    commands: JUDGING,
    isPath: true,
    schema: text,
  },
  'policy-root': {
    argument: 'DIR',
    description: 'where the key paths of the policy start: a directory that stands for / of a node',
    commands: JUDGING,
    default: '/',
    isPath: true,
    schema: text,
  },
  branch: {
    argument: 'NAME',
    description: "branch of a git source to follow; default: the remote's default branch",
    commands: ALL,
    schema: branch,
  },
  path: {
    argument: 'DIR',
    description: 'subtree of the source to publish',
    commands: ALL,
    default: '.',
    schema: subtree,
  },
  'on-invalid': {
    argument: 'MODE',
    description:
      'what rejected files do: quarantine leaves them out, refuse keeps the last good state',
    commands: ALL,
    default: 'quarantine',
    schema: z.enum(['quarantine', 'refuse'], {
      error: (issue) => `expected quarantine or refuse, got ${JSON.stringify(issue.input)}`,
    }),
  },
  'git-token-file': {
    argument: 'FILE',
    description: 'file with the token for an https:// source',
    commands: ALL,
    isPath: true,
    schema: text,
  },
  'state-dir': {
    argument: 'DIR',
    description:
      'where the clone of a git source, remembered verdicts and an image of the store are kept',
    commands: ['serve'],
    default: '$XDG_STATE_HOME/lookaside',
    isPath: true,
    schema: text,
  },
  format: {
    argument: 'FORMAT',
    description: 'form of the report: text, json, github, sarif or junit; show knows the first two',
    commands: ['check', 'show'],
    default: 'text',
    schema: z.enum(['text', 'json', 'github', 'sarif', 'junit'], {
      error: (issue) =>
        `expected text, json, github, sarif or junit, got ${JSON.stringify(issue.input)}`,
    }),
  },
  strict: {
    description: 'warnings are faults',
    commands: ['check'],
    default: 'false',
    schema: flag,
  },
  'expiry-warning': {
    argument: 'DURATION',
    description: 'warns of signatures that expire, or whose key does, within this time; 0s: never',
    commands: ['check', 'generate'],
    default: '30d',
    schema: duration('a duration like 30d or 12h', Number.MAX_SAFE_INTEGER),
  },
  out: {
    argument: 'DIR',
    description: 'where the tree is written; DIR/current is the newest generation',
    commands: ['generate'],
    isPath: true,
    schema: text,
  },
  listen: {
    argument: 'HOST:PORT',
    description: 'address of the signature store',
    commands: ['serve'],
    default: '0.0.0.0:8080',
    schema: address,
  },
  'status-listen': {
    argument: 'HOST:PORT',
    description: 'address of health and status, for operators only',
    commands: ['serve'],
    default: '127.0.0.1:9090',
    schema: address,
  },
  'webhook-secret-file': {
    argument: 'FILE',
    description: 'file with the GitHub webhook secret; one a line while secrets are rotated',
    commands: ['serve'],
    isPath: true,
    schema: text,
  },
  poll: {
    argument: 'DURATION',
    description: 'how often the source is asked without a webhook; 0s: never',
    commands: ['serve'],
    default: '60s',
    schema: duration('a duration like 60s or 5m, at most 596h', LONGEST_TIMER),
  },
  'access-log': {
    argument: 'FORM',
    description: 'one line a lookup on standard output: combined, json or none',
    commands: ['serve'],
    default: 'combined',
    schema: z.enum(['combined', 'json', 'none'], {
      error: (issue) => `expected combined, json or none, got ${JSON.stringify(issue.input)}`,
    }),
  },
  'trusted-proxies': {
    argument: 'CIDR',
    description:
      'proxies whose X-Forwarded-For is believed: an address, a range, or loopback, linklocal, uniquelocal',
    commands: ['serve'],
    repeatable: true,
    schema: several,
  },
  'tls-cert': {
    argument: 'FILE',
    description: 'certificate chain (PEM) to serve HTTPS with; read again on SIGHUP',
    commands: ['serve'],
    isPath: true,
    schema: text,
  },
  'tls-key': {
    argument: 'FILE',
    description: 'private key (PEM) of the certificate',
    commands: ['serve'],
    isPath: true,
    schema: text,
  },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;

/** The values in force, checked and converted; undefined where none was given and there is no default. */
export type Settings = {
  readonly [Name in OptionName]:
    | z.output<(typeof OPTIONS)[Name]['schema']>
    | ((typeof OPTIONS)[Name] extends { default: string } | { repeatable: true }
        ? never
        : undefined);
};

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** An option, without the precision of its own schema. */
export function optionOf(name: OptionName): Option {
  return OPTIONS[name];
}

/** `LOOKASIDE_WEBHOOK_SECRET_FILE` for `webhook-secret-file`. */
export function variableOf(name: string): string {
  return `LOOKASIDE_${name.toUpperCase().replaceAll('-', '_')}`;
}
