// The ssh that git runs: ours, or the user's own with limits of time behind it. ssh takes the first value
// that it is given of an option, so the user's command line wins over what is put behind it; both win
// over ssh_config.
import { toShellWord } from '../../../terms/text.ts';

/** Files that say who we are, and whom we talk to. Their paths are absolute. */
export interface SshFiles {
  /** A private key. */
  readonly sshKeyFile?: string | undefined;
  /** The keys of hosts, as known_hosts has them; no other file counts then. */
  readonly knownHostsFile?: string | undefined;
}

/** What the user says of ssh, as git knows it. */
export interface UserSsh {
  /** The variable `GIT_SSH_COMMAND`, or what git takes for it. */
  readonly command?: string | undefined;
  /** The variable `GIT_SSH`: the path of a program. */
  readonly program?: string | undefined;
  /** The variable `GIT_SSH_VARIANT`: which options the program knows. */
  readonly variant?: string | undefined;
  /** Whether ssh may ask people. */
  readonly asksPeople?: boolean;
}

/** A host that says nothing for so long is given up, before it lets us in and afterwards. Seconds. */
const TIMES: readonly string[] = [
  'ConnectTimeout=20',
  'ServerAliveInterval=10',
  'ServerAliveCountMax=3',
];
const NEVER_ASK = 'BatchMode=yes';
/** The first word of a command, where it is that of OpenSSH. */
const OPENSSH = /^\s*(?:[^\s'"\\]*\/)?ssh(?=\s|$)/;

/**
 * The command for git's `GIT_SSH_COMMAND`; undefined where the user's own program takes other options, so
 * that it has to do as it is. With files nothing counts that the user says of ssh.
 */
export function toSshCommand(user: UserSsh, files: SshFiles = {}): string | undefined {
  const { sshKeyFile, knownHostsFile } = files;
  const options = [...(user.asksPeople === true ? [] : [NEVER_ASK]), ...TIMES];
  if (sshKeyFile !== undefined || knownHostsFile !== undefined) {
    return withOptions('ssh', [...options, ...toFileOptions(files)]);
  }
  const { command, program, variant } = user;
  const own = command ?? (program === undefined ? 'ssh' : toShellWord(program));
  const isOpenSsh =
    variant === undefined ? OPENSSH.test(command ?? program ?? 'ssh') : variant === 'ssh';
  return isOpenSsh ? withOptions(own, options) : command;
}

function toFileOptions({ sshKeyFile, knownHostsFile }: SshFiles): readonly string[] {
  const key = sshKeyFile && [`IdentityFile=${quote(sshKeyFile)}`, 'IdentitiesOnly=yes'];
  const hosts = knownHostsFile && [
    `UserKnownHostsFile=${quote(knownHostsFile)}`,
    'GlobalKnownHostsFile=none',
    'StrictHostKeyChecking=yes',
    'UpdateHostKeys=no',
  ];
  return [...(key || []), ...(hosts || [])];
}

/** A path as ssh_config(5) takes it: with white space in it, and `%` for itself. */
function quote(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}

/** Whether ssh can be told a path: it has no way to write a quote, a line break or a `${` in one. */
export function canTellSsh(path: string): boolean {
  return !/["\p{Cc}]|\$\{/u.test(path);
}

function withOptions(command: string, options: readonly string[]): string {
  const words = options.map((option) => {
    const word = `-o${option}`;
    return /["'\s$\\%]/.test(word) ? toShellWord(word) : word;
  });
  return [command, ...words].join(' ');
}
