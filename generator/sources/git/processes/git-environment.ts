// The environment that every git process runs in. Nothing that a hostile repository or a
// stray setting says may run a program, ask a question or reach another protocol.
import { resolve } from 'node:path';
import { type SshFiles, toSshCommand } from './ssh-command.ts';
import { DEFAULT_GIT_USER, tokenSettings } from './token-settings.ts';

/** What a git process may inherit beside our own settings. */
const INHERITED: ReadonlySet<string> = new Set([
  'GIT_SSH',
  'GIT_SSH_COMMAND',
  'GIT_SSH_VARIANT',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
  'GIT_SSL_CERT',
  'GIT_SSL_KEY',
  'GIT_CONFIG_GLOBAL',
  'GIT_CONFIG_SYSTEM',
  'GIT_CONFIG_NOSYSTEM',
  'GIT_EXEC_PATH',
]);

/** What names a program that git may start. */
const PROGRAMS: ReadonlySet<string> = new Set([
  'EDITOR',
  'PAGER',
  'PREFIX',
  'SSH_ASKPASS',
  'VISUAL',
]);

/** A transfer slower than this many bytes a second for as many seconds is given up. */
const SLOW_BYTES_PER_SECOND = '1';
const SLOW_SECONDS = '30';

/** The file with the token for HTTPS, and the URL whose host may have it. */
export interface TokenFile {
  readonly url: string;
  readonly path: string;
  /** The name that goes with it; DEFAULT_GIT_USER if left out. */
  readonly user?: string | undefined;
}

/** Files with which a remote lets git in. What is left out is as the user has it. */
export interface GitAccess extends SshFiles {
  readonly tokenFile?: string | undefined;
  /** The user name that goes with the token. */
  readonly user?: string | undefined;
  /** The authorities for HTTPS (PEM); no others count then. */
  readonly caFile?: string | undefined;
}

/** The same for one remote. Paths are absolute, as git runs in another directory. */
export interface RemoteAccess extends SshFiles {
  readonly token?: TokenFile | undefined;
  readonly caFile?: string | undefined;
}

/** Takes the files of `access` for the remote at a URL. */
export function toRemoteAccess(url: string, access: GitAccess): RemoteAccess {
  const { tokenFile, user, sshKeyFile, knownHostsFile, caFile } = access;
  return {
    ...(tokenFile && { token: { url, path: resolve(tokenFile), user } }),
    ...(sshKeyFile && { sshKeyFile: resolve(sshKeyFile) }),
    ...(knownHostsFile && { knownHostsFile: resolve(knownHostsFile) }),
    ...(caFile && { caFile: resolve(caFile) }),
  };
}

/** The variables by which the token helper, and curl in git, find their files. */
export function accessVariables({ token, caFile }: RemoteAccess): Record<string, string> {
  return {
    ...(token && {
      LOOKASIDE_GIT_TOKEN_FILE: token.path,
      LOOKASIDE_GIT_USER: token.user ?? DEFAULT_GIT_USER,
    }),
    ...(caFile && { GIT_SSL_CAINFO: caFile }),
  };
}

/**
 * Builds the environment from the caller's. With a token file, git asks a helper that reads
 * the file each time, so a rotated token is seen, and the token is in no argument or variable.
 */
export function gitEnvironment(
  base: Readonly<Record<string, string | undefined>>,
  access: RemoteAccess = {},
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(base)) {
    const isLeftOut = name.startsWith('GIT_') ? !INHERITED.has(name) : PROGRAMS.has(name);
    if (value !== undefined && !isLeftOut) environment[name] = value;
  }
  const { GIT_SSH_COMMAND: command, GIT_SSH: program, GIT_SSH_VARIANT: variant } = environment;
  const ssh = toSshCommand({ command, program, variant }, access);
  // What takes the place of another program is OpenSSH.
  if (ssh !== command && variant !== 'ssh') delete environment['GIT_SSH_VARIANT'];
  const { token } = access;
  const settings = token ? [...SETTINGS, ...tokenSettings(token.url)] : SETTINGS;
  return {
    ...environment,
    ...(ssh !== undefined && { GIT_SSH_COMMAND: ssh }),
    ...accessVariables(access),
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    // A missing object is missing: nothing that is read asks a remote.
    GIT_NO_LAZY_FETCH: '1',
    // An object is what its name says: no ref puts another in its place.
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
    ...toConfigVariables(settings),
  };
}

const SETTINGS: readonly (readonly [string, string])[] = [
  ['core.askPass', ''],
  ['core.hooksPath', '/dev/null'],
  // A detached child would outlive us, or linger where we are process 1 of a container.
  ['gc.autoDetach', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  // What comes as a pack stays one: unpacked, 8 MB can be 2 GB. The user's settings do not count.
  ['fetch.unpackLimit', '1'],
  ['transfer.unpackLimit', '1'],
  // Refs too: by default they may be empty after a power cut.
  ['core.fsync', 'committed'],
  // The form that the clone is read and mended in.
  ['init.defaultRefFormat', 'files'],
  ['init.defaultObjectFormat', 'sha1'],
  // Larger blobs are never served: git shall not hold them in memory, nor look for deltas in them.
  ['core.bigFileThreshold', '16m'],
  ['pack.windowMemory', '64m'],
  // Bitmaps are of use for those who give clones away.
  ['repack.writeBitmaps', 'false'],
  ['http.lowSpeedLimit', SLOW_BYTES_PER_SECOND],
  ['http.lowSpeedTime', SLOW_SECONDS],
];

function toConfigVariables(settings: typeof SETTINGS): Record<string, string> {
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) };
  for (const [index, [key, value]] of settings.entries()) {
    variables[`GIT_CONFIG_KEY_${index}`] = key;
    variables[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return variables;
}
