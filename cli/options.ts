// Every option of the program in one table: the flags, the environment variables, the
// configuration file and the tables in docs/ are made from it or tested against it.
import type { z } from 'zod';
import { BUDGETS } from './budget-options.ts';
import { EXPLAIN_OPTIONS } from './explain-options.ts';
import { NODE_CONFIG_OPTIONS } from './node-config-options.ts';
import {
  LONGEST_TIMER,
  address,
  branch,
  duration,
  flag,
  oneOf,
  scopes,
  several,
  subtree,
  text,
  wholeNumber,
} from './option-values.ts';

/** The commands that take an option. */
export type Command = 'check' | 'generate' | 'serve' | 'show' | 'node-config' | 'explain';

export interface Option {
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
/** Those that open a source. */
const READING: readonly Command[] = [...ALL, 'explain'];
/** Those that work with scopes. */
const DESCRIBING: readonly Command[] = [...JUDGING, 'node-config', 'explain'];

export const OPTIONS = {
  keys: {
    argument: 'PATH',
    description: 'public keys to accept: a file, or a directory of .asc and .gpg files',
    commands: DESCRIBING,
    repeatable: true,
    isPath: true,
    schema: several,
  },
  scopes: {
    description: 'who may sign which images, and under which names: see "Scopes"',
    commands: DESCRIBING,
    isInFileOnly: true,
    schema: scopes,
  },
  policy: {
    argument: 'FILE',
    description: "a node's policy.json to judge by, in place of keys and scopes",
    commands: DESCRIBING,
    isPath: true,
    schema: text,
  },
  'policy-root': {
    argument: 'DIR',
    description: 'where the key paths of the policy start: a directory that stands for / of a node',
    commands: DESCRIBING,
    default: '/',
    isPath: true,
    schema: text,
  },
  branch: {
    argument: 'NAME',
    description: "branch of a git source to follow; default: the remote's default branch",
    commands: READING,
    schema: branch,
  },
  path: {
    argument: 'DIR',
    description: 'subtree of the source to publish',
    commands: READING,
    default: '.',
    schema: subtree,
  },
  'on-invalid': {
    argument: 'MODE',
    description:
      'what rejected files do: quarantine leaves them out, refuse keeps the last good state',
    commands: ALL,
    default: 'quarantine',
    schema: oneOf('quarantine', 'refuse'),
  },
  'git-token-file': {
    argument: 'FILE',
    description: 'file with the token for an https:// source',
    commands: READING,
    isPath: true,
    schema: text,
  },
  'state-dir': {
    argument: 'DIR',
    description:
      'where the clone of a git source, remembered verdicts, refused pulls and an image of the store are kept',
    commands: ['serve'],
    default: '$XDG_STATE_HOME/lookaside',
    isPath: true,
    schema: text,
  },
  format: {
    argument: 'FORMAT',
    description:
      'form of the report: text, json, github, sarif or junit; show, node-config and explain know the first two',
    commands: ['check', 'show', 'node-config', 'explain'],
    default: 'text',
    schema: oneOf('text', 'json', 'github', 'sarif', 'junit'),
  },
  strict: {
    description: 'warnings are faults',
    commands: ['check'],
    default: 'false',
    schema: flag,
  },
  'expiry-warning': {
    argument: 'DURATION',
    description:
      'warns of signatures and keys that expire within this time; 0s: only what has expired is told of',
    commands: ['check', 'generate', 'node-config'],
    default: '30d',
    schema: duration('a duration like 30d or 12h', Number.MAX_SAFE_INTEGER),
  },
  out: {
    argument: 'DIR',
    description:
      'where the tree is written; DIR/current is the newest generation; node-config: where its files are, or - for standard output',
    commands: ['generate', 'node-config'],
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
  'max-connections': {
    argument: 'NUMBER',
    description:
      'connections to the store at once; beyond, those that are idle longest are closed for new ones',
    commands: ['serve'],
    default: '10000',
    schema: wholeNumber(16, 1_000_000),
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
    schema: oneOf('combined', 'json', 'none'),
  },
  'trusted-proxies': {
    argument: 'CIDR',
    description:
      'proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: an address, a range, or loopback, linklocal, uniquelocal',
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
  url: {
    argument: 'URL',
    description: 'address under which nodes find the store; give it to serve for a public store',
    commands: ['node-config', 'serve'],
    schema: text,
  },
  ...BUDGETS,
  ...NODE_CONFIG_OPTIONS,
  ...EXPLAIN_OPTIONS,
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
