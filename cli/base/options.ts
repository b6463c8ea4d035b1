// Every option of the program in one table: the flags, the environment variables, the
// configuration file and the tables in docs/ are made from it or tested against it.
import { z } from 'zod';
import { DEFAULT_GIT_USER } from '../../generator/sources/git/processes/token-settings.ts';
import { TARGET_NAMES } from '../../generator/nodes/targets/target.ts';
import { FORGES } from '../../signing/target/forge.ts';
import { WEBHOOK_FORGES } from '../../server/follow/webhook/proofs/webhook-forges.ts';
import { BUDGET_OPTIONS } from '../../generator/terms/budgets.ts';
import {
  LONGEST_TIMER,
  absoluteDirectory,
  address,
  branch,
  butaneVersion,
  commitUrl,
  duration,
  fileName,
  flag,
  moment,
  names,
  oneOf,
  peers,
  platforms,
  renamings,
  several,
  size,
  someOf,
  subtree,
  text,
  userName,
  webhookUrls,
  wholeNumber,
} from './option-values.ts';
import {
  MIRRORED_IMAGES_MEMBERS,
  imageRepository,
  mirroredImages,
  tagGlobs,
} from './mirrored-images-values.ts';
import { RELEASE_MEMBERS, releases } from './release-values.ts';
import { SCOPE_MEMBERS, scopeFlags, scopes } from './scope-values.ts';

/** The commands that take an option. */
export type Command =
  | 'check'
  | 'generate'
  | 'serve'
  | 'health'
  | 'show'
  | 'keys'
  | 'push'
  | 'sign'
  | 'promote'
  | 'mirror'
  | 'mirror-images'
  | 'node-config'
  | 'explain'
  | 'resolve'
  | 'init'
  | 'hook'
  | 'probe'
  | 'release';

export interface Option {
  /** The value of the flag as help shows it; left out for a switch. */
  readonly argument?: string;
  /** For the commands that have no wording of their own. */
  readonly description: string;
  /** The commands that it has an effect on. */
  readonly commands: readonly Command[];
  readonly wording?: Readonly<Partial<Record<Command, string>>>;
  /** The values that a command accepts, where it does not accept all of a closed set. */
  readonly values?: Readonly<Partial<Record<Command, readonly [string, ...string[]]>>>;
  /**
   * Commands that accept it without effect, so that one set of flags does for several commands, or that
   * then say what to give instead.
   */
  readonly toleratedBy?: readonly Command[];
  /** As a user would write it; undefined if there is none. */
  readonly default?: string;
  /** May be given more than once. */
  readonly repeatable?: true;
  /** A path: in the configuration file it is relative to that file. */
  readonly isPath?: true;
  /** Has no flag and no environment variable. */
  readonly isInFileOnly?: true;
  /** The members that a mapping may have at each depth, the outermost first. */
  readonly members?: readonly (readonly string[])[];
  readonly schema: z.ZodType;
}

const ALL: readonly Command[] = ['check', 'generate', 'serve'];
const JUDGING: readonly Command[] = [...ALL, 'show'];
/** Those that open a source. */
const READING: readonly Command[] = [...ALL, 'keys', 'explain', 'resolve', 'promote', 'release'];
/** Those that talk to a git host. */
const REMOTE: readonly Command[] = [...READING, 'push', 'sign', 'mirror', 'mirror-images'];
/** Those that judge what they read, wherever it comes from. */
const GATING: readonly Command[] = [...READING, 'hook'];
/** All commands that work with scopes. */
const SCOPED: readonly Command[] = [
  ...JUDGING,
  'keys',
  'push',
  'sign',
  'promote',
  'mirror',
  'node-config',
  'explain',
  'resolve',
  'hook',
  'probe',
];
/** All commands: each prints for people. */
const EVERY: readonly Command[] = [...SCOPED, 'init', 'release', 'mirror-images'];

/** A signature that is late by more would be as good as lost. Milliseconds. */
const LONGEST_MISSING = 86_400_000;
const KEY_FILES = 'a file, or a directory of .asc and .gpg files';
const NODE_ROOT = 'a directory that stands for / of a node';
/** Who waits for longer has forgotten that it was told to stop. Milliseconds. */
const LONGEST_DRAIN = 86_400_000;
const DEFAULT_BRANCH = "default: the remote's default branch";
const TARGET_BRANCH = `branch to push to; ${DEFAULT_BRANCH}, and main for a repository that names none`;
const UNSAID = 'if the repository does not say so itself';

