// Why git fails at a remote, by what git, ssh, curl and git hosts say, each with its cure. What they say is
// English, as every git gets LC_ALL=C; curl has its words from GnuTLS or from OpenSSL.
import { toShellWord } from '../../../terms/text.ts';

/** One way to fail. */
export interface GitFailure {
  /** What is said of it. The line that says it is shown. */
  readonly said: RegExp;
  readonly hint: string;
}

/** How git is told that a repository of somebody else is meant; `path` as a shell takes it. */
function trustHint(path: string): string {
  const setting = `--add safe.directory ${path}`;
  return `let git trust it: \`git config --global ${setting}\`, or without a home \`git config --file FILE ${setting}\` and GIT_CONFIG_GLOBAL=FILE; or run lookaside as its owner`;
}

/** The same for the repository at a path, of which git has `said` that it belongs to somebody else. */
export function ownerCure(path: string, said: string): string {
  // Git means the directory inside a work tree.
  const [, named = path] = /safe\.directory '?(\/[^\n';]*?)'?\s*(?:;|$)/m.exec(said) ?? [];
  return trustHint(toShellWord(named));
}

/** The order counts: the first that fits says it best. What a remote says comes last. */
export const GIT_FAILURES = {
  'git-missing': {
    said: /(?:^|: )git: (?:command )?not found$/m,
    hint: 'install git, or put its directory into PATH',
  },
  'ssh-missing': {
    said: /cannot run (?:ssh|\S*\/ssh): |(?:^|: )ssh: (?:command )?not found$/m,
    hint: 'install ssh, or set GIT_SSH_COMMAND to the command that git shall run',
  },
  'disk-full': {
    said: /^(?!remote: ).*(?:No space left on device|Disk quota exceeded|Read-only file system)/m,
    hint: 'make room on the disk of the clone, and let it be written to: that of --state-dir for serve, that of TMPDIR for commands that run once',
  },
  'dubious-ownership': {
    said: /dubious ownership/,
    hint: trustHint('PATH'),
  },
  'host-key-changed': {
    said: /Host key for .* has changed|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    hint: 'ask whoever runs the host whether its key is new: if it is, put the new one into known_hosts in place of the old one; if it is not, somebody else answers for the host',
  },
  'host-key-unknown': {
    said: /No .* host key is known for|Host key verification failed/,
    hint: 'compare what `ssh-keyscan HOST` prints with what the host publishes, and add it to known_hosts, or to a file for --git-known-hosts-file',
  },
  'key-permissions': {
    said: /Permissions .* for '.*' are too open/,
    hint: 'ssh takes no private key that others may read: chmod 600 FILE (in Kubernetes, defaultMode: 0400)',
  },
  'key-unusable': {
    said: /Load key ".*": /,
    hint: 'ssh cannot use this private key: it must be readable for the user that runs lookaside, and whole',
  },
  'no-such-user': {
    said: /No user exists for uid/,
    hint: 'ssh wants a name for the user that runs lookaside: run as one that /etc/passwd has, or add a line there',
  },
  'key-refused': {
    said: /Permission denied \([a-z,-]*publickey[a-z,-]*\)|Too many authentication failures/,
    hint: 'the host takes none of your keys for this user: check the user in the URL (git@…) and whether the key may read there; name a key with --git-ssh-key-file',
  },
  'proxy-login': {
    said: /\b407\b/,
    hint: 'the proxy wants a name and a password: https_proxy=http://USER:PASSWORD@HOST:PORT, or http.proxy in the configuration of git',
  },
  'proxy-unreachable': {
    said: /Could not resolve proxy|CONNECT tunnel failed|Proxy CONNECT aborted|HTTP code \d+ from proxy|Failed to connect to \S+ port \d+ via |unable to access '\w+:\/\/(?:[^@/']*@)?(\[[^\]']*\]|[^:/']+)(?=[:/'])[^']*': Failed to connect to (?!\1 port )/,
    hint: 'the proxy does not answer, or does not let this host through: check https_proxy, http_proxy, no_proxy, and http.proxy in the configuration of git',
  },
  'certificate-name': {
    said: /certificate subject name .* does not match|no alternative certificate subject name matches|hostname mismatch/i,
    hint: 'the certificate of the host is for another name: use that name in the URL, or have a certificate made for this one',
  },
  'certificate-time': {
    said: /certificate (?:has|is) expired|certificate is not yet valid/i,
    hint: 'a certificate of the host has ended, or does not begin yet: have it renewed, and check the clock of this machine',
  },
  'certificate-unverified': {
    said: /certificate verification failed|SSL certificate problem|self[- ]signed certificate|unable to get (?:local )?issuer certificate/i,
    hint: 'no authority that this machine knows has signed the certificate, or it has expired: name your authority (PEM) with --git-ca-file; `openssl s_client -connect HOST:443` shows the certificate',
  },
  'authorities-unreadable': {
    said: /Problem with the SSL CA cert|error setting certificate (?:verify locations|file)|error adding trust anchors/i,
    hint: 'the file of authorities cannot be used: check --git-ca-file, or GIT_SSL_CAINFO and http.sslCAInfo',
  },
  'no-tls': {
    said: /unexpected TLS packet|wrong version number|Empty reply from server|Received HTTP\/0\.9/i,
    hint: 'one side speaks TLS and the other does not: check http:// against https:// and the port in the URL',
  },
  'name-unresolved': {
    said: /Could not resolve host|unable to look up |Temporary failure in name resolution/,
    hint: 'the name of the host has no address here: check how it is written, and DNS',
  },
  'connection-refused': {
    said: /Connection refused|Couldn't connect to server|No route to host|Network is unreachable/i,
    hint: 'nothing takes connections there: check host and port in the URL, firewalls, and whether the git host runs',
  },
  'timed-out': {
    said: /timed out|Operation too slow|Timeout, server .* not responding/i,
    hint: 'the host does not answer in time: check firewalls, proxies and whether the git host runs',
  },
  'bundle-incomplete': {
    said: /lacks these prerequisite commits|does not have these prerequisites/,
    hint: 'the bundle builds on commits that are not here: make one that has them all, `git bundle create FILE BRANCH`',
  },
  'bundle-damaged': {
    said: /does not look like a v\d|unrecognized header|index-pack died$|pack (?:has bad|is corrupted|signature mismatch)|inflate: /m,
    hint: 'what came is damaged or not whole: try again; look at a bundle with `git bundle verify FILE`',
  },
  'connection-lost': {
    said: /Connection (?:closed|reset) by|kex_exchange_identification|unexpected disconnect|hung up unexpectedly|early EOF/i,
    hint: 'the connection broke off, which may pass; if it does not, check the port, and whether what is sent is whole',
  },
  'login-wanted': {
    said: /Authentication failed|could not read (?:Username|Password)|error: 401/,
    hint: 'give a token that may read it with --git-token-file, and the user name that the host wants with it with --git-user',
  },
  forbidden: {
    said: /error: 403/,
    hint: 'the token may not read this repository: give it the right to, or another one with --git-token-file',
  },
  'busy-host': {
    said: /error: (?:429|5\d\d)/,
    hint: 'the git host has a fault of its own, or wants fewer requests: try later, or ask whoever runs it',
  },
  redirected: {
    said: /unable to update url base from redirection|Maximum \(\d+\) redirects followed|error: 30[1278]/,
    hint: 'the address leads to another one that is no repository, as that of a login: check the URL, and take the new one if the repository has moved',
  },
  'no-git-host': {
    said: /not valid: (?:could not determine hash algorithm|is this a git repository)|invalid server response|protocol error: (?:bad line|unexpected '<|expected service)|bad line length character/,
    hint: 'what answers there is a page, and not git: check the URL',
  },
  shallow: {
    said: /shallow (?:roots are not allowed|file has changed)|source repository is shallow|Failed to traverse parents of commit/,
    hint: 'the repository there lacks a part of its history, as a shallow clone does: name the one that it was cloned from, or run `git fetch --unshallow` in it',
  },
  'no-branch': {
    said: /couldn't find remote ref|Remote branch .* not found/,
    hint: 'name a branch that is there with --branch',
  },
  'not-found': {
    said: /repository '?https?:.*not found|Repository not found|error: 404/i,
    hint: 'check the address; to strangers, hosts say the same of what they may not see: --git-token-file',
  },
  'no-repository': {
    said: /not appear to be a git repository|not found|does not exist|No such file or directory/i,
    hint: 'check the address: there is no git repository at this path',
  },
} as const satisfies Readonly<Record<string, GitFailure>>;

/** The first failure that fits; undefined where none does. */
export function findFailure(failures: readonly GitFailure[], said: string): GitFailure | undefined {
  return failures.find((one) => one.said.test(said));
}
