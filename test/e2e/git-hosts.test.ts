// The shortest way through each kind of git host: sshd with a key and known hosts of our own, and HTTPS with a
// private authority and a user name. The long tests try the rest.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from '../kit/program/lookaside.ts';
import { serveGitHttps } from '../kit/remote/git-https.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { startGitSsh } from '../kit/remote/git-ssh.ts';
import { useTemporary } from '../kit/temporary.ts';
import { Authority } from '../kit/web/authority.ts';
import { describeWith } from '../with-tools.ts';

describeWith(['git', 'git-http-backend', 'sshd', 'openssl'], 'a git host', () => {
  const directory = useTemporary();
  const at = (name: string): string => join(directory(), name);
  let remote: GitRemote;
  before(async () => {
    remote = await makeGitRemote();
    await remote.publish({ 'README.md': 'x' });
  });
  after(() => remote.remove());

  it('is reached over ssh with the files of the configuration', async () => {
    const ssh = await startGitSsh();
    const config = `git-ssh-key-file: ${ssh.keyFile}\ngit-known-hosts-file: ${ssh.knownHostsFile}\n`;
    await writeFile(at('config.yaml'), config);
    // What the user has would not do.
    const env = { GIT_SSH_COMMAND: 'false', SSH_AUTH_SOCK: undefined };
    const args = ['check', ssh.urlOf(remote.path), '--config', at('config.yaml')];
    const { code, stderr } = await runLookaside(args, { env });
    assert.equal(code, 0, stderr);
    await ssh.stop();
  });

  it('is reached over HTTPS with an authority, and a user name of its own', async () => {
    const authority = await Authority.make(directory());
    const tls = await authority.issue('IP:127.0.0.1');
    const login = 'gitlab+deploy-token-1:s3cret';
    const https = await serveGitHttps(remote.path, tls, login);
    await writeFile(at('token'), 's3cret\n');
    const [user = ''] = login.split(':');
    const access = ['--git-token-file', at('token'), '--git-user', user];
    const env = { LOOKASIDE_GIT_CA_FILE: authority.file };
    const { code, stderr } = await runLookaside(['check', https.url, ...access], { env });
    assert.equal(code, 0, stderr);
    assert.deepEqual([...new Set(https.logins)], [login]);
    await https.stop();
  });
});
