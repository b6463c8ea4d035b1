import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { UserGit } from '../../../signing/target/user-git.ts';
import { eventually } from '../../kit/eventually.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { PUSHER } from '../../kit/push/push-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

describeWith(['git'], 'git as the user has it', () => {
  const directory = useTemporary();

  it('waits no longer than it is told for a remote that says nothing', async () => {
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const environment = { ...process.env, ...PUSHER };
    const git = new UserGit({ environment, hasTerminal: false, patience: 300 });
    const url = `http://127.0.0.1:${port}/signatures.git`;
    try {
      await assert.rejects(git.run(directory(), ['ls-remote', url], { isRemote: true }), {
        name: 'RepositoryError',
        message: 'git ls-remote was stopped: it said nothing for 300 ms',
        hint: /does not answer.*--timeout/,
      });
    } finally {
      silent.close();
    }
  });

  it('waits no longer for a helper that hangs, and leaves none behind', async () => {
    const pid = join(directory(), 'pid');
    const config = join(directory(), 'gitconfig');
    const helper = `!f() { echo $$ >'${pid}'; exec sleep 600; }; f`;
    await writeFile(config, `[credential]\n\thelper = "${helper}"\n`);
    const host = createHttpServer((_request, response) => {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic' }).end();
    });
    host.listen(0, '127.0.0.1');
    await once(host, 'listening');
    const { port } = host.address() as AddressInfo;
    const environment = { ...process.env, ...PUSHER, GIT_CONFIG_GLOBAL: config };
    const git = new UserGit({ environment, hasTerminal: false, patience: 1000 });
    const url = `http://127.0.0.1:${port}/signatures.git`;
    await assert.rejects(git.run(directory(), ['ls-remote', url], { isRemote: true }), {
      message: 'git ls-remote was stopped: it said nothing for 1 s',
      hint: /git waits for a credential helper or ssh: see what `git ls-remote REPO` does/,
    });
    const helperId = Number(await readFile(pid, 'utf8'));
    await eventually(() => assert.throws(() => process.kill(helperId, 0), { code: 'ESRCH' }));
    host.close();
    host.closeAllConnections();
  });

  it('forgets passwords at its end, also after it was stopped', async () => {
    const repository = join(directory(), 'scratch.git');
    await runOrThrow('git', ['init', '--quiet', '--bare', repository]);
    const stopping = new AbortController();
    const git = new UserGit({
      environment: { ...process.env, ...PUSHER },
      hasTerminal: true,
      ending: stopping.signal,
    });
    const place = join(directory(), 'passwords');
    await git.rememberPasswords(place);
    const socket = join(place, 'socket');
    await git.print(repository, ['credential-cache', '--socket', socket, 'store'], {
      input: Buffer.from('protocol=https\nhost=git.example\nusername=x\npassword=s3cret\n\n'),
    });
    await stat(socket);
    stopping.abort();
    await git.close(repository);
    await eventually(() => assert.rejects(stat(socket), { code: 'ENOENT' }));
  });
});
