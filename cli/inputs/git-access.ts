// What lets git in at a git host: a token, an ssh key, known hosts, authorities. The files are looked at
// before git is started, as what git and ssh say of them later is seldom the fault itself. git and ssh read
// them each time, so that what is replaced is seen.
import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { GitAccess } from '../../generator/sources/git/processes/git-environment.ts';
import { canTellSsh } from '../../generator/sources/git/processes/ssh-command.ts';
import { MOST_TEXT_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import type { OptionName, Settings } from '../base/options.ts';
import type { Environment } from '../base/read-settings.ts';
import { UsageError } from '../base/usage-error.ts';

/** The options that say how git gets in. */
export const GIT_ACCESS_OPTIONS = [
  'git-token-file',
  'git-user',
  'git-ssh-key-file',
  'git-known-hosts-file',
  'git-ca-file',
] as const satisfies readonly OptionName[];

const FOR_SSH: readonly OptionName[] = ['git-ssh-key-file', 'git-known-hosts-file'];
const READABLE = 'make it readable for the user that runs lookaside';
const COMPARED = 'ssh-keyscan HOST prints its keys; compare them with what the host publishes';

/**
 * How git gets in at a URL, but for the token; '' for a directory.
 * @throws UsageError naming the file that cannot be used, or a flag without effect
 */
export async function readGitAccess(
  url: string,
  settings: Settings,
  environment: Environment,
): Promise<GitAccess> {
  assertOfUse(url, settings);
  const { origins } = settings;
  const access = {
    ...(origins['git-user'] !== undefined && { user: settings['git-user'] }),
    ...(isSsh(url) && {
      sshKeyFile: settings['git-ssh-key-file'],
      knownHostsFile: settings['git-known-hosts-file'],
    }),
    ...(isHttps(url) && { caFile: settings['git-ca-file'] }),
  };
  if (access.sshKeyFile) await assertSshKey(access.sshKeyFile, environment);
  if (access.knownHostsFile) await assertKnownHosts(access.knownHostsFile);
  if (access.caFile) await assertAuthorities(access.caFile);
  return access;
}

/** In the environment and in files, options may be for other runs. */
function assertOfUse(url: string, { origins, ...settings }: Settings): void {
  const isFlag = (name: OptionName): boolean => origins[name] === `--${name}`;
  const idle = FOR_SSH.find((name) => isFlag(name) && !isSsh(url));
  if (idle !== undefined) {
    throw new UsageError(`--${idle} is for ssh sources, got another one`, 'leave it out');
  }
  if (isFlag('git-ca-file') && !isHttps(url)) {
    throw new UsageError('--git-ca-file is for https:// sources, got another one', 'leave it out');
  }
  if (isFlag('git-user') && settings['git-token-file'] === undefined) {
    const message = '--git-user goes with a token, and there is none';
    throw new UsageError(message, 'name the file of the token with --git-token-file');
  }
}

function isSsh(url: string): boolean {
  return /^ssh:/i.test(url) || /^(?![a-z][a-z0-9+.-]*:\/\/)[^/:]+:/i.test(url);
}

function isHttps(url: string): boolean {
  return /^https:/i.test(url);
}

async function read(option: OptionName, file: string): Promise<Buffer> {
  try {
    return await readBounded(file, MOST_TEXT_BYTES);
  } catch (cause) {
    const hint = hasCode(cause, 'ENOENT', 'EISDIR') ? 'check the path' : READABLE;
    const said = messageOf(cause).replace(`${file}: `, '');
    throw new UsageError(`--${option}: cannot read ${file}: ${said}`, hint, { cause });
  }
}

function assertPath(option: OptionName, file: string): void {
  if (canTellSsh(file)) return;
  const message = `--${option}: ssh takes no path with a quote, a control character or \${ in it: ${JSON.stringify(file)}`;
  throw new UsageError(message, 'rename the file, or put a link to it somewhere else');
}

const OPENSSH_END = '-----END OPENSSH PRIVATE KEY-----';

async function assertSshKey(file: string, environment: Environment): Promise<void> {
  const option = 'git-ssh-key-file';
  assertPath(option, file);
  const text = (await read(option, file)).toString('latin1');
  const fail = (fault: string, hint: string): never => {
    throw new UsageError(`--${option}: ${file} ${fault}`, hint);
  };
  if (/^(?:ssh-|ecdsa-|sk-)\S+ AAAA/.test(text)) {
    fail('is a public key', 'name the private key, which has the same name without .pub');
  }
  if (!/^-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(text)) {
    fail(
      text.trim() === '' ? 'is empty' : 'is no private key',
      'make one: ssh-keygen -t ed25519 -f FILE',
    );
  }
  // ssh compares the first line and the last one byte by byte, and says "error in libcrypto".
  if (text.includes('OPENSSH') && (text.includes('\r') || !text.includes(`${OPENSSH_END}\n`))) {
    fail(
      'has no plain newline behind each line',
      'end each line, the last one too, with a newline and no carriage return',
    );
  }
  if (isEncrypted(text) && !environment['SSH_AUTH_SOCK']) {
    fail(
      'has a passphrase, for which nobody can be asked',
      'take it off (ssh-keygen -p -f FILE), or let an ssh-agent hold the key (SSH_AUTH_SOCK)',
    );
  }
  await assertPrivate(option, file);
}

/** As ssh has it: only files of the user itself have to be kept from others. */
async function assertPrivate(option: OptionName, file: string): Promise<void> {
  const self = await stat('/proc/self').catch(() => undefined);
  const { mode, uid } = await stat(file);
  const others = mode & 0o077;
  if (others === 0 || (self && self.uid !== uid)) return;
  const found = (mode & 0o777).toString(8).padStart(4, '0');
  throw new UsageError(
    `--${option}: ${file} may be read by others (mode ${found}), and ssh takes no such key`,
    `chmod 600 ${file}; in Kubernetes, defaultMode: 0400 for the volume`,
  );
}

/** Whether a private key is locked by a passphrase. */
function isEncrypted(text: string): boolean {
  if (/^-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(text)) return true;
  const [, body] = /BEGIN OPENSSH PRIVATE KEY-----\n([^-]*)/.exec(text) ?? [];
  if (body === undefined) return false;
  // PROTOCOL.key of OpenSSH: a word with a NUL, then the length and the name of the cipher.
  const bytes = Buffer.from(body, 'base64');
  return bytes.toString('latin1', 19, 19 + 4) !== 'none';
}

/** `[@MARKER] HOSTS TYPE KEY`. */
const KNOWN_HOST = /^(?:@\S+[ \t]+)?\S+[ \t]+\S+[ \t]+[A-Za-z0-9+/]{20}/m;

async function assertKnownHosts(file: string): Promise<void> {
  const option = 'git-known-hosts-file';
  assertPath(option, file);
  const text = (await read(option, file)).toString('latin1');
  if (KNOWN_HOST.test(text.replaceAll(/^[ \t]*#.*$/gm, ''))) return;
  const fault = text.trim() === '' ? 'is empty' : 'has no line HOST TYPE KEY';
  throw new UsageError(`--${option}: ${file} ${fault}, so no host could be trusted`, COMPARED);
}

async function assertAuthorities(file: string): Promise<void> {
  const option = 'git-ca-file';
  const bytes = await read(option, file);
  const text = bytes.toString('latin1');
  const found = text.match(
    /-----BEGIN (?:[A-Z0-9]+ )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]+-----/g,
  );
  if (!found) {
    // A DER certificate is a SEQUENCE.
    const isDer = bytes[0] === 0x30;
    throw new UsageError(
      `--${option}: ${file} ${bytes.length === 0 ? 'is empty' : 'has no certificate in PEM'}`,
      isDer
        ? `openssl x509 -inform der -in ${file} -out ca.pem`
        : 'name the certificate of your authority: lines from -----BEGIN CERTIFICATE----- on',
    );
  }
  for (const [index, pem] of found.entries()) {
    const fault = faultOf(pem);
    if (fault === undefined) continue;
    const which = found.length === 1 ? 'the certificate' : `certificate ${index + 1}`;
    const message = `--${option}: ${file}: ${which} cannot be read: ${fault}`;
    throw new UsageError(message, 'copy it again, whole');
  }
}

/** Why a certificate cannot be read; undefined where it can. */
function faultOf(pem: string): string | undefined {
  try {
    void new X509Certificate(pem).fingerprint256;
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
