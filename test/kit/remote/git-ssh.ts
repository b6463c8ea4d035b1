import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { toolPath } from '../../with-tools.ts';
import { startBackground } from '../process/background.ts';
import { freePort } from '../process/free-port.ts';
import { runOrThrow } from '../process/run.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export interface GitSsh {
  /** `ssh://USER@127.0.0.1:PORT/PATH`. */
  readonly url: string;
  /** With which git reaches it: a key and known hosts of its own. */
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

/** Where Debian's sshd leaves its rights behind, when it is started as root. */
const PRIVILEGE_SEPARATION = '/run/sshd';

/** Serves a repository by an sshd of its own. */
export async function serveGitSsh(repository: string): Promise<GitSsh> {
  const home = await makeTemporary(0o700);
  const port = await freePort();
  const [hostKey, userKey, config, known] = ['host', 'user', 'sshd_config', 'known_hosts'].map(
    (name) => join(home, name),
  ) as [string, string, string, string];
  for (const key of [hostKey, userKey]) {
    await runOrThrow('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  }
  const lines = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${userKey}.pub`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  if (process.getuid?.() === 0) await mkdir(PRIVILEGE_SEPARATION, { recursive: true });
  const server = await startBackground(toolPath('sshd'), ['-D', '-e', '-f', config]);
  await server.waitForLine(/Server listening on/);
  const options = [`-i ${userKey}`, '-o IdentitiesOnly=yes', `-o UserKnownHostsFile=${known}`];
  options.push('-o StrictHostKeyChecking=accept-new', '-F /dev/null');
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}${repository}`,
    env: { GIT_SSH_COMMAND: `ssh ${options.join(' ')}` },
    stop: async () => {
      await server.stop();
      await removeTemporary(home);
    },
  };
}