export const OPTIONS = {
  keys: {
    argument: 'PATH',
    description: `public keys to accept: ${KEY_FILES}`,
    commands: EVERY,
    wording: {
      show: `public keys to verify signatures with: ${KEY_FILES}`,
      'node-config': `public keys for images that no other scope covers: ${KEY_FILES}`,
      explain: `with SOURCE: public keys to accept: ${KEY_FILES}`,
      resolve: `with SOURCE: public keys to accept: ${KEY_FILES}`,
      init: `public keys to accept for images that no --scope covers: ${KEY_FILES}`,
      probe: `public keys to verify the signatures of --images with: ${KEY_FILES}`,
      release: `keys whose signatures count for releases, one keyring a file: ${KEY_FILES}`,
      hook: `public keys to accept, instead of what the pushed lookaside.yaml says: ${KEY_FILES}`,
      push: `public keys to accept ${UNSAID}: ${KEY_FILES}`,
      sign: `public keys to accept ${UNSAID}: ${KEY_FILES}`,
      promote: `public keys to verify the signatures of the stage with: ${KEY_FILES}`,
      mirror: `public keys of the upstream, to verify its signatures with: ${KEY_FILES}`,
      'mirror-images': `public keys of whoever signs the images upstream, any of which is enough: ${KEY_FILES}`,
    },
    repeatable: true,
    isPath: true,
    schema: several,
  },
  scopes: {
    description: 'who may sign which images, and under which names: see "Scopes"',
    commands: SCOPED,
    isInFileOnly: true,
    members: SCOPE_MEMBERS,
    schema: scopes,
  },
  releases: {
    description: 'where signatures of OpenShift releases lie, and whose count: see "Releases"',
    commands: [...READING, 'push', 'sign', 'hook', 'node-config'],
    isInFileOnly: true,
    members: RELEASE_MEMBERS,
    schema: releases,
  },
  source: {
    description: 'what to serve where the command line names no SOURCE',
    commands: ['serve'],
    isInFileOnly: true,
    schema: text,
  },
  policy: {
    argument: 'FILE',
    description: "a node's policy.json to check against, instead of keys and scopes",
    commands: [
      ...JUDGING,
      'keys',
      'explain',
      'push',
      'sign',
      'promote',
      'mirror',
      'hook',
      'probe',
      'resolve',
      'mirror-images',
    ],
    wording: {
      'mirror-images': 'policy.json by which skopeo takes images from upstream, instead of --keys',
      probe: "a node's policy.json with the keys to verify with, instead of --keys",
      mirror: "a node's policy.json with the keys of the upstream, instead of --keys",
      promote: "policy.json of the stage's nodes to verify its signatures by, instead of --keys",
      push: `a node's policy.json to check against, instead of keys, ${UNSAID}`,
      sign: `a node's policy.json to check against, instead of keys, ${UNSAID}`,
      show: "a node's policy.json with the keys to verify with, instead of --keys",
      explain: "with SOURCE: a node's policy.json to check against, instead of keys and scopes",
      resolve: "with SOURCE: a node's policy.json to check against, instead of keys and scopes",
    },
    toleratedBy: ['node-config'],
    isPath: true,
    schema: text,
  },
  'policy-root': {
    argument: 'DIR',
    description: `where the key paths of --policy start: ${NODE_ROOT}`,
    commands: SCOPED,
    wording: {
      'node-config': `where the key paths of --merge start: ${NODE_ROOT}`,
      explain: `with SOURCE: where the key paths of --policy start: ${NODE_ROOT}`,
      resolve: `with SOURCE: where the key paths of --policy start: ${NODE_ROOT}`,
    },
    default: '/',
    isPath: true,
    schema: text,
  },
  branch: {
    argument: 'NAME',
    description: `branch of a git source to read; ${DEFAULT_BRANCH}`,
    commands: [...GATING, 'push', 'sign', 'mirror', 'mirror-images'],
    wording: {
      serve: `branch of a git source to follow; ${DEFAULT_BRANCH}`,
      push: TARGET_BRANCH,
      sign: TARGET_BRANCH,
      promote: TARGET_BRANCH,
      mirror: TARGET_BRANCH,
      'mirror-images': TARGET_BRANCH,
      hook: "branch whose pushes are judged; default: the repository's default branch",
    },
    schema: branch,
  },
  path: {
    argument: 'DIR',
    description: 'subtree of the source to publish',
    commands: [...GATING, 'push', 'sign', 'mirror', 'mirror-images'],
    wording: {
      push: `subtree of the repository that is published, ${UNSAID}`,
      sign: `subtree of the repository that is published, ${UNSAID}`,
      mirror: `subtree of the repository that is published, ${UNSAID}`,
      promote: `subtree of the repository of --to that is published, ${UNSAID}`,
      'mirror-images': `subtree of the repository of --to that is published, ${UNSAID}`,
      check: 'subtree of the source to check',
      hook: 'subtree of the repository that is published',
      explain: 'subtree of the source that is published',
      resolve: 'subtree of the source that is published',
    },
    default: '.',
    schema: subtree,
  },
  'on-invalid': {
    argument: 'MODE',
    description:
      'what happens when files are rejected: quarantine leaves them out, refuse keeps the last good state',
    commands: ['generate', 'serve'],
    wording: {
      generate:
        'what happens when files are rejected: quarantine leaves them out, refuse writes nothing',
    },
    toleratedBy: ['check'],
    default: 'quarantine',
    schema: oneOf('quarantine', 'refuse'),
  },
  'git-token-file': {
    argument: 'FILE',
    description: 'file with the token for an https:// source',
    commands: REMOTE,
    wording: {
      push: 'file with the token for an https:// repository',
      sign: 'file with the token for an https:// repository',
      mirror: 'file with the token for an https:// repository',
      'mirror-images': 'file with the token for the https:// repository of --to',
      promote:
        'file with the token for the https:// repository of --to, and for --from at the same host',
    },
    isPath: true,
    schema: text,
  },
  'git-user': {
    argument: 'NAME',
    description:
      'user name that goes with the token: that of a GitLab deploy token, x-token-auth for Bitbucket',
    commands: REMOTE,
    default: DEFAULT_GIT_USER,
    schema: userName,
  },
  'git-ssh-key-file': {
    argument: 'FILE',
    description: 'private key for an ssh source, the only one that is tried',
    commands: REMOTE,
    wording: {
      push: 'private key for an ssh repository, the only one that is tried',
      sign: 'private key for an ssh repository, the only one that is tried',
      mirror: 'private key for an ssh repository, the only one that is tried',
      'mirror-images': 'private key for an ssh repository, the only one that is tried',
    },
    isPath: true,
    schema: text,
  },
  'git-known-hosts-file': {
    argument: 'FILE',
    description: 'keys of ssh hosts, as known_hosts has them; no others are accepted',
    commands: REMOTE,
    isPath: true,
    schema: text,
  },
  'git-ca-file': {
    argument: 'FILE',
    description: 'authorities (PEM) for an https:// source; no others are accepted',
    commands: REMOTE,
    wording: {
      push: 'authorities (PEM) for an https:// repository; no others are accepted',
      sign: 'authorities (PEM) for an https:// repository; no others are accepted',
      mirror: 'authorities (PEM) for an https:// repository; no others are accepted',
      'mirror-images': 'authorities (PEM) for an https:// repository; no others are accepted',
    },
    isPath: true,
    schema: text,
  },
  'state-dir': {
    argument: 'DIR',
    description:
      'where the clone of a git source, the checkpoint of the store and refused pulls are kept',
    commands: ['serve', 'mirror'],
    wording: { mirror: 'where it is kept what is known of the upstream, for the next run' },
    default: '$XDG_STATE_HOME/lookaside',
    isPath: true,
    schema: text,
  },
  format: {
    argument: 'FORMAT',
    description: 'format of the report: text, json, github, sarif or junit',
    commands: [
      'check',
      'show',
      'keys',
      'push',
      'sign',
      'promote',
      'mirror',
      'node-config',
      'explain',
      'probe',
      'release',
      'resolve',
      'mirror-images',
    ],
    wording: {
      keys: 'format of the report: text or json',
      probe: 'format of the report: text or json',
      mirror: 'format of the report: text or json',
      release: 'format of the report: text or json',
      show: 'format of the output: text or json',
      push: 'format of the report: text or json',
      sign: 'format of the report: text or json',
      promote: 'format of the report: text or json',
      'node-config': 'format of the report of --check and --cluster: text or json',
      'mirror-images': 'format of the report: text or json',
      explain: 'format of the answer: text or json',
      resolve: 'format of the answer: text or json',
    },
    values: {
      keys: ['text', 'json'],
      show: ['text', 'json'],
      push: ['text', 'json'],
      sign: ['text', 'json'],
      promote: ['text', 'json'],
      mirror: ['text', 'json'],
      'mirror-images': ['text', 'json'],
      'node-config': ['text', 'json'],
      explain: ['text', 'json'],
      resolve: ['text', 'json'],
      probe: ['text', 'json'],
      release: ['text', 'json'],
    },
    default: 'text',
    schema: oneOf('text', 'json', 'github', 'sarif', 'junit'),
  },
  strict: {
    description: 'treat warnings as faults',
    commands: ['check', 'hook', 'probe'],
    wording: { probe: 'treat risks as faults' },
    default: 'false',
    schema: flag,
  },
  'expiry-warning': {
    argument: 'DURATION',
    description:
      'warn about signatures and keys that expire within this time; 0s: only about those that have expired',
    commands: ['check', 'generate', 'node-config', 'hook', 'probe'],
    wording: {
      probe: 'warn about a certificate that expires within this time',
      'node-config':
        'warn about keys that expire within this time; 0s: only about those that have expired',
    },
    default: '30d',
    schema: duration('a duration like 30d or 12h', Number.MAX_SAFE_INTEGER),
  },
  out: {
    argument: 'DIR',
    description: 'directory to write the tree to; DIR/current is the newest generation',
    commands: ['generate', 'node-config', 'sign', 'release'],
    wording: {
      'node-config': 'directory to write the files to, or - for standard output',
      release: 'with configmap: directory to write the ConfigMaps to, or - for standard output',
      sign: 'directory to write signatures to instead of pushing them, laid out as skopeo does',
    },
    isPath: true,
    schema: text,
  },
  listen: {
    argument: 'HOST:PORT',
    description:
      'address to serve signatures on; without HOST, as with [::], all addresses of this host, IPv6 and IPv4',
    commands: ['serve', 'health'],
    wording: { health: 'address that the server serves signatures on' },
    default: '[::]:8080',
    schema: address,
  },
  'status-listen': {
    argument: 'HOST:PORT',
    description:
      'address to serve health and status on, for operators only; localhost stands for 127.0.0.1 and [::1]',
    commands: ['serve'],
    default: 'localhost:8081',
    schema: address,
  },
  drain: {
    argument: 'DURATION',
    description:
      'how long to go on serving after SIGTERM while /readyz answers 503, so that load balancers send new connections elsewhere before the stop',
    commands: ['serve'],
    default: '0s',
    schema: duration('a duration like 10s or 1m, at most 24h', LONGEST_DRAIN),
  },
  'max-connections': {
    argument: 'NUMBER',
    description:
      'most connections to the store at once; beyond that, those idle longest are closed for new ones',
    commands: ['serve'],
    default: '10000',
    schema: wholeNumber(16, 1_000_000),
  },
  'webhook-secret-file': {
    argument: 'FILE',
    description: 'file with the secret of the webhook; with several, one per line, all are valid',
    commands: ['serve'],
    isPath: true,
    schema: text,
  },
  'webhook-forges': {
    argument: 'LIST',
    description: 'whose webhooks are taken, told apart by the proof of origin that each sends',
    commands: ['serve'],
    default: WEBHOOK_FORGES.join(','),
    schema: someOf(...WEBHOOK_FORGES),
  },
  peers: {
    argument: 'NAME',
    description:
      'name of all servers of this store: a push that the webhook takes is passed on to each address of it; NAME:PORT if they listen on another port than this one',
    commands: ['serve'],
    schema: peers,
  },
  'notify-url': {
    argument: 'URL',
    description:
      'address that is told of each publication and of missing signatures, as CloudEvents; a user name and a password in it are sent, and shown nowhere',
    commands: ['serve'],
    repeatable: true,
    schema: webhookUrls,
  },
  'notify-secret-file': {
    argument: 'FILE',
    description:
      'file with the secret that events are signed with, plain or as whsec_ and base64; one per line while you rotate it',
    commands: ['serve'],
    isPath: true,
    schema: text,
  },
  'audit-log': {
    argument: 'FILE',
    description:
      'file to which a line of JSON is appended for each publication; - for standard output',
    commands: ['serve'],
    isPath: true,
    schema: text,
  },
  poll: {
    argument: 'DURATION',
    description: 'how often to look for changes without a webhook; 0s: never',
    commands: ['serve'],
    default: '60s',
    schema: duration('a duration like 60s or 5m, at most 596h', LONGEST_TIMER),
  },
  'cache-missing': {
    argument: 'DURATION',
    description: 'how long caches may keep the 404 behind the last signature; 0s: not at all',
    commands: ['serve'],
    default: '0s',
    schema: duration('a duration like 5s, at most 24h', LONGEST_MISSING),
  },
  'access-log': {
    argument: 'FORM',
    description:
      'format of the access log on standard output, one line per lookup: combined, json or none',
    commands: ['serve'],
    default: 'combined',
    schema: oneOf('combined', 'json', 'none'),
  },
  'trusted-proxies': {
    argument: 'CIDR',
    description:
      'proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted: an address, a range, or loopback, linklocal, uniquelocal',
    commands: ['serve'],
    repeatable: true,
    schema: several,
  },
  'tls-cert': {
    argument: 'FILE',
    description: 'certificate chain (PEM) to serve HTTPS with; read again when it changes',
    commands: ['serve', 'health'],
    wording: { health: 'given where the server serves HTTPS' },
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
    description: 'address at which nodes find the store',
    commands: ['node-config', 'serve'],
    wording: { serve: 'public address of the store, shown on its page' },
    schema: text,
  },
  'commit-url': {
    argument: 'URL',
    description:
      'page of a commit at the git host, with {commit} in it, to which the status pages link; default: derived from SOURCE for hosts named github, gitlab, gitea, forgejo or codeberg',
    commands: ['serve'],
    schema: commitUrl,
  },
  [BUDGET_OPTIONS.pathDepth]: {
    argument: 'N',
    description: 'most components in the path of a signature; deeper files are rejected',
    commands: GATING,
    default: '32',
    schema: wholeNumber(1),
  },
  [BUDGET_OPTIONS.pathLength]: {
    argument: 'SIZE',
    description: 'most bytes in the path of a signature; files with longer paths are rejected',
    commands: GATING,
    default: '1024',
    schema: size,
  },
  [BUDGET_OPTIONS.gpgvTime]: {
    argument: 'DURATION',
    description: 'processor time that gpgv may spend on one file, in whole seconds',
    commands: [...GATING, 'show', 'push', 'sign', 'mirror', 'probe'],
    default: '2s',
    schema: duration('a duration like 2s', LONGEST_TIMER).refine((given) => given >= 1000, {
      error: 'expected at least 1s of processor time',
    }),
  },
  [BUDGET_OPTIONS.entries]: {
    argument: 'N',
    description:
      'most files in a state of the source, and most directories; a state with more is refused',
    commands: GATING,
    default: '4000000',
    schema: wholeNumber(1),
  },
  [BUDGET_OPTIONS.pathBytes]: {
    argument: 'SIZE',
    description: 'most bytes in all paths of a state together; a state with more is refused',
    commands: GATING,
    default: '1GiB',
    schema: size,
  },
  [BUDGET_OPTIONS.transfer]: {
    argument: 'SIZE',
    description:
      'most bytes that one fetch from a remote may bring; a state that needs more is refused',
    commands: READING,
    default: '4GiB',
    schema: size,
  },
  [BUDGET_OPTIONS.disk]: {
    argument: 'SIZE',
    description:
      'most bytes that the clone may take on the disk; a state that needs more is refused',
    commands: READING,
    default: '16GiB',
    schema: size,
  },
  scope: {
    argument: 'SCOPE=PATH',
    description: 'keys that may sign images of a scope, for example quay.io/team=team.asc',
    commands: ['node-config', 'init'],
    repeatable: true,
    schema: scopeFlags,
  },
  target: {
    argument: 'TARGET',
    description: `what to write: ${TARGET_NAMES.join(', ')}`,
    commands: ['node-config'],
    default: 'files',
    schema: oneOf(...TARGET_NAMES),
  },
  name: {
    argument: 'NAME',
    description: 'prefix for the names of the files',
    commands: ['node-config'],
    default: 'lookaside',
    schema: fileName,
  },
  default: {
    argument: 'TYPE',
    description: 'what holds for images outside all scopes: reject or insecureAcceptAnything',
    commands: ['node-config'],
    schema: oneOf('reject', 'insecureAcceptAnything'),
  },
  merge: {
    argument: 'FILE',
    description: 'policy.json that nodes have now; what it says about other scopes is kept',
    commands: ['node-config'],
    isPath: true,
    schema: text,
  },
  force: {
    description: 'write even if a scope or the default of the policy becomes weaker',
    commands: ['node-config'],
    default: 'false',
    schema: flag,
  },
  clients: {
    argument: 'VERSION',
    description:
      'oldest containers/image library of the nodes: any, 5.22+ (podman 4.2, skopeo 1.9) or 5.40+ (podman 6, skopeo 1.23)',
    commands: ['node-config'],
    default: 'any',
    schema: oneOf('any', '5.22+', '5.40+'),
  },
  'keys-as': {
    argument: 'FORM',
    description:
      'how keys reach nodes: file, data inside policy.json, or no-reboot (one file that OpenShift takes without a reboot)',
    commands: ['node-config'],
    default: 'file',
    schema: oneOf('file', 'data', 'no-reboot'),
  },
  rootless: {
    description: "write for one user's home directory, with keys inside policy.json",
    commands: ['node-config'],
    default: 'false',
    schema: flag,
  },
  staging: {
    argument: 'DIR',
    description:
      'for machines that sign: where skopeo and podman write signatures, and read those of others',
    commands: ['node-config'],
    schema: absoluteDirectory,
  },
  check: {
    argument: 'PATH',
    description:
      'report what is wrong with the files of a node instead of writing any; PATH stands for its /, or with --rootless for a home directory',
    commands: ['node-config', 'resolve', 'release'],
    wording: {
      resolve:
        'Kubernetes manifests to check instead of IMAGE: which images are not pinned, or pinned to what is not signed; a file, or a directory with .yaml, .yml and .json files. Further ones follow SOURCE',
      release:
        'with configmap: say what a cluster makes of the ConfigMaps in a file, or - for standard input, instead of writing any',
    },
    isPath: true,
    schema: text,
  },
  cluster: {
    argument: 'FILE',
    description:
      'report whether the nodes of an OpenShift cluster verify, by what `oc get … -o json` printed into FILE; - for standard input',
    commands: ['node-config'],
    isPath: true,
    schema: text,
  },
  write: {
    argument: 'FILE',
    description:
      'Kubernetes manifests in which images are to be pinned, instead of IMAGE; as with --check, and nothing else in them changes',
    commands: ['resolve'],
    isPath: true,
    schema: text,
  },
  manifests: {
    argument: 'ask|never|DIR',
    description:
      'how to find out which of several digests of a tag is a list of platforms: ask the registry through skopeo, never ask, or look at the files in a directory; default: ask',
    commands: ['resolve', 'serve'],
    wording: {
      serve:
        'how /resolve.json finds out which of several digests of a tag is a list of platforms: ask registries through skopeo, never ask, or look at the files in a directory; default: never',
    },
    schema: text,
  },
  diff: {
    argument: 'DIR',
    description: 'print how the files below DIR differ from those that would be written',
    commands: ['node-config'],
    isPath: true,
    schema: text,
  },
  pool: {
    argument: 'POOL',
    description:
      'machine config pools, for example worker,master; with --cluster, all pools unless some are named',
    commands: ['node-config'],
    repeatable: true,
    schema: names,
  },
  ignition: {
    argument: 'VERSION',
    description: 'version of Ignition in MachineConfigs; 2.2.0 for OpenShift before 4.6',
    commands: ['node-config'],
    default: '3.2.0',
    schema: oneOf('2.2.0', '3.1.0', '3.2.0', '3.4.0'),
  },
  butane: {
    argument: 'VERSION',
    description: "version of Butane's openshift variant: that of the cluster, for example 4.14.0",
    commands: ['node-config'],
    default: '4.12.0',
    schema: butaneVersion,
  },
  digest: {
    argument: 'DIGEST',
    description: 'with configmap: take this release only (sha256:…)',
    commands: ['release'],
    repeatable: true,
    schema: several,
  },
  'per-file': {
    argument: 'N',
    description:
      'with configmap: most signatures in one ConfigMap; `oc apply` takes about 200, and fewer if they are large',
    commands: ['release'],
    default: '200',
    schema: wholeNumber(9, 1000),
  },
  server: {
    argument: 'URL',
    description:
      'running server to ask instead of a SOURCE, by the address of its status listener (http://localhost:8081)',
    commands: ['explain', 'promote', 'release', 'resolve', 'mirror-images'],
    wording: {
      release:
        'with check: store to ask instead of a SOURCE, by the address that clusters have (https://signatures.example.com/)',
      'mirror-images':
        "store with the upstream's signatures, by the address that its nodes have; default: as registries.d of this machine says",
      promote: 'store of the stage to ask instead of --from, by the address that its nodes have',
    },
    schema: text,
  },
  images: {
    argument: 'FILE',
    description: 'file with an IMAGE on each line; # begins a comment',
    commands: ['sign', 'promote', 'mirror', 'probe'],
    wording: {
      sign: 'file with an IMAGE on each line; # begins a comment; - for standard input',
      mirror:
        'images to mirror, a line each, whose digests the registry is asked for, all platforms; # begins a comment; - for standard input',
      probe:
        'images whose signatures the store must have, a line each, with their digests: quay.io/team/app@sha256:…; - for standard input',
    },
    isPath: true,
    schema: text,
  },
  at: {
    argument: 'DATE',
    description:
      'say what would be refused then that is accepted now: a date, a time in UTC, or days from now, for example 90d',
    commands: ['keys'],
    schema: moment,
  },
  without: {
    argument: 'KEY',
    description:
      'say what would be refused without a key, as if it were revoked: a fingerprint, or a file of keys',
    commands: ['keys'],
    repeatable: true,
    schema: several,
  },
  'sign-by': {
    argument: 'KEY',
    description:
      'private key to sign with: a fingerprint, key ID or mail address, or the fingerprint of a subkey with ! behind it',
    commands: ['sign', 'promote', 'mirror-images'],
    schema: text,
  },
  identity: {
    argument: 'NAME',
    description:
      'name to sign under, if nodes pull the image under another name; without a tag, each image keeps its own',
    commands: ['sign'],
    schema: text,
  },
  'passphrase-file': {
    argument: 'FILE',
    description:
      "file with the private key's passphrase on its first line; without it, gpg-agent asks",
    commands: ['sign', 'promote', 'mirror-images'],
    isPath: true,
    schema: text,
  },
  gpg: {
    argument: 'PROGRAM',
    description: 'gpg to sign with; it goes by GNUPGHOME and its own configuration',
    commands: ['sign', 'promote', 'mirror-images'],
    default: 'gpg',
    schema: text,
  },
  again: {
    description: 'sign again what this key has already signed under this name',
    commands: ['sign', 'promote'],
    default: 'false',
    schema: flag,
  },
  from: {
    argument: 'SOURCE',
    description:
      'signature repository of the stage that images come from: a directory, a git URL or a bundle',
    commands: ['promote', 'mirror'],
    wording: {
      mirror: 'address of the upstream store, as nodes have it in registries.d',
    },
    schema: text,
  },
  digests: {
    argument: 'FILE',
    description:
      'manifests to mirror: IMAGE@sha256:… a line, a digest file of skopeo, a mapping.txt of oc-mirror, or pods or a release as JSON; - for standard input',
    commands: ['mirror'],
    isPath: true,
    schema: text,
  },
  release: {
    description:
      "mirror a store of OpenShift releases: into the repository's release area, by its keys or those of --keys",
    commands: ['mirror'],
    default: 'false',
    schema: flag,
  },
  'from-refused': {
    argument: 'URL',
    description:
      'running server whose nodes have asked for signatures in vain, by the address of its status listener: these are mirrored',
    commands: ['mirror'],
    schema: text,
  },
  jobs: {
    argument: 'N',
    description: 'how many manifests to read from the upstream at once',
    commands: ['mirror', 'mirror-images'],
    wording: { 'mirror-images': 'how many images are looked at and copied at once' },
    default: '4',
    schema: wholeNumber(1, 64),
  },
  reread: {
    argument: 'DURATION',
    description:
      'how long to leave alone what was read whole and is in the repository; 0s: read all in each run',
    commands: ['mirror'],
    default: '1d',
    schema: duration('a duration like 1d or 12h', Number.MAX_SAFE_INTEGER),
  },
  require: {
    argument: 'SIGNER',
    description:
      'who must have signed there: the fingerprint of a key, a file of keys of which one must have, or scope:NAME for all that a scope of the configuration asks for',
    commands: ['promote'],
    repeatable: true,
    schema: several,
  },
  map: {
    argument: 'FROM=TO',
    description:
      'name of images in the next stage, for example dev.example.com/team=example.com/team; of several the longest FROM counts',
    commands: ['promote', 'mirror'],
    wording: {
      mirror:
        'UPSTREAM=LOCAL: under which name nodes get the images here, for example quay.io/vendor=mirror.example.com/vendor; others are left out. Default: all keep their names',
    },
    repeatable: true,
    schema: renamings,
  },
  list: {
    description: 'say what the stage has and the next one lacks, and do nothing',
    commands: ['promote', 'keys'],
    wording: {
      keys: 'print only the images that would be refused, a line each, as sign --images reads them',
    },
    default: 'false',
    schema: flag,
  },
  copy: {
    description:
      'copy the images first, with skopeo, to the names that they have in the next stage',
    commands: ['promote'],
    default: 'false',
    schema: flag,
  },
  'images-from': {
    argument: 'REPOSITORY',
    description: 'repository whose images are mirrored, for example quay.io/vendor/app',
    commands: ['mirror-images'],
    schema: imageRepository,
  },
  'images-to': {
    argument: 'REPOSITORY',
    description: 'repository that they are copied to, for example example.com/mirror/app',
    commands: ['mirror-images'],
    schema: imageRepository,
  },
  tags: {
    argument: 'GLOB',
    description:
      "tags to mirror, for example 'v1.*'; with ! before it, tags to leave out; without any, all are mirrored",
    commands: ['mirror-images'],
    repeatable: true,
    schema: tagGlobs,
  },
  'insecure-accept-anything': {
    description: 'mirror images even if nobody has signed them upstream',
    commands: ['mirror-images'],
    default: 'false',
    schema: flag,
  },
  'mirrored-images': {
    description:
      'several repositories to mirror, each with its tags and keys: see "Mirrored images"',
    commands: ['mirror-images'],
    isInFileOnly: true,
    members: MIRRORED_IMAGES_MEMBERS,
    schema: mirroredImages,
  },
  stages: {
    description:
      'for a store that images are promoted to: every key of a scope has to sign, and CODEOWNERS says who approves',
    commands: ['init'],
    default: 'false',
    schema: flag,
  },
  platform: {
    argument: 'OS/ARCH',
    description:
      'platforms of a multi-arch image to ask about, for example linux/arm64; default: all',
    commands: ['explain', 'sign'],
    wording: {
      sign: 'platforms of a multi-arch image to sign, for example linux/arm64; default: all',
    },
    repeatable: true,
    schema: platforms,
  },
  authfile: {
    argument: 'FILE',
    description: "credentials for the registry, in skopeo's format",
    commands: [
      'explain',
      'sign',
      'promote',
      'mirror',
      'release',
      'resolve',
      'serve',
      'mirror-images',
    ],
    wording: { serve: "with --manifests ask: credentials for registries, in skopeo's format" },
    isPath: true,
    schema: text,
  },
  base: {
    argument: 'REV',
    description:
      'check only what the commit that is checked out adds to this one, and what it takes away',
    commands: ['check'],
    schema: text,
  },
  'allow-removals': {
    description: 'accept a change that takes away good signatures, or keys',
    commands: ['check', 'hook'],
    wording: {
      check: 'with --base: accept a change that takes away good signatures, or keys',
      hook: 'accept pushes that take away good signatures, keys, or the branch',
    },
    default: 'false',
    schema: flag,
  },
  'all-branches': {
    description: 'judge pushes to other branches too, by what they add to the branch',
    commands: ['hook'],
    default: 'false',
    schema: flag,
  },
  to: {
    argument: 'REPO',
    description: 'signature repository to push to: a git URL, or the path of a repository',
    commands: ['push', 'sign', 'promote', 'mirror', 'mirror-images'],
    schema: text,
  },
  'pull-request': {
    description:
      'push to a branch of its own and ask for it to be merged: by push options (GitLab, Gitea), or on GitHub with --git-token-file',
    commands: ['push', 'sign', 'promote', 'mirror', 'mirror-images'],
    default: 'false',
    schema: flag,
  },
  forge: {
    argument: 'FORGE',
    description: `kind of git host: ${FORGES.join(', ')}; default: by the name of the host`,
    commands: ['push', 'sign', 'promote', 'mirror', 'init', 'mirror-images'],
    wording: {
      init: `git host whose pipelines shall check proposals: ${FORGES.join(', ')}; default: by the name of the remote's host, else github`,
    },
    schema: oneOf(...FORGES),
  },
  'dry-run': {
    description: 'say what would be pushed, and push nothing',
    commands: ['push', 'sign', 'promote', 'mirror', 'mirror-images'],
    wording: {
      sign: 'say what would be signed, and sign nothing',
      promote: 'say what would be copied and signed, and do neither',
      'mirror-images': 'say what would be copied and signed, and change nothing',
    },
    default: 'false',
    schema: flag,
  },
  'keep-going': {
    description: 'push the good signatures even if others are refused',
    commands: ['push', 'promote'],
    wording: { promote: 'promote those images that may be promoted, even if others may not' },
    default: 'false',
    schema: flag,
  },
  clear: {
    description:
      'after the push, remove from staging directories, and of files named themselves, what the repository has',
    commands: ['push'],
    default: 'false',
    schema: flag,
  },
  wait: {
    argument: 'URL',
    description:
      'wait, for --timeout at most, until the store at this address serves what was pushed or was there already',
    commands: ['push', 'sign', 'promote', 'mirror-images'],
    schema: text,
  },
  timeout: {
    argument: 'DURATION',
    description: 'how long to try again while others push too',
    commands: ['push', 'sign', 'promote', 'mirror', 'probe', 'mirror-images'],
    wording: { probe: 'how long all questions together may take' },
    default: '2m',
    schema: duration('a duration like 2m', LONGEST_TIMER),
  },
  'no-color': {
    description: 'print without colours, as with NO_COLOR in the environment',
    commands: EVERY,
    default: 'false',
    schema: flag,
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
} & {
  /** Where a value comes from, as errors name it: `--keys`, or `lookaside.yaml: keys`. Not for defaults. */
  readonly origins: Readonly<Partial<Record<OptionName, string>>>;
};

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** An option, without the precision of its own schema. */
export function optionOf(name: OptionName): Option {
  return OPTIONS[name];
}

/** The description of an option for a command, or the general one. */
export function describeOption(name: OptionName, command?: Command): string {
  const { description, wording } = optionOf(name);
  return (command && wording?.[command]) ?? description;
}

/** The values that a command accepts of an option with a closed set of values. */
export function valuesOf(name: OptionName, command?: Command): readonly string[] | undefined {
  const { schema, values } = optionOf(name);
  const all = schema instanceof z.ZodEnum ? schema.options.map(String) : undefined;
  return (command && values?.[command]) ?? all;
}

/** The options that a command's help names. */
export function optionsOf(command: Command): readonly OptionName[] {
  return OPTION_NAMES.filter((name) => {
    const { commands, isInFileOnly } = optionOf(name);
    return !isInFileOnly && commands.includes(command);
  });
}

/** `LOOKASIDE_WEBHOOK_SECRET_FILE` for `webhook-secret-file`. */
export function variableOf(name: string): string {
  return `LOOKASIDE_${name.toUpperCase().replaceAll('-', '_')}`;
}
