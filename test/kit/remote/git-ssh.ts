import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { toolPath } from '../../with-tools.ts';
import { startBackground } from '../process/background.ts';
import { freePort } from '../process/free-port.ts';
import { runOrThrow } from '../process/run.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

/** Where sshd puts those away that have not logged in, if it runs as root. */
const PRIVILEGE_SEPARATION = '/run/sshd';

export interface GitSsh {
  /** The URL of a repository on this machine's disk. */
  readonly urlOf: (path: string) => string;
  readonly port: number;
  /** The private key that it lets in. */
  readonly keyFile: string;
  /** The key of the host, as known_hosts has it. */
  readonly knownHostsFile: string;
  /** What git needs in its environment to log in there: key, known host, no configuration. */
  readonly environment: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

/** Starts an sshd on 127.0.0.1 that lets in the user of the tests, by a key of its own. */
export async function startGitSsh(): Promise<GitSsh> {
  const directory = await makeTemporary(0o700);
  const at = (name: string): string => join(directory, name);
  const port = await freePort();
  for (const name of ['host', 'client']) {
    await runOrThrow('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
    await chmod(at(name), 0o600);
  }
  const { stdout: hostKey } = await runOrThrow('ssh-keygen', ['-y', '-f', at('host')]);
  await writeFile(at('known_hosts'), `[127.0.0.1]:${port} ${hostKey}`);
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('client.pub')}`,
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    // The directory of the keys lies below one that everybody may write to.
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
  ];
  await writeFile(at('sshd_config'), `${settings.join('\n')}\n`);
  if (process.geteuid?.() === 0) await mkdir(PRIVILEGE_SEPARATION, { recursive: true });
  const sshd = await startBackground(toolPath('sshd'), ['-D', '-e', '-f', at('sshd_config')]);
  await sshd.waitForPort(port);
  const options = [
    'IdentitiesOnly=yes',
    `IdentityFile=${at('client')}`,
    `UserKnownHostsFile=${at('known_hosts')}`,
    'BatchMode=yes',
  ];
  const flags = options.map((option) => `-o ${option}`).join(' ');
  return {
    port,
    keyFile: at('client'),
    knownHostsFile: at('known_hosts'),
    urlOf: (path) => `ssh://${userInfo().username}@127.0.0.1:${port}${path}`,
    environment: { GIT_SSH_COMMAND: `ssh -F none ${flags}` },
    stop: async () => {
      await sshd.stop();
      await removeTemporary(directory);
    },
  };
}
